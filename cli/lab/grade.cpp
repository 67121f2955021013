#include "cli/lab/grade.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <memory>
#include <mutex>
#include <sstream>
#include <thread>

#include "cli/command.h"
#include "cli/lab/build.h"
#include "cli/lab/exercises.h"
#include "cli/lab/judge.h"
#include "cli/lab/sandbox.h"
#include "cli/lab/symbols.h"
#include "cli/lab/workspace.h"
#include "tinytorch/core/error.h"

namespace tinytorch::lab {

namespace fs = std::filesystem;

namespace {

constexpr int kCases = 24;            // of an exercise
constexpr int kLeastCases = 3;        // of one that takes long: no more than fit into
constexpr double kCaseSeconds = 0.2;  // the reference's time for all of them
constexpr int kSpeedCases = 2;        // of one whose time counts
constexpr size_t kCaseBytes = 64;
constexpr uintmax_t kMostBytes = 1 << 20;  // of a submitted file
constexpr int kCompiler = 90;              // its user, counted from a worker's

// A folder of our own that others may look into; gone when this object is.
class WorkFolder {
 public:
  WorkFolder() {
    std::string name = (fs::temp_directory_path() / "tito-grade-XXXXXX").string();
    if (!mkdtemp(name.data())) throw IoError("no temporary folder: " + name);
    path_ = name;
    fs::permissions(path_, fs::perms(0755));
  }
  WorkFolder(const WorkFolder&) = delete;
  WorkFolder& operator=(const WorkFolder&) = delete;
  ~WorkFolder() {
    std::error_code ec;
    fs::remove_all(path_, ec);
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// What the compiler of a submission may see of the installation: headers, and the precompiled one.
void copy_headers(const std::string& home, const fs::path& to) {
  for (const auto& entry : fs::recursive_directory_iterator(home + "/tinytorch")) {
    if (entry.path().extension() != ".h") continue;
    const fs::path copy = to / fs::relative(entry.path(), home);
    fs::create_directories(copy.parent_path());
    fs::copy_file(entry.path(), copy);
  }
  const std::string precompiled = "build/release/CMakeFiles/tinytorch.dir";
  fs::create_directories(to / precompiled);
  for (const char* name : {"cmake_pch.hxx", "cmake_pch.hxx.gch"})
    if (fs::exists(fs::path(home) / precompiled / name))
      fs::copy_file(fs::path(home) / precompiled / name, to / precompiled / name);
}

// A file of a submission as text. A link, a pipe, a device or a giant is none.
std::string read_submitted(const fs::path& root, const std::string& name) {
  fs::path path = root;
  for (const fs::path& part : fs::path(name)) {
    path /= part;
    if (fs::is_symlink(fs::symlink_status(path))) throw IoError(name + ": is a link");
  }
  if (!fs::is_regular_file(fs::symlink_status(path))) throw IoError(name + ": is no file");
  if (fs::file_size(path) > kMostBytes) throw IoError(name + ": is larger than 1 MiB");
  return read_text(path.string());
}

// SplitMix64 (Steele, Lea, Flood, 2014).
std::string random_bytes(uint64_t& state, size_t count) {
  std::string bytes;
  while (bytes.size() < count) {
    uint64_t z = state += 0x9e3779b97f4a7c15U;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9U;
    z = (z ^ z >> 27) * 0x94d049bb133111ebU;
    z ^= z >> 31;
    for (int i = 0; i < 8; ++i) bytes += static_cast<char>(z >> (8 * i));
  }
  return bytes.substr(0, count);
}

// The questions of a module and what the reference answers.
struct Sheet {
  struct Case {
    std::string bytes;
    Answer answer;
  };
  const Module* module;
  std::vector<Exercise> exercises;
  std::map<std::string, std::vector<Case>> cases;  // by exercise
};

// Why an #include among a student's lines is not taken; empty: it is. Headers of the system and the
// framework are meant for everyone, all else is somebody's file.
std::string refused_include(const std::string& text) {
  std::string joined;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size() && text[i + 1] == '\n')
      ++i;
    else
      joined += text[i];
  }
  std::istringstream lines(joined);
  for (std::string line; std::getline(lines, line);) {
    const std::string code = tokens(line);
    if (!code.starts_with("#") && !code.starts_with("%:")) continue;
    std::istringstream words(code.substr(code[0] == '#' ? 1 : 2));
    std::string word;
    words >> word;
    if (word == "embed") return line;
    if (!word.starts_with("include") && word != "import") continue;
    std::string rest = line.substr(line.find(word) + word.size());
    std::erase_if(rest, [](char c) { return c == ' ' || c == '\t' || c == '\r'; });
    const bool plain = word == "include" && rest.find("..") == std::string::npos &&
                       (rest.starts_with('<') || (rest.starts_with("\"tinytorch/") &&
                                                  rest.find(".h\"") != std::string::npos)) &&
                       !rest.starts_with("</");
    if (!plain) return line;
  }
  return "";
}

class Grader {
 public:
  explicit Grader(const GradeRequest& request) : request_(request), sandbox_(request.home) {
    const LabBuild builder(request.home, work_.path(), work_.path(), Profile::kRelease);
    builder.prepare();
    prebuilt_ = builder.prebuilt();
    copy_headers(request.home, work_.path() + "/home");
  }

