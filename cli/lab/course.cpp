// Proves a course by running it: the reference passes, a starter is TODO and nothing else, every
// wrong body is caught by the test it names, modules stand alone and one upon the other.
#include "cli/lab/course.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <mutex>
#include <sstream>
#include <thread>

#include "cli/lab/generate.h"
#include "cli/lab/judge.h"
#include "cli/lab/milestones.h"
#include "cli/lab/process.h"
#include "tinytorch/core/error.h"

namespace tinytorch::lab {

namespace fs = std::filesystem;

namespace {

std::string first_lines(const std::string& text, int count) {
  std::istringstream in(text);
  std::string out, line;
  for (int i = 0; i < count && std::getline(in, line); ++i) out += "\n    " + line;
  return out;
}

std::string summary(const std::vector<TestResult>& tests) {
  std::string text;
  for (const TestResult& test : tests)
    text += "\n    " + test.name + ": " + test.state + first_lines(test.text, 6);
  return text;
}

std::string summary(const BuildResult& built) {
  std::string text;
  for (const auto& [region, why] : built.errors) text += first_lines(why, 8);
  return text;
}

class Checker {
 public:
  explicit Checker(const CourseCheck& check)
      : check_(check),
        quick_(check.home, check.home, check.home + "/build/course/quick", Profile::kQuick),
        test_(check.home, check.home, check.home + "/build/course/test", Profile::kTest),
        release_(check.home, check.home, check.home + "/build/course/release", Profile::kRelease),
        milestones_(load_milestones(check.home)) {
    for (const Module& module : check.course)
      for (const std::string& file : module.files()) {
        const std::string name = "tinytorch/" + file;
        references_[file] = parse_source(read_text(check.home + "/" + name), name);
        starters_[file] = parse_source(make_starter(references_[file], module), file);
      }
  }

  CourseReport run() {
    report_.modules = static_cast<int>(check_.selected.size());
    for (const Module& module : check_.selected) {
      report_.tasks += static_cast<int>(module.tasks.size());
      for (const Task& task : module.tasks) points_ += task.points;
      for (const std::string& problem : chapter_problems(module)) {
        report_.chapters_ok = false;
        report_.problems.push_back(problem);
      }
    }
    for (const std::string& problem :
         structure_problems(check_.home, check_.course, check_.selected)) {
      report_.structure_ok = false;
      report_.problems.push_back(problem);
    }
    quick_.prepare();
    test_.prepare();
    if (!check_.sample && check_.selected.size() == check_.course.size()) {
      // First, because the longest of them would else keep one core waiting at the end.
      release_.prepare();
      for (const Milestone& each : milestones_) {
        jobs_.push_back([&](const std::string& as) { milestone(each, "", as); });
        for (const std::string& wrong : each.wrong)
          jobs_.push_back([&](const std::string& as) { milestone(each, wrong, as); });
      }
    }
    for (const Module& module : check_.selected) add_jobs(module);
    run_jobs();
    report_.starter_score = points_ ? 100.0 * starter_points_ / points_ : 0;
    report_.reference_score = points_ ? 100.0 * reference_points_ / points_ : 0;
    std::sort(report_.problems.begin(), report_.problems.end());
    return report_;
  }

 private:
  using Job = std::function<void(const std::string& as)>;

  void add_jobs(const Module& module) {
    jobs_.push_back([&](const std::string& as) { reference(module, quick_, as, true); });
    jobs_.push_back([&](const std::string& as) { reference(module, test_, as, false); });
    jobs_.push_back([&](const std::string& as) { prefix(module, as); });
    if (fs::exists(module.folder + "/layout"))
      jobs_.push_back([&](const std::string& as) { layout(module, as); });
    for (const Task& task : module.tasks)
      if (chosen()) jobs_.push_back([&](const std::string& as) { starter(module, task, as); });
    for (WrongVariant& variant : wrong_variants(module))
      if (chosen())
        jobs_.push_back([this, &module, variant = std::move(variant)](const std::string& as) {
          wrong(module, variant, as);
        });
    for (const Hunt& hunt : module.hunts)
      jobs_.push_back([&](const std::string& as) { this->hunt(module, hunt, as); });
    jobs_.push_back([&](const std::string&) { exercises(module); });
  }

