#include "cli/lab/judge.h"

#include <algorithm>
#include <chrono>
#include <map>

#include "cli/lab/generate.h"

namespace tinytorch::lab {

TaskResult look_at(const std::string& lab, const Module& module, const Task& task,
                   const Records& records) {
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
  std::string bodies;
  for (const std::string& id : task.regions) {
    const Region* region = file.find(id);
    if (!region) return fail(": the markers of region " + id + " are gone.");
    bodies += file.body(*region);
    if (const std::string why = why_not_whole(file.body(*region)); !why.empty())
      return fail(":" + std::to_string(region->begin + 1) + ": the region is not whole: " + why +
                  ".");
  }
  result.body = fingerprint(bodies);
  const auto record = records.find(task.id);
  if (result.body == fingerprint(starter_of(task)) ||
      (record != records.end() && result.body == record->second.starter)) {
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

std::string state_of(const std::vector<TestResult>& tests) {
  for (const char* state : {"CRASH", "FAIL", "TODO"})
    for (const TestResult& test : tests)
      if (test.state == state) return state;
  return tests.empty() ? "FAIL" : "PASS";
}

namespace {

// Builds the tasks whose state is open. One that does not compile fails, and the reference takes
// its place, so that the others are judged all the same.
BuildResult build_open(const LabBuild& builder, const std::string& lab, const Module& module,
                       std::vector<TaskResult>& tasks, Verdict& verdict) {
  while (true) {
    std::set<std::string> open;
    for (const TaskResult& task : tasks)
      if (task.state.empty()) open.insert(task.task->id);
    if (open.empty()) return {};
    BuildResult built = builder.build(module.name, student_parts(lab, module, open));
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

}  // namespace

Verdict judge(const std::string& home, const std::string& lab, const Module& module,
              const std::string& only, const Records& records) {
  Verdict verdict;
  const LabBuild builder(home, lab, lab + "/build/test", Profile::kTest);
  builder.prepare();
  std::vector<TaskResult>& tasks = verdict.tasks;
  for (const Task& task : module.tasks)
    if (only.empty() || task.id == only) tasks.push_back(look_at(lab, module, task, records));
  // Asked about one unwritten task, its starter itself must say that it is.
  const bool confirm = !only.empty() && tasks.size() == 1 && tasks[0].state == "TODO";
  if (confirm) tasks[0].state.clear();

  const BuildResult built = build_open(builder, lab, module, tasks, verdict);
  if (built.program.empty()) return verdict;
  const auto start = std::chrono::steady_clock::now();
  std::vector<std::string> names;
  for (const TaskResult& task : tasks)
    if (task.state.empty())
      for (const std::string& name : task.task->tests)
        if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  std::map<std::string, TestResult> results;
  for (const TestResult& test : run_tests(built.program, lab, names)) results[test.name] = test;
  for (TaskResult& task : tasks) {
    if (!task.state.empty()) continue;
    for (const std::string& name : task.task->tests) task.tests.push_back(results[name]);
    task.state = state_of(task.tests);
    for (const TestResult& test : task.tests)
      if (task.state == "TODO" && test.state == "TODO" && task.text.empty()) task.text = test.text;
  }
  verdict.run_seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return verdict;
}

}  // namespace tinytorch::lab
