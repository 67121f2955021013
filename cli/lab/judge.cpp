#include "cli/lab/judge.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <map>

#include "cli/lab/build.h"
#include "cli/lab/generate.h"
#include "cli/lab/region.h"

namespace tinytorch::lab {

namespace {

// Looks at a task's region in the student's file. Gives it a state where that needs no test.
TaskResult look_at(const std::string& lab, const Module& module, const Task& task,
                   const Records& records) {
  TaskResult result;
  result.task = &task;
  const std::string name = "modules/" + module.name + "/" + task.file;
  if (!std::filesystem::exists(lab + "/" + name)) {
    result.state = "FAIL";
    result.text = name + " is not there.";
    return result;
  }
  const SourceFile file = parse_source(read_text(lab + "/" + name), name);
  const Region* region = file.find(task.id);
  if (!region) {
    result.state = "FAIL";
    result.text = name + ": the markers of region " + task.id + " are gone.";
    return result;
  }
  const std::string body = file.body(*region);
  result.body = fingerprint(body);
  const auto record = records.find(task.id);
  if (result.body == fingerprint(starter_body(task, "")) ||
      (record != records.end() && result.body == record->second.starter)) {
    result.state = "TODO";
    result.text = "not written yet. Hint: " + task.hints[0];
  } else if (const std::string why = why_not_whole(body); !why.empty()) {
    result.state = "FAIL";
    result.text =
        name + ":" + std::to_string(region->begin + 1) + ": the region is not whole: " + why + ".";
  }
  return result;
}

// The worst of the tests decides; what still throws NotImplemented is not begun.
std::string state_of(const std::vector<TestResult>& tests) {
  for (const char* state : {"CRASH", "FAIL", "TODO"})
    for (const TestResult& test : tests)
      if (test.state == state) return state;
  return tests.empty() ? "FAIL" : "PASS";
}

// Builds the tasks whose state is open. One that does not compile fails, and the reference takes
// its place, so that the others are judged all the same.
BuildResult build_open(LabBuild& builder, const Module& module, std::vector<TaskResult>& tasks,
                       Verdict& verdict) {
  while (true) {
    BuildRequest request{&module, {}};
    for (const TaskResult& task : tasks)
      if (task.state.empty()) request.take.insert(task.task->id);
    if (request.take.empty()) return {};
    BuildResult built = builder.build(request);
    verdict.overlay_seconds += built.overlay_seconds;
    verdict.compile_seconds += built.compile_seconds;
    verdict.link_seconds += built.link_seconds;
    verdict.compiled += built.compiled;
    if (!built.program.empty()) return built;
    const auto whole = built.errors.find("");
    for (TaskResult& task : tasks) {
      if (!task.state.empty()) continue;
      auto error = built.errors.find(task.task->id);
      if (error == built.errors.end()) error = whole;
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
  LabBuild builder(home, lab);
  builder.prepare();
  std::vector<TaskResult>& tasks = verdict.tasks;
  for (const Task& task : module.tasks)
    if (only.empty() || task.id == only) tasks.push_back(look_at(lab, module, task, records));
  // Asked about one unwritten task, its starter itself must say that it is.
  const bool confirm = !only.empty() && tasks.size() == 1 && tasks[0].state == "TODO";
  if (confirm) tasks[0].state.clear();

  const BuildResult built = build_open(builder, module, tasks, verdict);
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
