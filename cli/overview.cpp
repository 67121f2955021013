#include "cli/overview.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/home.h"
#include "cli/output.h"

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

}  // namespace

std::string command_list() {
  std::string text;
  for (const Command* command : all_commands())
    text += fmt::format("  {:<10} {}\n", command->name, command->help);
  return text;
}

int overview(bool json) {
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