  Grades run() {
    Grades grades;
    grades.sandbox = sandbox_.name();
    grades.modules = request_.modules.empty() ? handed_in() : request_.modules;
    uint64_t seed = request_.seed;
    for (const Module* module : grades.modules) sheets_.push_back(make_sheet(*module, seed));
    grades.submissions.resize(request_.submissions.size());
    name_them(grades.submissions);
    std::atomic<size_t> next{0};
    const auto work = [&](int worker) {
      for (size_t i = next++; i < grades.submissions.size(); i = next++)
        grade_one(grades.submissions[i], worker, i);
    };
    std::vector<std::thread> threads;
    for (int i = 1; i < request_.workers; ++i) threads.emplace_back(work, i);
    work(0);
    for (std::thread& thread : threads) thread.join();
    grades.similar = compare(texts_, reference_text());
    return grades;
  }

 private:
  std::vector<const Module*> handed_in() const {
    std::vector<const Module*> modules;
    for (const Module& module : request_.course)
      for (const std::string& path : request_.submissions)
        if (fs::is_directory(path + "/modules/" + module.name)) {
          modules.push_back(&module);
          break;
        }
    return modules;
  }

  // The folder's name; a second one of the same name gets a number.
  void name_them(std::vector<SubmissionGrade>& list) const {
    std::map<std::string, int> seen;
    for (size_t i = 0; i < list.size(); ++i) {
      list[i].path = request_.submissions[i];
      fs::path path = fs::absolute(list[i].path).lexically_normal();
      if (!path.has_filename()) path = path.parent_path();
      list[i].name = path.filename().string();
      if (const int count = ++seen[list[i].name]; count > 1)
        list[i].name += "-" + std::to_string(count);
    }
  }

  Program examined(const std::string& program, const Module& module, int worker) const {
    std::vector<std::string> environment = {"TITO_CONFINED=1",
                                            "TINYTORCH_KERNELS=", "TINYTORCH_NUM_THREADS=2"};
    if (module.exercise_files) environment.push_back("TITO_EXERCISE_FILES=1");
    // Out of namespaces the program is where it is.
    const bool inside = std::string(sandbox_.name()) != "none";
    return sandbox_.confine(
        {{inside ? "/tmp/program" : program, "--report", "3"}, "", environment, {}},
        {{program, "/tmp/program"}}, {}, worker);
  }

  Sheet make_sheet(const Module& module, uint64_t& seed) {
    Sheet sheet;
    sheet.module = &module;
    const std::string program = prebuilt_ + "/lab_" + module.name + "_grade";
    if (!fs::exists(program))
      throw cli::EnvironmentError(module.name + " has no exercises here; nothing can be graded.");
    // Where everyone may read it, as a submission's program.
    const std::string copy = work_.path() + "/reference-" + module.name;
    fs::copy_file(program, copy);
    sheet.exercises = list_exercises(copy);
    Examinee reference(examined(copy, module, 0));
    for (const Exercise& exercise : sheet.exercises) {
      std::vector<Sheet::Case>& cases = sheet.cases[exercise.name];
      double seconds = 0;
      const int most = exercise.speed ? kSpeedCases : kCases;
      for (int i = 0; i < most && (i < kLeastCases || seconds < kCaseSeconds); ++i) {
        Sheet::Case one{random_bytes(seed, kCaseBytes), {}};
        one.answer = reference.ask(exercise.name, one.bytes);
        seconds += one.answer.seconds;
        if (one.answer.state == Answer::State::kCrash || one.answer.state == Answer::State::kTodo)
          throw cli::EnvironmentError(fmt::format("{}: the reference does not answer {}: {}",
                                                  module.name, exercise.name, one.answer.text));
        cases.push_back(std::move(one));
      }
    }
    return sheet;
  }

