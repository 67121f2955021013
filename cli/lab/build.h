#pragma once
// From a student's files to a program that runs a module's tests: overlay, compile, link. Objects
// of all else are prebuilt in the installation (profile `test`: CMake's preset dev).
#include <map>
#include <set>
#include <string>
#include <vector>

#include "cli/lab/manifest.h"

namespace tinytorch::lab {

// Which regions of a module are the student's in a build; those of other modules never are.
struct BuildRequest {
  const Module* module;
  std::set<std::string> take;  // task ids; helpers (N.0) come along
};

struct BuildResult {
  std::string program;  // empty when something did not compile
  // Why a task's region does not compile, by id; "" holds what belongs to no region.
  std::map<std::string, std::string> errors;
  double overlay_seconds = 0, compile_seconds = 0, link_seconds = 0;
  int compiled = 0;  // files; those that did not change since the last build are not compiled
};

class LabBuild {
 public:
  LabBuild(std::string home, std::string lab);

  // Builds the installation's part where it is missing or older than its sources (minutes the first
  // time). EnvironmentError when that fails.
  void prepare();

  BuildResult build(const BuildRequest& request);

 private:
  struct Unit;
  Unit make_overlay_file(const BuildRequest& request, const std::string& file);
  std::vector<std::string> compile_command(const Unit& unit) const;
  void read_errors(const Unit& unit, const std::string& output, BuildResult& result) const;

  std::string home_, lab_, prebuilt_, folder_;
};

}  // namespace tinytorch::lab
