#pragma once
#include <string>

namespace tinytorch::cli {

int overview(bool json);  // what `tito` alone shows: where you are, what to do next
std::string command_list();

}  // namespace tinytorch::cli
