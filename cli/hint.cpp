// tito hint: the next of a task's three hints. What was shown is remembered.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/lab/state.h"
#include "cli/output.h"

namespace tinytorch::cli {

namespace {

int run(const Args& args) {
  lab::Lab lab = lab::Lab::open("hint");
  const lab::LabLock lock(lab.folder);
  const lab::Task& task = *lab.find_task(args.text("TASK")).task;
  lab::TaskRecord& record = lab.state.tasks[task.id];
  const int all = static_cast<int>(task.hints.size());
  record.hints = std::min(record.hints + 1, all);
  lab.save();
  if (args.json()) {
    Json object = {
        {"task", task.id}, {"shown", record.hints}, {"of", all}, {"hints", Json::array()}};
    for (int i = 0; i < record.hints; ++i)
      object["hints"].push_back(task.hints[static_cast<size_t>(i)]);
    print_json(object);
    return kOk;
  }
  fmt::print("{}\n", styled(stdout, Style::kBold, task.id + " " + task.title));
  for (int i = 0; i < record.hints; ++i)
    fmt::print("{}. {}", i + 1, indented(stdout, 3, task.hints[static_cast<size_t>(i)]).substr(3));
  if (record.hints < all)
    fmt::print("{}\n",
               styled(stdout, Style::kDim,
                      fmt::format("({} more: ./tito hint {})", all - record.hints, task.id)));
  else
    fmt::print("{}\n",
               styled(stdout, Style::kDim,
                      fmt::format("(That was the last. ./tito solution {} --give-up shows the "
                                  "reference; it is recorded.)",
                                  task.id)));
  return kOk;
}

}  // namespace

extern const Command hint_command{"hint",
                                  "in a lab: the next hint of a task",
                                  "tito hint 1.3",
                                  {{"TASK", "1.3; else the next one that is not done", false}},
                                  {},
                                  run};

}  // namespace tinytorch::cli
