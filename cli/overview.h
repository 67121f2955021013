#pragma once
#include <string>

#include "cli/lab/state.h"

namespace tinytorch::cli {

int overview(bool json);  // what `tito` alone shows: where you are, what to do next
std::string command_list();

// The command that a student runs next.
std::string lab_next_step(const lab::Lab& lab);

}  // namespace tinytorch::cli
