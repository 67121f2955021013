#pragma once
#include <string>

namespace tinytorch::cli {

// Judges a module of the lab at each save until the user quits; an exit code.
int watch(const std::string& module);

}  // namespace tinytorch::cli
