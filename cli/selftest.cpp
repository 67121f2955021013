// tito selftest: hands over to tests/selftest.sh, which builds and runs every test.
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
  const std::string script = require_home("selftest") + "/tests/selftest.sh";
  if (!std::filesystem::exists(script)) throw EnvironmentError("selftest: no " + script + ".");
  std::vector<std::string> words = {"sh", script};
  if (args.has("--full")) words.emplace_back("--full");
  if (args.json()) words.emplace_back("--json");
  std::vector<char*> argv;
  argv.reserve(words.size() + 1);
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  give_stdout_back();
  execvp("sh", argv.data());
  throw EnvironmentError(std::string("selftest: sh: ") + std::strerror(errno));
}

}  // namespace

extern const Command selftest_command{"selftest",
                                      "build and run every test",
                                      "tito selftest --full",
                                      {},
                                      {{"--full", nullptr, "with fuzzing, lint and the long runs"}},
                                      run};

}  // namespace tinytorch::cli
