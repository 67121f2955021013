#include "cli/overview.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/home.h"
#include "cli/lab/package.h"
#include "cli/lab/predictions.h"
#include "cli/lab/workspace.h"
#include "cli/output.h"
#include "cli/watch.h"

namespace tinytorch::cli {

namespace fs = std::filesystem;

namespace {

// Run folders under ./runs, by name.
std::vector<std::string> run_folders() {
  std::vector<std::string> runs;
  std::error_code ec;
  for (fs::directory_iterator it("runs", ec), end; !ec && it != end; it.increment(ec))
    if (it->is_directory(ec)) runs.push_back(it->path().string());
  std::sort(runs.begin(), runs.end());
  return runs;
}

// What a newcomer does first, as far as this build has the commands for it.
std::vector<std::pair<std::string, std::string>> next_steps() {
  static constexpr std::pair<const char*, const char*> kSteps[] = {
      {"demo", "train a network on real images"},
      {"kernels", "see which kernels this machine runs"},
      {"doctor", "see what this machine is and how fast"},
      {"selftest", "build and run every test"},
  };
  std::vector<std::pair<std::string, std::string>> steps;
  for (const auto& [name, why] : kSteps)
    if (find_command(name)) steps.emplace_back(std::string("./tito ") + name, why);
  return steps;
}

int lab_overview(bool json) {
  const lab::Lab lab = lab::Lab::open("tito");
  const std::string next = lab_next_step(lab);
  int done = 0, tasks = 0;
  for (const lab::Module& module : lab.course) {
    tasks += static_cast<int>(module.tasks.size());
    for (const lab::Task& task : module.tasks) done += lab.passed(task);
  }
  if (json) {
    print_json({{"version", TINYTORCH_VERSION},
                {"home", lab.home},
                {"lab", lab.folder},
                {"current", lab.state.current},
                {"tasks_done", done},
                {"tasks", tasks},
                {"next", next}});
    return kOk;
  }
  fmt::print("{}\n{} of {} tasks pass{}.\n\nNext:\n  {}\n\n",
             styled(stdout, Style::kBold, "A TinyTorch lab"), done, tasks,
             lab.state.current.empty() ? "" : "; you are in " + lab.state.current, next);
  fmt::print(
      "  ./tito status   how far you are\n  ./tito watch    judge each file that you save\n"
      "  ./tito --help   every command\n");
  // Somebody sits there: goes on to look after them.
  if (!is_terminal(stdin) || !is_terminal(stdout)) return kOk;
  fmt::print("\n");
  return watch(lab.state.current);
}

}  // namespace

std::string command_list() {
  std::string text;
  for (const Command* command : all_commands())
    text += fmt::format("  {:<10} {}\n", command->name, command->help);
  return text;
}

std::string lab_next_step(const lab::Lab& lab) {
  const lab::Module* module = nullptr;
  for (const lab::Module& each : lab.course)
    if (each.name == lab.state.current) module = &each;
  const auto begin = [](const lab::Module& m) { return "./tito start " + m.name; };
  if (!module) return begin(lab.first_unfinished());
  if (const lab::Task* task = lab.next_task(*module)) return "./tito test " + task->id;
  const auto known = lab.state.modules.find(module->name);
  const lab::ModuleRecord record =
      known == lab.state.modules.end() ? lab::ModuleRecord() : known->second;
  if (record.measured.size() < module->measurements.size()) {
    const bool predicted =
        lab::load_predictions(lab.folder, *module).size() == module->predictions.size();
    return (predicted ? "./tito measure " : "./tito predict ") + module->name;
  }
  if (record.hunts.size() < module->hunts.size()) return "./tito debug " + module->name;
  if (record.exported != lab::module_fingerprint(lab, *module))
    return "./tito export " + module->name;
  for (const lab::Module& each : lab.course)
    if (lab.next_task(each)) return begin(each);
  return "./tito milestone list";
}

int overview(bool json) {
  if (lab::in_lab() && !home().empty()) return lab_overview(json);
  const std::string checkout = home();
  const auto runs = run_folders();
  const auto steps = next_steps();
  if (json) {
    Json object = {{"version", TINYTORCH_VERSION}, {"home", checkout}, {"runs", runs}};
    for (const Command* command : all_commands()) object["commands"].push_back(command->name);
    for (const auto& [command, why] : steps) object["next"].push_back(command);
    print_json(object);
    return kOk;
  }
  std::string text = styled(stdout, Style::kBold, "TinyTorch " TINYTORCH_VERSION);
  text += checkout.empty() ? "\n" : " in " + checkout + "\n";
  text += runs.empty()
              ? "No runs here yet.\n"
              : fmt::format("{} under runs/, the last by name: {}\n",
                            runs.size() == 1 ? "1 run" : fmt::format("{} runs", runs.size()),
                            runs.back());
  text += "\nNext:\n";
  for (const auto& [command, why] : steps) text += fmt::format("  {:<17} {}\n", command, why);
  text += "\nCommands (each takes --help and --json):\n" + command_list();
  std::fputs(text.c_str(), stdout);
  return kOk;
}

}  // namespace tinytorch::cli
