#pragma once
#include <string>

namespace tinytorch::cli {

// The checkout this tool belongs to: TINYTORCH_HOME (set by ./tito), else the folder above the
// executable that holds the tool's sources, else empty (an installed tool on its own).
std::string home();

std::string require_home(const std::string& why);  // EnvironmentError when there is none

}  // namespace tinytorch::cli