  // In the sampled form every fifth; the others are run by the whole one.
  bool chosen() { return !check_.sample || counter_++ % 5 == 0; }

  void run_jobs() {
    std::atomic<size_t> next{0};
    const auto work = [&](int worker) {
      const std::string as = fmt::format("job-{}", worker);
      for (size_t i = next++; i < jobs_.size(); i = next++) {
        try {
          jobs_[i](as);
        } catch (const std::exception& e) {
          say(e.what());
        }
      }
    };
    std::vector<std::thread> workers;
    for (unsigned i = 1; i < std::max(1U, std::thread::hardware_concurrency()); ++i)
      workers.emplace_back(work, static_cast<int>(i));
    work(0);
    for (std::thread& worker : workers) worker.join();
  }

  void say(const std::string& problem, bool CourseReport::* flag = nullptr) {
    const std::lock_guard lock(mutex_);
    report_.problems.push_back(problem);
    if (flag) report_.*flag = false;
  }

  // The module's files with the bodies of `from` in the regions of these tasks.
  std::vector<Part> parts(const Module& module, const std::map<std::string, SourceFile>& from,
                          const std::string& only = "") const {
    std::vector<Part> list;
    for (const std::string& file : module.files()) {
      Part part{file, from.at(file), {}};
      for (const Task& task : module.tasks)
        if (task.file == file && (only.empty() || task.id == only))
          part.take.insert(task.regions.begin(), task.regions.end());
      if (!part.take.empty()) list.push_back(std::move(part));
    }
    return list;
  }

  static std::vector<std::string> tests_of(const Module& module) {
    std::vector<std::string> names;
    for (const Task& task : module.tasks)
      for (const std::string& test : task.tests)
        if (std::find(names.begin(), names.end(), test) == names.end()) names.push_back(test);
    return names;
  }

  // Each module alone: its reference bodies as a student's, all else prebuilt.
  void reference(const Module& module, const LabBuild& builder, const std::string& as, bool score) {
    const char* how = score ? "" : ", under sanitizers,";
    const BuildResult built = builder.build(module.name, parts(module, references_), {}, as);
    if (built.program.empty())
      return say(
          fmt::format("{}: the reference{} does not build:{}", module.name, how, summary(built)),
          &CourseReport::independence_ok);
    std::map<std::string, TestResult> results;
    for (const TestResult& test : run_tests(built.program, check_.home, tests_of(module)))
      results[test.name] = test;
    for (const Task& task : module.tasks) {
      std::vector<TestResult> bad;
      for (const std::string& name : task.tests)
        if (results[name].state != "PASS") bad.push_back(results[name]);
      if (!bad.empty())
        say(fmt::format("task {}: the reference{} does not pass:{}", task.id, how, summary(bad)),
            &CourseReport::independence_ok);
      else if (score)
        add(reference_points_, task.points);
    }
  }

  void add(int& to, int points) {
    const std::lock_guard lock(mutex_);
    to += points;
  }

  // One unwritten task among written ones.
  void starter(const Module& module, const Task& task, const std::string& as) {
    const BuildResult built = quick_.build(module.name, parts(module, starters_, task.id), {}, as);
    if (built.program.empty())
      return say(fmt::format("task {}: its starter does not build:{}", task.id, summary(built)),
                 &CourseReport::independence_ok);
    const auto tests = run_tests(built.program, check_.home, task.tests);
    std::vector<TestResult> bad;
    for (const TestResult& test : tests)
      if (test.state != "TODO") bad.push_back(test);
    if (state_of(tests) == "PASS") add(starter_points_, task.points);
    if (!bad.empty())
      say(fmt::format("task {}: its starter is not TODO only:{}", task.id, summary(bad)),
          &CourseReport::independence_ok);
  }

