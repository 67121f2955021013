#pragma once
// A course to hand out: the framework with starters where students write, and the reference packed.
#include <string>
#include <vector>

#include "cli/lab/manifest.h"

namespace tinytorch::lab {

struct ReleaseRequest {
  std::string home, out;
  std::vector<Module> course;          // all of it: nobody's solutions are handed out
  std::vector<const Module*> modules;  // those that are handed out
  bool with_solutions = false;         // the reference in its place, nothing packed
};

struct Release {
  int files = 0;
  std::vector<std::string> milestones;  // those whose modules are all there
};

// `out` must not exist or be empty (ConfigError); it appears whole or not at all.
Release release_course(const ReleaseRequest& request);

// Where the reference of a framework file or a hunt is: in its place, or unpacked in the build
// folder (CMakeLists.txt does that) where this installation was handed out.
std::string reference_path(const std::string& home, const std::string& name);

}  // namespace tinytorch::lab
