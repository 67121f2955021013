#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace tinytorch::optim {

// The learning rate as a pure function of the step, so that it needs no state in a checkpoint.
struct Schedule {
  std::string name = "constant";  // "constant", "cosine", "step"
  int64_t warmup_steps = 0;       // linear from lr / warmup_steps to lr
  int64_t total_steps = 0;        // cosine: reaches min_lr here
  double min_lr = 0;              // cosine
  int64_t step_size = 0;          // step: every step_size steps the rate is multiplied by gamma
  double gamma = 0.1;

  // The rate of step `step` (from 1) for a base rate lr.
  double lr_at(double lr, int64_t step) const;
  void check() const;  // ConfigError for an unknown name or values that cannot be
};
std::vector<std::string> schedule_names();

}  // namespace tinytorch::optim