  // The file of the variant's task with its body.
  Part part_of(const Module& module, const WrongVariant& variant) const {
    const Task& task = *module.find(variant.task);
    const SourceFile& reference = references_.at(task.file);
    const Region& region = *reference.find(variant.region);
    std::string text;
    for (size_t i = 0; i < reference.lines.size(); ++i) {
      if (i == region.begin) text += variant.body;
      if (i < region.begin || i >= region.end) text += reference.lines[i] + "\n";
    }
    if (region.begin == region.end) text += variant.body;
    const std::string name = fmt::format("modules/{}", variant.name);
    return {task.file, parse_source(text, name), {variant.region}};
  }

  void wrong(const Module& module, const WrongVariant& variant, const std::string& as) {
    const LabBuild& builder = variant.state == "CRASH" ? test_ : quick_;
    const BuildResult built = builder.build(module.name, {part_of(module, variant)}, {}, as);
    const auto count = [&](bool caught) {
      const std::lock_guard lock(mutex_);
      ++report_.variants;
      report_.caught += caught;
    };
    if (built.program.empty()) {
      count(false);
      return say(fmt::format("{}: does not build:{}", variant.name, summary(built)));
    }
    const auto tests = run_tests(built.program, check_.home, {variant.test});
    const bool caught = tests.size() == 1 && tests[0].state == variant.state &&
                        tests[0].text.find(variant.cause) != std::string::npos;
    count(caught);
    if (!caught)
      say(fmt::format("{}: wanted {} with '{}', got{}", variant.name, variant.state, variant.cause,
                      summary(tests)));
  }

  // Nothing of the reference: its bodies as a student's up to this module, starters after it.
  void prefix(const Module& last, const std::string& as) {
    std::vector<Part> all;
    for (const Module& module : check_.course)
      for (Part& part : parts(module, module.order <= last.order ? references_ : starters_))
        all.push_back(std::move(part));
    for (const Module& module : check_.course) {
      if (module.order > last.order) continue;
      const BuildResult built = quick_.build(module.name, all, {}, as);
      if (built.program.empty())
        return say(fmt::format("up to {}: does not build:{}", last.name, summary(built)),
                   &CourseReport::prefix_ok);
      std::vector<TestResult> bad;
      for (const TestResult& test : run_tests(built.program, check_.home, tests_of(module)))
        if (test.state != "PASS") bad.push_back(test);
      if (!bad.empty())
        say(fmt::format("up to {}: with starters after it, {} does not pass:{}", last.name,
                        module.name, summary(bad)),
            &CourseReport::prefix_ok);
    }
  }

  // A layout of tensors with other members (layout/ of the module) behind the same accessors.
  void layout(const Module& module, const std::string& as) {
    std::vector<Whole> files;
    for (const std::string& given : module.given) {
      const std::string name = module.folder + "/layout/" + fs::path(given).filename().string();
      if (!fs::exists(name))
        return say(module.name + ": layout/ lacks " + given + ".", &CourseReport::layout_ok);
      files.push_back(
          {"tinytorch/" + given, "modules/" + module.name + "/" + given, read_text(name)});
    }
    const LabBuild builder(check_.home, check_.home, check_.home + "/build/course/layout",
                           Profile::kQuick);
    for (const Module& tested : check_.course) {
      const BuildResult built = builder.build(tested.name, parts(module, references_), files, as);
      if (built.program.empty())
        return say(fmt::format("{}: with another layout the reference does not build:{}",
                               tested.name, summary(built)),
                   &CourseReport::layout_ok);
      std::vector<TestResult> bad;
      for (const TestResult& test : run_tests(built.program, check_.home, tests_of(tested)))
        if (test.state != "PASS") bad.push_back(test);
      if (!bad.empty())
        say(fmt::format("{}: with another layout of tensors:{}", tested.name, summary(bad)),
            &CourseReport::layout_ok);
    }
  }

