#include "cli/lab/judge.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <map>

#include "cli/lab/generate.h"
#include "cli/lab/package.h"
#include "cli/lab/workspace.h"

namespace tinytorch::lab {

namespace fs = std::filesystem;

TaskResult look_at(const std::string& lab, const Module& module, const Task& task,
                   const State& state) {
  TaskResult result;
  result.task = &task;
  const std::string name = "modules/" + module.name + "/" + task.file;
  const SourceFile file = read_source(lab, name);
  const auto fail = [&](const std::string& why) {
    result.state = "FAIL";
    result.text = name + why;
    return result;
  };
  if (file.lines.empty()) return fail(" is not there. Hint: `tito reset " + task.id + "`.");
  const auto record = state.tasks.find(task.id);
  const std::string handed = record == state.tasks.end() ? "" : record->second.starter;
  std::string bodies;
  bool begun = false;
  for (const std::string& id : task.regions) {
    const Region* region = file.find(id);
    if (!region) return fail(": the markers of region " + id + " are gone.");
    const std::string body = file.body(*region), print = fingerprint(body);
    bodies += body;
    begun = begun || (print != handed && print != starter_fingerprint(task));
    if (const std::string why = why_not_whole(body); !why.empty())
      return fail(":" + std::to_string(region->begin + 1) + ": the region is not whole: " + why +
                  ".");
  }
  result.body = fingerprint(bodies);
  if (!begun) {
    result.state = "TODO";
    result.text = "not written yet. Hint: " + task.hints[0];
  }
  return result;
}

std::vector<Part> student_parts(const std::string& lab, const Module& module,
                                const std::set<std::string>& tasks) {
  std::vector<Part> parts;
  for (const std::string& name : module.files()) {
    Part part{name, read_source(lab, "modules/" + module.name + "/" + name), {}};
    for (const Region& region : part.student.regions)
      if (const Task* task = module.task_of(region.id); task && tasks.contains(task->id))
        part.take.insert(region.id);
    if (part.take.empty()) continue;
    for (const Region& region : part.student.regions)
      if (region.is_helpers()) part.take.insert(region.id);
    parts.push_back(std::move(part));
  }
  return parts;
}

std::vector<Whole> given_files(const Lab& lab) {
  std::vector<Whole> files;
  bool changed = false;
  for (const Module& module : lab.course)
    for (const std::string& file : module.given) {
      const std::string name = "modules/" + module.name + "/" + file;
      if (!fs::exists(lab.folder + "/" + name)) continue;
      files.push_back({"tinytorch/" + file, name, read_text(lab.folder + "/" + name)});
      const std::string reference = read_text(lab.home + "/tinytorch/" + file);
      changed = changed || tokens(reference) != tokens(files.back().text);
    }
  if (!changed) files.clear();
  return files;
}

std::string state_of(const std::vector<TestResult>& tests) {
  for (const char* state : {"CRASH", "FAIL", "TODO"})
    for (const TestResult& test : tests)
      if (test.state == state) return state;
  return tests.empty() ? "FAIL" : "PASS";
}

namespace {

// The student's code of a program: of this module the open tasks, of the others as asked.
std::vector<Part> code_of(const Lab& lab, const Module& module, const std::set<std::string>& open,
                          Others others) {
  std::vector<Part> parts;
  std::vector<const Module*> beside;
  for (const Module& other : lab.course)
    if (&other != &module) beside.push_back(&other);
  if (others == Others::kReference) return student_parts(lab.folder, module, open);
  if (others == Others::kPackage) {
    parts = package_parts(lab, beside);
    for (Part& part : student_parts(lab.folder, module, open)) parts.push_back(std::move(part));
    return parts;
  }
  for (const Module& each : lab.course) {
    std::set<std::string> all;
    for (const Task& task : each.tasks) all.insert(task.id);
    for (Part& part : student_parts(lab.folder, each, all)) parts.push_back(std::move(part));
  }
  return parts;
}

// The tests of these tasks, each name once.
std::vector<std::string> tests_of(const std::vector<const Task*>& tasks) {
  std::vector<std::string> names;
  for (const Task* task : tasks)
    for (const std::string& name : task->tests)
      if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  return names;
}

bool passes(const LabBuild& builder, const Lab& lab, const Module& module, const Task& task,
            const std::set<std::string>& written) {
  const BuildResult built = builder.build(module.name, student_parts(lab.folder, module, written),
                                          given_files(lab), "blame");
  return !built.program.empty() &&
         state_of(run_tests(built.program, lab.folder, task.tests)) == "PASS";
}

// A task that fails beside others and passes with the reference in their place is not at fault.
void blame(const LabBuild& builder, const Lab& lab, const Module& module,
           std::vector<TaskResult>& tasks) {
  std::vector<const Task*> written;
  for (const TaskResult& task : tasks)
    if (!task.tests.empty()) written.push_back(task.task);
  if (written.size() < 2) return;
  int tried = 0;
  for (TaskResult& task : tasks) {
    if (task.tests.empty() || (task.state != "FAIL" && task.state != "CRASH")) continue;
    if (++tried > 3) return;
    if (!passes(builder, lab, module, *task.task, {task.task->id})) continue;
    for (const Task* other : written)
      if (other != task.task &&
          !passes(builder, lab, module, *task.task, {task.task->id, other->id})) {
        task.text = "passes with the reference in your other tasks: the fault is in task " +
                    other->id + ", " + other->title + ".";
        break;
      }
  }
}

// Between the regions a file is given: what is changed there is not what runs.
void look_outside(const Lab& lab, const Module& module, std::vector<std::string>& notes) {
  for (const std::string& file : module.files()) {
    const std::string name = "modules/" + module.name + "/" + file;
    const auto given = lab.state.files.find(name);
    if (given == lab.state.files.end() || !fs::exists(lab.folder + "/" + name)) continue;
    if (outside_fingerprint(read_text(lab.folder + "/" + name), name) != given->second)
      notes.push_back(
          fmt::format("{}: lines outside of the regions were changed. They are not used; "
                      "what several regions need goes into region {}.0.",
                      name, module.order));
  }
}

void remember(Lab& lab, const Module& module, const std::vector<TaskResult>& tasks) {
  for (const TaskResult& result : tasks) {
    TaskRecord& record = lab.state.tasks[result.task->id];
    record.state = result.state;
    record.tested = result.body;
    if (result.state != "PASS") continue;
    const std::string name = "modules/" + module.name + "/" + result.task->file;
    write_text(lab.folder + "/.tito/green/" + result.task->id,
               task_text(read_source(lab.folder, name), *result.task));
  }
  lab.save();
}

}  // namespace

BuildResult build_open(const LabBuild& builder, const Lab& lab, const Module& module,
                       const std::string& program, std::vector<TaskResult>& tasks, Others others,
                       Verdict& verdict) {
  while (true) {
    std::set<std::string> open;
    for (const TaskResult& task : tasks)
      if (task.state.empty()) open.insert(task.task->id);
    if (open.empty()) return {};
    BuildResult built =
        builder.build(program, code_of(lab, module, open, others), given_files(lab));
    verdict.overlay_seconds += built.overlay_seconds;
    verdict.compile_seconds += built.compile_seconds;
    verdict.link_seconds += built.link_seconds;
    verdict.compiled += built.compiled;
    if (!built.program.empty()) return built;
    const auto whole = built.errors.find("");
    for (TaskResult& task : tasks) {
      if (!task.state.empty()) continue;
      auto error = whole;
      for (const std::string& region : task.task->regions)
        if (const auto own = built.errors.find(region); own != built.errors.end()) error = own;
      if (error == built.errors.end()) continue;
      task.state = "FAIL";
      task.text = error->second;
    }
  }
}

std::string task_text(const SourceFile& file, const Task& task) {
  std::string text;
  for (const std::string& id : task.regions)
    if (const Region* region = file.find(id))
      text += fmt::format("// tito:begin {}\n{}// tito:end {}\n", id, file.body(*region), id);
  return text;
}

Verdict judge(Lab& lab, const Module& module, const Task* only, Others others) {
  Verdict verdict;
  const LabBuild builder(lab.home, lab.folder, lab.folder + "/build/test", Profile::kTest);
  builder.prepare();
  builder.write_compile_commands(lab.course);
  std::vector<TaskResult>& tasks = verdict.tasks;
  look_outside(lab, module, verdict.notes);
  for (const Task& task : module.tasks)
    if (!only || &task == only) tasks.push_back(look_at(lab.folder, module, task, lab.state));
  // Asked about one unwritten task, its starter itself must say that it is.
  if (only && tasks[0].state == "TODO") tasks[0].state.clear();

  const BuildResult built = build_open(builder, lab, module, module.name, tasks, others, verdict);
  if (!built.program.empty()) {
    const auto start = std::chrono::steady_clock::now();
    std::vector<const Task*> open;
    for (const TaskResult& task : tasks)
      if (task.state.empty()) open.push_back(task.task);
    std::map<std::string, TestResult> results;
    for (const TestResult& test : run_tests(built.program, lab.folder, tests_of(open)))
      results[test.name] = test;
    for (TaskResult& task : tasks) {
      if (!task.state.empty()) continue;
      for (const std::string& name : task.task->tests) task.tests.push_back(results[name]);
      task.state = state_of(task.tests);
      for (const TestResult& test : task.tests)
        if (task.state == "TODO" && test.state == "TODO" && task.text.empty())
          task.text = test.text;
    }
    if (!only && others == Others::kReference) blame(builder, lab, module, tasks);
    verdict.run_seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }
  remember(lab, module, tasks);
  return verdict;
}

}  // namespace tinytorch::lab
