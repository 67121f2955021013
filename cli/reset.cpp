// tito reset: a task's starter again. What was there is kept in .tito/backup first, always.
#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/lab/generate.h"
#include "cli/lab/judge.h"
#include "cli/lab/workspace.h"
#include "cli/output.h"

namespace tinytorch::cli {

namespace {

namespace fs = std::filesystem;

// The student's file with the starter of this task; a whole new one where the markers are gone.
std::string with_starter(const lab::Lab& lab, const lab::Module& module, const lab::Task& task,
                         const std::string& name) {
  const lab::SourceFile reference = lab::read_reference(lab.home, task.file);
  std::string fresh = lab::make_starter(reference, module);
  if (!fs::exists(lab.folder + "/" + name)) return fresh;
  lab::SourceFile own;
  try {
    own = lab::read_source(lab.folder, name);
  } catch (const IoError&) {
    return fresh;  // markers that do not pair: only the whole file can be made anew
  }
  const lab::SourceFile starter = lab::parse_source(fresh, name);
  for (const std::string& id : task.regions)
    if (!own.find(id)) return fresh;
  return lab::make_merged(own, starter, {task.regions.begin(), task.regions.end()});
}

int run(const Args& args) {
  lab::Lab lab = lab::Lab::open("reset");
  const lab::LabLock lock(lab.folder);
  const lab::Lab::What what = lab.find(args.text("TASK"));
  if (!what.task)
    throw ConfigError("reset: name a task, such as " + what.module->tasks[0].id + ".");
  const std::string name = "modules/" + what.module->name + "/" + what.task->file;
  const std::string copy =
      fs::exists(lab.folder + "/" + name) ? lab::back_up(lab.folder, name) : "";
  lab::write_text(lab.folder + "/" + name, with_starter(lab, *what.module, *what.task, name));
  lab::TaskRecord& record = lab.state.tasks[what.task->id];
  record.starter = lab::starter_fingerprint(*what.task);
  record.state.clear();
  record.tested.clear();
  lab.save();
  if (args.json())
    print_json({{"task", what.task->id}, {"file", name}, {"backup", copy}});
  else
    fmt::print("{} of {} is its starter again.{}\n", what.task->id, name,
               copy.empty() ? "" : " What was there: " + copy);
  return kOk;
}

}  // namespace

extern const Command reset_command{"reset",
                                   "in a lab: a task's starter again, with a backup",
                                   "tito reset 1.3",
                                   {{"TASK", "1.3"}},
                                   {},
                                   run};

}  // namespace tinytorch::cli
