#pragma once
#include <chrono>
#include <string>

#include "tinytorch/optim/trainer.h"

namespace tinytorch::cli {

// Training as a person watches it, on standard error: on a terminal one line that is rewritten
// (bar, loss, samples a second, time left), elsewhere a plain line for each evaluation only.
class TrainingProgress {
 public:
  explicit TrainingProgress(int64_t total_steps);
  void step(const optim::StepReport& report);
  void evaluation(const optim::EvalReport& report);
  void finish();  // clears the rewritten line

 private:
  using Clock = std::chrono::steady_clock;
  void draw(const optim::StepReport& report);
  int64_t total_, first_step_ = 0;
  bool terminal_;
  double loss_ = 0, rate_ = 0;  // smoothed
  Clock::time_point start_, drawn_;
};

std::string seconds_text(double seconds);  // "1:05"

}  // namespace tinytorch::cli
