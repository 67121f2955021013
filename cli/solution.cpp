// tito solution: the reference of a task, after the student's own or on giving up.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/lab/judge.h"
#include "cli/output.h"

namespace tinytorch::cli {

namespace {

int run(const Args& args) {
  lab::Lab lab = lab::Lab::open("solution");
  const lab::LabLock lock(lab.folder);
  const lab::Task& task = *lab.find_task(args.text("TASK")).task;
  lab::TaskRecord& record = lab.state.tasks[task.id];
  const bool green = lab.passed(task);
  if (!green && !args.has("--give-up"))
    throw ConfigError(
        fmt::format("task {} does not pass yet. Hint: `tito hint {}`, or `tito solution {} "
                    "--give-up` (it is recorded).",
                    task.id, task.id, task.id));
  if (record.solution.empty()) record.solution = green ? "after green" : "given up";
  lab.save();
  const std::string text = lab::task_text(lab::read_reference(lab.home, task.file), task);
  if (args.json()) {
    print_json(
        {{"task", task.id}, {"file", task.file}, {"shown", record.solution}, {"text", text}});
    return kOk;
  }
  fmt::print("{}\n{}", styled(stdout, Style::kDim, "// tinytorch/" + task.file), text);
  return kOk;
}

}  // namespace

extern const Command solution_command{
    "solution",
    "in a lab: the reference of a task that passes",
    "tito solution 1.3",
    {{"TASK", "1.3", true}},
    {{"--give-up", nullptr, "also before it passes; this is recorded"}},
    run};

}  // namespace tinytorch::cli