  void grade_one(SubmissionGrade& grade, int worker, size_t number) {
    const auto start = std::chrono::steady_clock::now();
    try {
      if (!fs::is_directory(grade.path)) throw IoError(grade.path + ": is no folder");
      if (!fs::is_directory(grade.path + "/modules"))
        throw IoError(grade.path + ": has no folder modules/: it is no lab");
      Lab lab;
      lab.home = request_.home;
      lab.folder = fmt::format("{}/submission-{}", work_.path(), number);
      lab.course = request_.course;
      const State told = state_of_lab(grade.path);
      std::string begun;
      for (const Sheet& sheet : sheets_) {
        grade.modules.push_back(grade_module(lab, sheet, grade.path, worker, begun));
        for (TaskGrade& task : grade.modules.back().tasks)
          if (const auto record = told.tasks.find(task.task->id); record != told.tasks.end())
            task.hints = record->second.hints, task.solution = record->second.solution;
      }
      const std::lock_guard lock(mutex_);
      texts_.emplace_back(grade.name, begun);
    } catch (const std::exception& e) {
      grade.problem = e.what();
      grade.modules.clear();
      for (const Sheet& sheet : sheets_) grade.modules.push_back(nothing(*sheet.module, e.what()));
    }
    grade.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }

  static ModuleGrade nothing(const Module& module, const std::string& why) {
    ModuleGrade grade{&module, {}};
    for (const Task& task : module.tasks) {
      TaskGrade none;
      none.task = &task, none.state = "TODO", none.text = why;
      grade.tasks.push_back(std::move(none));
    }
    return grade;
  }

  // Hints and solutions as the lab remembers them; a lab that remembers nothing is none the worse.
  static State state_of_lab(const std::string& path) {
    try {
      read_submitted(path, ".tito/state.json");
      return load_state(path);
    } catch (const std::exception&) {
      return {};
    }
  }

  // Copies a module's files to where they are built; the reasons for those that cannot be taken.
  std::map<std::string, std::string> take(const Lab& lab, const Module& module,
                                          const std::string& from) const {
    std::map<std::string, std::string> reasons;
    std::vector<std::string> names = module.files();
    names.insert(names.end(), module.given.begin(), module.given.end());
    const std::string folder = "modules/" + module.name + "/";
    for (const std::string& file : names) {
      const std::string name = folder + file;
      if (!fs::exists(fs::symlink_status(fs::path(from) / name))) continue;
      try {
        const std::string text = read_submitted(from, name);
        parse_source(text, name);
        write_text(lab.folder + "/" + name, text);
      } catch (const std::exception& e) {
        reasons[file] = e.what();
      }
    }
    return reasons;
  }

