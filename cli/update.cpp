// tito update: moves what a student wrote into the starters of a newer course. A file whose given
// part was edited is never overwritten: the new one is put beside it.
#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/lab/generate.h"
#include "cli/lab/predictions.h"
#include "cli/lab/workspace.h"
#include "cli/output.h"

namespace tinytorch::cli {

namespace {

namespace fs = std::filesystem;

struct Changes {
  std::vector<std::string> added, updated, beside, reopened;
};

std::string starter_of(const lab::Lab& lab, const lab::Task& task) {
  const auto record = lab.state.tasks.find(task.id);
  return record == lab.state.tasks.end() ? "" : record->second.starter;
}

// The new text with the student's bodies of all regions that they have begun.
std::string with_bodies(const lab::Lab& lab, const lab::Module& module, const std::string& name,
                        const std::string& fresh, const std::string& current) {
  const lab::SourceFile starter = lab::parse_source(fresh, name);
  if (starter.regions.empty()) return fresh;
  const lab::SourceFile own = lab::parse_source(current, name);
  std::set<std::string> take;
  for (const lab::Region& region : own.regions) {
    const lab::Task* task = module.task_of(region.id);
    const std::string body = lab::fingerprint(own.body(region));
    if (region.is_helpers() || (task && body != starter_of(lab, *task))) take.insert(region.id);
  }
  return lab::make_merged(starter, own, take);
}

void update_file(lab::Lab& lab, const lab::Module& module, const std::string& name,
                 const std::string& fresh, Changes& changes) {
  const std::string path = lab.folder + "/" + name;
  if (!fs::exists(path)) {
    lab::write_text(path, fresh);
    changes.added.push_back(name);
    return;
  }
  const std::string current = lab::read_text(path);
  const auto known = lab.state.files.find(name);
  const std::string outside = lab::outside_fingerprint(current, name);
  if (known != lab.state.files.end() && known->second == lab::outside_fingerprint(fresh, name) &&
      outside != known->second)
    return;  // edited by the student, not changed by the course
  if (known == lab.state.files.end() || outside != known->second) {
    lab::write_text(path + ".new", fresh);
    changes.beside.push_back(name + ".new");
    return;
  }
  const std::string text = with_bodies(lab, module, name, fresh, current);
  if (text == current) return;
  lab::back_up(lab.folder, name);
  lab::write_text(path, text);
  changes.updated.push_back(name);
}

// Finished tasks whose contract or tests are others now must be judged again.
void reopen(lab::Lab& lab, const lab::Module& module, Changes& changes) {
  for (const lab::Task& task : module.tasks) {
    lab::TaskRecord& record = lab.state.tasks[task.id];
    if (record.contract == lab::contract_fingerprint(task) || record.state != "PASS") continue;
    record.state.clear();
    record.tested.clear();
    changes.reopened.push_back(task.id);
  }
}

void print_list(const char* what, const std::vector<std::string>& names) {
  for (const std::string& name : names) fmt::print("  {:<9} {}\n", what, name);
}

int run(const Args& args) {
  lab::Lab lab = lab::Lab::open("update");
  const lab::LabLock lock(lab.folder);
  Changes changes;
  for (const lab::Module& module : lab.course) {
    const auto files = lab::module_files(module, lab.home);
    for (const auto& [name, text] : files) update_file(lab, module, name, text, changes);
    const std::string predictions = "modules/" + module.name + "/predictions.toml";
    if (!fs::exists(lab.folder + "/" + predictions)) {
      lab::write_text(lab.folder + "/" + predictions, lab::predictions_text(module, {}));
      changes.added.push_back(predictions);
    }
    reopen(lab, module, changes);
    lab::record_module(module, files, lab.state);
  }
  lab.save();
  if (args.json()) {
    print_json({{"added", changes.added},
                {"updated", changes.updated},
                {"beside", changes.beside},
                {"reopened", changes.reopened}});
    return kOk;
  }
  print_list("new", changes.added);
  print_list("updated", changes.updated);
  print_list("beside", changes.beside);
  print_list("reopened", changes.reopened);
  if (changes.added.empty() && changes.updated.empty() && changes.beside.empty() &&
      changes.reopened.empty())
    fmt::print("Nothing has changed.\n");
  if (!changes.beside.empty())
    fmt::print("Where you had changed what was given, the new file stands beside yours.\n");
  return kOk;
}

}  // namespace

extern const Command update_command{
    "update", "in a lab: move your work into a newer course", "tito update", {}, {}, run};

}  // namespace tinytorch::cli
