#pragma once
#include <string>

#include "tinytorch/config/config.h"

namespace tinytorch {

// A real number of an experiment, inside the range that its key has: numbers.cpp has the table of
// all. What is left out is `otherwise`. ConfigError for a NaN, for infinity, and outside the range.
double read_number(const Config& config, const std::string& key, double otherwise);
// The same check, for the numbers of a list.
void check_number(const Config& config, const std::string& key, double value);

}  // namespace tinytorch
