#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace tinytorch::optim {

// What "plateau" remembers between evaluations (PyTorch's ReduceLROnPlateau).
struct PlateauState {
  int64_t evaluations = 0;
  double best = 0;    // the lowest loss, to a share of 1e-4; counts once there was an evaluation
  int64_t stale = 0;  // evaluations in a row that were no better
  double scale = 1;   // of the rate
};

// The learning rate as a pure function of the step, so that it needs no state in a checkpoint
// (plateau alone has one). Every schedule begins behind the warm-up. Formulas are PyTorch's, with a
// step where it says epoch.
struct Schedule {
  std::string name = "constant";  // schedule_names()
  int64_t warmup_steps = 0;       // linear from lr / warmup_steps to lr
  int64_t total_steps = 0;        // cosine: reaches min_lr here; one_cycle: its length
  double min_lr = 0;              // cosine, plateau
  int64_t step_size = 0;          // step: every step_size steps the rate is multiplied by gamma
  double gamma = 0.1;             // step, multi_step, exponential (each step), plateau
  std::vector<int64_t> milestones =
      {};  // multi_step: rising steps from which gamma counts once more
  // one_cycle (Smith and Topin 2018): up from lr / div_factor to lr in pct_start of the steps, down
  // to a share of 1 / final_div_factor of where it began, both along a cosine.
  double pct_start = 0.3, div_factor = 25, final_div_factor = 1e4;
  int64_t patience = 10;  // plateau: evaluations without a better loss before gamma counts

  // The rate of step `step` (from 1) for a base rate lr.
  double lr_at(double lr, int64_t step, const PlateauState& plateau = {}) const;
  // plateau: an evaluation's loss. Others ignore it.
  void observe(double loss, PlateauState& plateau) const;
  void check() const;  // ConfigError for an unknown name or values that cannot be
};
std::vector<std::string> schedule_names();

}  // namespace tinytorch::optim