  ModuleGrade grade_module(Lab& lab, const Sheet& sheet, const std::string& from, int worker,
                           std::string& begun) {
    const Module& module = *sheet.module;
    if (!fs::exists(from + "/modules/" + module.name)) return nothing(module, "not handed in");
    const auto reasons = take(lab, module, from);
    std::vector<TaskResult> tasks;
    for (const Task& task : module.tasks) {
      TaskResult result;
      if (const auto reason = reasons.find(task.file); reason != reasons.end())
        result.task = &task, result.state = "FAIL", result.text = reason->second;
      else if (!fs::exists(lab.folder + "/modules/" + module.name + "/" + task.file))
        result.task = &task, result.state = "TODO", result.text = task.file + " was not handed in";
      else
        result = look_at(lab.folder, module, task, lab.state);
      if (result.state.empty()) {
        const SourceFile file = read_source(lab.folder, "modules/" + module.name + "/" + task.file);
        std::string text;
        for (const Region& region : file.regions)
          if (module.task_of(region.id) == &task) text += file.body(region) + "\n";
        begun += text;
        for (const Region& region : file.regions)
          if (region.is_helpers()) text += file.body(region) + "\n";
        if (const std::string line = refused_include(text); !line.empty())
          result.state = "REFUSED", result.text = "may not be included: " + line;
      }
      tasks.push_back(std::move(result));
    }
    const Run together = run_open(lab, sheet, tasks, worker);
    const bool alone = given_files(lab).empty();
    ModuleGrade grade{&module, {}};
    for (const TaskResult& task : tasks) {
      const auto found = together.tasks.find(task.task->id);
      if (found == together.tasks.end()) {
        TaskGrade closed;
        closed.task = task.task, closed.state = task.state, closed.text = task.text;
        grade.tasks.push_back(std::move(closed));
      } else if (!alone || found->second.state == "PASS") {
        grade.tasks.push_back(found->second);
      } else {
        std::vector<TaskResult> only(1);
        only[0].task = task.task;
        Run run = run_open(lab, sheet, only, worker);
        if (const auto own = run.tasks.find(task.task->id); own != run.tasks.end()) {
          grade.tasks.push_back(own->second);
        } else {
          TaskGrade closed;
          closed.task = task.task, closed.state = only[0].state, closed.text = only[0].text;
          grade.tasks.push_back(std::move(closed));
        }
      }
    }
    return grade;
  }

  struct Run {
    std::map<std::string, TaskGrade> tasks;  // those that were open and compile, by id
  };

  // Builds the open tasks into one program and examines it. Tasks that do not compile get a state.
  Run run_open(const Lab& lab, const Sheet& sheet, std::vector<TaskResult>& tasks, int worker) {
    const Module& module = *sheet.module;
    const LabBuild& builder = builder_of(worker);
    Verdict ignored;
    const BuildResult built = build_open(builder, lab, module, module.name + "_grade", tasks,
                                         Others::kReference, ignored);
    Run run;
    if (built.program.empty()) return run;
    // An object that was judged before, in the same company, is judged the same.
    std::string key;
    for (const auto& [file, object] : built.objects) key += object + "\n";
    Examinee examinee(examined(built.program, module, worker));
    for (const TaskResult& task : tasks) {
      if (!task.state.empty()) continue;
      TaskGrade& grade = run.tasks[task.task->id];
      {
        const std::lock_guard lock(mutex_);
        if (const auto known = known_.find(key + task.task->id); known != known_.end())
          grade = known->second;
      }
      if (!grade.task) {
        grade = examine(sheet, *task.task, built, examinee, worker);
        const std::lock_guard lock(mutex_);
        known_[key + task.task->id] = grade;
      }
    }
    return run;
  }

  TaskGrade examine(const Sheet& sheet, const Task& task, const BuildResult& built,
                    Examinee& examinee, int worker) {
    TaskGrade grade;
    grade.task = &task;
    grade.state = "PASS";
    const auto worse = [&](const char* state, const std::string& text) {
      if (grade.state == "PASS") grade.text = text;
      if (grade.state != "CRASH") grade.state = state;
    };
    if (const auto object = built.objects.find(task.file); object != built.objects.end())
      if (const auto calls = foreign_calls(prebuilt_, task, object->second, built.objects);
          !calls.empty()) {
        worse("REFUSED", "it calls what this task may not call: " + calls.front());
        return grade;
      }
    bool todo = false;
    for (const Exercise& exercise : sheet.exercises) {
      if (exercise.task != task.id) continue;
      ExerciseGrade result{exercise.name, 0, 0, ""};
      for (const Sheet::Case& one : sheet.cases.at(exercise.name)) {
        const Answer answer = examinee.ask(exercise.name, one.bytes);
        const std::string why = difference(one.answer, answer);
        ++result.cases;
        todo = todo || answer.state == Answer::State::kTodo;
        if (why.empty()) {
          ++result.right;
          continue;
        }
        if (result.why.empty()) result.why = why;
        worse(answer.state == Answer::State::kCrash ? "CRASH" : "FAIL", exercise.name + ": " + why);
        if (answer.state == Answer::State::kCrash) break;  // an endless loop ends once
      }
      grade.exercises.push_back(std::move(result));
    }
    if (todo) grade.state = "TODO";
    if (grade.state != "PASS") return grade;
    grade.score = task.points - task.speed;
    if (task.speed > 0) {
      grade.speed_ratio = measure_speed(sheet, task, built.program, worker);
      grade.score += task.speed *
                     std::clamp((grade.speed_ratio - kNoSpeed) / (kFullSpeed - kNoSpeed), 0.0, 1.0);
    }
    return grade;
  }

