#pragma once
// From words to Args, and help. The parser library stays behind this header: it is slow to compile.
#include <string>
#include <vector>

#include "cli/command.h"

namespace tinytorch::cli {

// Parses the words after the command's name. ConfigError names the nearest known option.
Args parse(const Command& command, const std::vector<std::string>& words);

std::string help_text(const Command& command);

}  // namespace tinytorch::cli
