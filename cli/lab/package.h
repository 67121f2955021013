#pragma once
// The student's own package, tinytorch/ of a lab: framework files with the student's regions, made
// by `tito export`, read-only, each region stamped with where it comes from.
#include <map>
#include <set>
#include <string>
#include <vector>

#include "cli/lab/judge.h"

namespace tinytorch::lab {

// Writes the module's files with the regions of these tasks (helpers come along) and the
// reference's elsewhere, and notes it in tinytorch/provenance.json.
void export_module(const Lab& lab, const Module& module, const std::set<std::string>& tasks);

// Fingerprint of what a module's files in the lab hold now.
std::string module_fingerprint(const Lab& lab, const Module& module);

// The tasks of a module that the package has from the student; empty when it is not exported.
// IoError where a file of the package is not as it was exported.
std::set<std::string> exported_tasks(const Lab& lab, const Module& module);

// The package's files of these modules as parts of a build.
std::vector<Part> package_parts(const Lab& lab, const std::vector<const Module*>& modules);

}  // namespace tinytorch::lab