  // A milestone's program passes on the reference, and with none of its wrong variants: then it
  // says so itself, by its exit code and its evidence.
  void milestone(const Milestone& milestone, const std::string& wrong, const std::string& as) {
    const std::string program = "milestone_" + milestone.name;
    std::string path = release_.prebuilt() + "/lab_" + program;
    if (!wrong.empty()) {
      const Module& module = find_module(check_.course, wrong.substr(0, wrong.find('/')));
      const auto all = wrong_variants(module);
      const auto variant = std::find_if(all.begin(), all.end(),
                                        [&](const WrongVariant& v) { return v.name == wrong; });
      if (variant == all.end())
        return say(fmt::format("{}: there is no wrong variant {}.", milestone.name, wrong),
                   &CourseReport::milestones_ok);
      const BuildResult built = release_.build(program, {part_of(module, *variant)}, {}, as);
      if (built.program.empty())
        return say(
            fmt::format("{}: does not build with {}:{}", milestone.name, wrong, summary(built)),
            &CourseReport::milestones_ok);
      path = built.program;
    }
    const Outcome outcome = lab::run({{path}, check_.home, {"TINYTORCH_KERNELS="}, {}});
    const bool evidence = outcome.output.find("\"passed\": true") != std::string::npos;
    if ((outcome.code == 0) != wrong.empty() || evidence != wrong.empty())
      say(fmt::format("{}{}: is meant to {}:{}", milestone.name,
                      wrong.empty() ? "" : " with " + wrong, wrong.empty() ? "pass" : "fail",
                      first_lines(outcome.output, 6)),
          &CourseReport::milestones_ok);
  }

  // The defect shows, and what mends it passes.
  void hunt(const Module& module, const Hunt& hunt, const std::string& as) {
    const std::string stem = "modules/" + module.name + "/debug/" + hunt.id;
    for (const bool fixed : {false, true}) {
      const std::string name = stem + (fixed ? ".fixed.cpp" : ".cpp");
      const BuildResult built =
          quick_.build(module.name + "_hunt_" + hunt.id, {},
                       {{stem + ".fixed.cpp", name, read_text(check_.home + "/" + name)}}, as);
      if (built.program.empty())
        return say(fmt::format("{}: does not build:{}", name, summary(built)));
      const auto tests = run_tests(built.program, check_.home, hunt.tests);
      if ((state_of(tests) == "PASS") != fixed)
        say(fmt::format("{}: is meant to {}:{}", name, fixed ? "pass" : "fail", summary(tests)));
    }
  }

  // Every task has an exercise to be graded by.
  void exercises(const Module& module) {
    const std::string program = quick_.prebuilt() + "/lab_" + module.name + "_grade";
    const Outcome listed =
        fs::exists(program) ? lab::run({{program, "--list"}, "", {}, {}}) : Outcome{};
    std::set<std::string> tasks;
    std::istringstream lines(listed.output);
    for (std::string name, task, kind; lines >> name >> task >> kind;) {
      tasks.insert(task);
      if (!module.find(task))
        say(fmt::format("{}: exercise {} is for no task.", module.name, name));
    }
    for (const Task& task : module.tasks)
      if (!tasks.contains(task.id))
        say(fmt::format("task {}: no exercise in grade/.", task.id), &CourseReport::structure_ok);
  }

  const CourseCheck& check_;
  LabBuild quick_, test_, release_;
  std::vector<Milestone> milestones_;
  std::map<std::string, SourceFile> references_, starters_;
  std::vector<Job> jobs_;
  size_t counter_ = 0;
  std::mutex mutex_;
  CourseReport report_;
  int points_ = 0, starter_points_ = 0, reference_points_ = 0;
};

}  // namespace

CourseReport check_course(const CourseCheck& check) {
  return Checker(check).run();
}

}  // namespace tinytorch::lab
