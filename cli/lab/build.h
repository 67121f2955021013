#pragma once
// From a student's code to a program of a module: overlay, compile, link. Objects of all else are
// prebuilt in the installation (cmake/lab.cmake).
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "cli/lab/manifest.h"
#include "cli/lab/process.h"
#include "cli/lab/region.h"

namespace tinytorch::lab {

enum class Profile {
  kTest,     // -O1, AddressSanitizer, UndefinedBehaviorSanitizer
  kRelease,  // optimised: measurements, milestones
  kQuick,    // -O1 without sanitizers: many variants of one program, soon
};

// A framework file of which some regions are a student's.
struct Part {
  std::string file;            // "core/tensor.cpp"
  SourceFile student;          // by the name that messages shall show
  std::set<std::string> take;  // the student's regions; all others are the reference's
  // The number under which a region, by id, tells that it ran (modules/harness/reach.h).
  std::map<std::string, int> reach = {};
};

// A file that is all the student's, compiled as its sibling in the installation is.
struct Whole {
  std::string sibling;  // "modules/tensor/debug/stale-window.fixed.cpp"
  std::string name, text;
};

struct BuildResult {
  std::string program;  // empty when something did not compile
  // Why a region does not compile, by its id; "" holds what belongs to no region.
  std::map<std::string, std::string> errors;
  std::map<std::string, std::string> objects;  // of each framework file with a student's regions
  double overlay_seconds = 0, compile_seconds = 0, link_seconds = 0;
  int compiled = 0;  // files; what was compiled before is not compiled again
};

class LabBuild {
 public:
  // Objects and programs go to `folder`. The compiler runs in `folder`'s lab, `root`, so that the
  // names of student files hold from there.
  LabBuild(std::string home, std::string root, std::string folder, Profile profile);

  // From here on the compiler runs as `confine` has it, and no object is forgotten.
  void compile_in(std::function<Program(const Program&)> confine) { confine_ = std::move(confine); }

  // Builds the installation's part where it is missing or older than its sources (minutes the first
  // time). EnvironmentError when that fails.
  void prepare() const;

  // Links `program` ("tensor", "tensor_measure"), as lab/PROGRAM.link has it, with the student's
  // code, into `as` (a file name; empty: the program's own). Safe in several threads at once where
  // `as` differs.
  BuildResult build(const std::string& program, const std::vector<Part>& parts,
                    const std::vector<Whole>& files = {}, const std::string& as = "") const;

  // compile_commands.json of the lab: how its files compile, for clangd and other tools.
  void write_compile_commands(const std::vector<Module>& course) const;

  const std::string& prebuilt() const { return prebuilt_; }  // where the reference's programs are

 private:
  struct Unit;
  Unit unit_of(const Part& part) const;
  Unit unit_of(const Whole& file) const;
  std::string compile_command(const std::string& sibling) const;  // without input and output
  bool compile(std::vector<Unit>& units, BuildResult& result) const;

  std::string home_, root_, prebuilt_, folder_;
  Profile profile_;
  std::function<Program(const Program&)> confine_;
};

// A framework file with the reference's bodies.
SourceFile read_reference(const std::string& home, const std::string& file);

// The file of the lab with its regions, or one without lines where there is no such file.
SourceFile read_source(const std::string& folder, const std::string& name);

}  // namespace tinytorch::lab
