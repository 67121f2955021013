#pragma once
// modules/NAME/predictions.toml of a lab: what a student expects, one number for each question.
#include <map>
#include <string>

#include "cli/lab/manifest.h"

namespace tinytorch::lab {

// ConfigError with file and line for what is no number or answers no question.
std::map<std::string, double> load_predictions(const std::string& lab, const Module& module);

// The file with these answers; questions without one stand there as comments.
std::string predictions_text(const Module& module, const std::map<std::string, double>& answers);

}  // namespace tinytorch::lab
