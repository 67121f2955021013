// tito release: a course to hand out.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/home.h"
#include "cli/lab/release.h"
#include "cli/output.h"

namespace tinytorch::cli {

namespace {

int run(const Args& args) {
  lab::ReleaseRequest request;
  request.home = require_home("release");
  request.course = lab::load_course(request.home);
  request.out = args.text("--out");
  request.with_solutions = args.has("--with-solutions");
  if (request.out.empty()) throw ConfigError("release: needs --out DIR, a new folder.");
  if (args.has("--modules"))
    request.modules = lab::find_modules(request.course, args.text("--modules"));
  else
    for (const lab::Module& module : request.course) request.modules.push_back(&module);
  if (request.modules.empty()) throw EnvironmentError("release: there are no modules here.");
  const lab::Release release = lab::release_course(request);
  Json names = Json::array();
  for (const lab::Module* module : request.modules) names.push_back(module->name);
  if (args.json()) {
    print_json({{"out", request.out},
                {"modules", names},
                {"milestones", release.milestones},
                {"files", release.files},
                {"with_solutions", request.with_solutions}});
    return kOk;
  }
  fmt::print("{} modules, {} milestones, {} files in {}\n", request.modules.size(),
             release.milestones.size(), release.files, request.out);
  std::puts(request.with_solutions ? "The solutions are in it, in their place."
                                   : "The reference is packed (reference.pack): a lid, no lock.");
  return kOk;
}

}  // namespace

extern const Command release_command{
    "release",
    "make a course repository to hand out, without readable solutions",
    "tito release --modules 0-4 --out course",
    {},
    {{"--out", "DIR", "a new folder"},
     {"--modules", "LIST", "0-4, 1,3 or tensor (default: all)"},
     {"--with-solutions", nullptr, "with the reference in its place"}},
    run};

}  // namespace tinytorch::cli
