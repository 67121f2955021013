// tito init: a new lab.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/home.h"
#include "cli/lab/process.h"
#include "cli/lab/workspace.h"
#include "cli/output.h"

namespace tinytorch::cli {

namespace {

int run(const Args& args) {
  const std::string home = require_home("init");
  const std::string folder = args.text("DIR");
  const auto course = lab::load_course(home);
  if (course.empty()) throw EnvironmentError("init: there are no modules in " + home + ".");
  lab::make_workspace(course, home, folder);
  if (args.has("--git")) {
    const lab::Outcome git = lab::run({{"git", "init", "-q"}, folder, {}, {}});
    if (git.code != 0) throw EnvironmentError("init: git init failed: " + git.output);
  }
  if (args.json()) {
    Json object = {{"lab", folder}, {"modules", Json::array()}};
    for (const lab::Module& module : course)
      object["modules"].push_back({{"name", module.name}, {"tasks", module.tasks.size()}});
    print_json(object);
    return kOk;
  }
  fmt::print("A new lab in {}:\n", folder);
  for (const lab::Module& module : course)
    fmt::print("  {:>2}  {:<10} {:>2} {}  {}\n", module.order, module.name, module.tasks.size(),
               module.tasks.size() == 1 ? "task " : "tasks", module.question);
  fmt::print("\nNext:\n  cd {}\n  ./tito test\n", folder);
  return kOk;
}

}  // namespace

extern const Command init_command{"init",
                                  "make a lab to write the framework in",
                                  "tito init my-lab --git",
                                  {{"DIR", "a new or empty folder"}},
                                  {{"--git", nullptr, "with a git repository"}},
                                  run};

}  // namespace tinytorch::cli
