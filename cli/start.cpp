// tito start: begins a module.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/lab/state.h"
#include "cli/output.h"

namespace tinytorch::cli {

namespace {

int run(const Args& args) {
  lab::Lab lab = lab::Lab::open("start");
  const lab::LabLock lock(lab.folder);
  const lab::Lab::What what = lab.find(args.text("MODULE"));
  const lab::Module& module = *what.module;
  lab.state.current = module.name;
  lab.state.modules[module.name].started = true;
  lab.save();
  const lab::Task* next = what.task ? what.task : lab.next_task(module);
  const std::string folder = "modules/" + module.name + "/";
  if (args.json()) {
    Json object = {{"module", module.name},
                   {"question", module.question},
                   {"chapter", folder + "README.md"},
                   {"files", Json::array()},
                   {"next", next ? next->id : ""}};
    for (const std::string& file : module.files()) object["files"].push_back(folder + file);
    print_json(object);
    return kOk;
  }
  int minutes = 0;
  for (const lab::Task& task : module.tasks) minutes += task.minutes;
  fmt::print("{}\n", styled(stdout, Style::kBold,
                            fmt::format("{} {}: {}", module.order, module.title, module.question)));
  fmt::print("{} tasks, about {:.1f} hours; {}\n\n", module.tasks.size(), minutes / 60.0,
             module.book);
  fmt::print("Chapter  {}README.md\n", folder);
  for (const std::string& file : module.files()) fmt::print("File     {}{}\n", folder, file);
  fmt::print("Headers  {}/tinytorch, to read\n", lab.home);
  if (!next) {
    fmt::print("\nEvery task passes. Next: ./tito export {}\n", module.name);
    return kOk;
  }
  fmt::print("\n{}\n{}{}\n{}\n",
             styled(stdout, Style::kBold, "Task " + next->id + " " + next->title), folder,
             next->file, next->contract);
  fmt::print("Next:\n");
  const std::pair<std::string, const char*> steps[] = {
      {"predict " + module.name, "your numbers before you begin"},
      {"test " + next->id, "judge what you wrote"},
      {"hint " + next->id, "one step of help"}};
  for (const auto& [command, why] : steps) fmt::print("  ./tito {:<18} {}\n", command, why);
  return kOk;
}

}  // namespace

extern const Command start_command{
    "start",
    "in a lab: begin a module",
    "tito start tensor",
    {{"MODULE", "tensor, 1 or 01 (or a task, 1.5); else the next one", false}},
    {},
    run};

}  // namespace tinytorch::cli
