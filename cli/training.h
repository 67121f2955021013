#pragma once
#include <nlohmann/json.hpp>
#include <string>

#include "cli/output.h"
#include "tinytorch/config/config.h"
#include "tinytorch/config/run.h"

namespace tinytorch::cli {

// Runs an experiment in a run folder, with progress, metrics, checkpoints and Ctrl-C: what train
// and demo share. `resume`: continue from the newest checkpoint, if there is one.
struct TrainingResult {
  bool finished = true;  // false: interrupted, resumable
  Json report;           // the object of --json; null is what this process has not measured
};
TrainingResult run_training(Config& config, const RunFolder& folder, bool resume);

// kOk; kInterrupted, after saying how to go on.
int exit_code(const TrainingResult& result);

}  // namespace tinytorch::cli
