#include "tinytorch/optim/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "tinytorch/core/format.h"

namespace tinytorch::optim {

std::vector<std::string> schedule_names() {
  return {"constant", "cosine", "step"};
}

void Schedule::check() const {
  const auto names = schedule_names();
  if (std::find(names.begin(), names.end(), name) == names.end())
    raise<ConfigError>("schedule '{}' is unknown. Known: {}.", name, joined(names));
  if (warmup_steps < 0)
    raise<ConfigError>("schedule: warmup_steps = {} must not be negative.", warmup_steps);
  if (name == "step" && (step_size < 1 || !(gamma > 0)))
    raise<ConfigError>("schedule: step needs step_size >= 1 and gamma > 0, got {} and {}.",
                       step_size, gamma);
  if (name == "cosine" && total_steps < 1)
    raise<ConfigError>("schedule: cosine needs total_steps >= 1, got {}.", total_steps);
}

double Schedule::lr_at(double lr, int64_t step) const {
  if (step <= warmup_steps)
    return lr * static_cast<double>(step) / static_cast<double>(warmup_steps);
  const int64_t after = step - warmup_steps - 1;  // 0 for the first step behind the warm-up
  if (name == "step") {
    const int64_t falls = after / step_size;
    return lr * std::pow(gamma, static_cast<double>(falls));
  }
  if (name == "cosine") {
    const double length = static_cast<double>(std::max<int64_t>(total_steps - warmup_steps, 1));
    const double done = std::min(static_cast<double>(after) / length, 1.0);
    return min_lr + (lr - min_lr) * 0.5 * (1 + std::cos(std::numbers::pi * done));
  }
  return lr;
}

}  // namespace tinytorch::optim