  // Time of the reference by own time, for the exercise that does worst; both in turns, the least
  // of some rounds, more where it looks slow: a neighbour may have been at work.
  double measure_speed(const Sheet& sheet, const Task& task, const std::string& program,
                       int worker) {
    const std::lock_guard lock(speed_mutex_);
    Examinee own(examined(program, *sheet.module, worker));
    Examinee reference(
        examined(work_.path() + "/reference-" + sheet.module->name, *sheet.module, worker));
    double worst = 1e9;
    for (const Exercise& exercise : sheet.exercises) {
      if (exercise.task != task.id || !exercise.speed) continue;
      const std::string& bytes = sheet.cases.at(exercise.name)[0].bytes;
      double own_s = 1e9, reference_s = 1e9;
      for (int round = 0; round < 20; ++round) {
        own_s = std::min(own_s, own.ask(exercise.name, bytes).seconds);
        reference_s = std::min(reference_s, reference.ask(exercise.name, bytes).seconds);
        if (round >= 4 && reference_s / own_s >= kFullSpeed + 0.1) break;
      }
      worst = std::min(worst, reference_s / own_s);
    }
    return worst;
  }

  const LabBuild& builder_of(int worker) {
    const std::lock_guard lock(mutex_);
    std::unique_ptr<LabBuild>& builder = builders_[worker];
    if (builder) return *builder;
    const std::string folder = fmt::format("{}/worker-{}", work_.path(), worker);
    fs::create_directories(folder + "/objects");
    sandbox_.own(folder + "/objects", kCompiler);
    builder = std::make_unique<LabBuild>(request_.home, folder, folder, Profile::kRelease);
    builder->compile_in([this, folder](const Program& program) {
      Limits limits;
      limits.memory_bytes = int64_t{4} << 30;
      limits.file_bytes = int64_t{256} << 20;
      limits.reads_ours = true;  // the compiler: headers of the installation
      fs::create_directories(folder + "/overlay");
      return sandbox_.confine(program,
                              {{work_.path() + "/home", request_.home},
                               {folder + "/overlay", folder + "/overlay"},
                               {folder + "/objects", folder + "/objects", true}},
                              limits, kCompiler);
    });
    return *builder;
  }

  std::string reference_text() const {
    std::string text;
    for (const Sheet& sheet : sheets_)
      for (const std::string& name : sheet.module->files()) {
        const SourceFile file = read_reference(request_.home, name);
        for (const Region& region : file.regions)
          if (sheet.module->task_of(region.id)) text += file.body(region) + "\n";
      }
    return text;
  }

  const GradeRequest& request_;
  const Orphans orphans_;
  const WorkFolder work_;
  const Sandbox sandbox_;
  std::string prebuilt_;
  std::vector<Sheet> sheets_;
  std::mutex mutex_, speed_mutex_;
  std::map<int, std::unique_ptr<LabBuild>> builders_;
  std::map<std::string, TaskGrade> known_;
  std::vector<std::pair<std::string, std::string>> texts_;  // begun regions, by submission
};

}  // namespace

double ModuleGrade::score() const {
  double sum = 0;
  for (const TaskGrade& task : tasks) sum += task.score;
  return sum;
}
double ModuleGrade::points() const {
  double sum = 0;
  for (const TaskGrade& task : tasks) sum += task.task->points;
  return sum;
}
double SubmissionGrade::score() const {
  double sum = 0;
  for (const ModuleGrade& module : modules) sum += module.score();
  return sum;
}
double SubmissionGrade::points() const {
  double sum = 0;
  for (const ModuleGrade& module : modules) sum += module.points();
  return sum;
}

Grades grade(const GradeRequest& request) {
  return Grader(request).run();
}

}  // namespace tinytorch::lab
