// tito python: hands over to python/setup.sh, which builds and installs the Python package.
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "cli/command.h"
#include "cli/home.h"
#include "cli/output.h"

namespace tinytorch::cli {

namespace {

int run(const Args& args) {
  const std::string action = args.text("ACTION");
  if (action != "install" && action != "uninstall" && action != "build")
    throw ConfigError("python: '" + action + "' is none of install, uninstall, build.");
  const std::string script = require_home("python") + "/python/setup.sh";
  if (!std::filesystem::exists(script)) throw EnvironmentError("python: no " + script + ".");
  std::vector<std::string> words = {"sh", script, action};
  if (args.has("--target")) {
    words.emplace_back("--target");
    words.emplace_back(args.text("--target"));
  }
  if (args.json()) words.emplace_back("--json");
  std::vector<char*> argv;
  argv.reserve(words.size() + 1);
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  give_stdout_back();
  execvp("sh", argv.data());
  throw EnvironmentError(std::string("python: sh: ") + std::strerror(errno));
}

}  // namespace

extern const Command python_command{
    "python",
    "install the Python package",
    "tito python install",
    {{"ACTION", "install, uninstall, or build (build/release/python/tinytorch)"}},
    {{"--target", "DIR",
      "where it goes (default: the virtual environment's or the user's folder)"}},
    run};

}  // namespace tinytorch::cli
