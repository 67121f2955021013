#include "tinytorch/optim/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "tinytorch/core/format.h"

namespace tinytorch::optim {

std::vector<std::string> schedule_names() {
  return {"constant", "cosine", "step", "multi_step", "exponential", "one_cycle", "plateau"};
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
  if ((name == "cosine" || name == "one_cycle") && total_steps < 1)
    raise<ConfigError>("schedule: {} needs total_steps >= 1, got {}.", name, total_steps);
  if (name == "multi_step" && (milestones.empty() || milestones.front() < 1 ||
                               !std::is_sorted(milestones.begin(), milestones.end())))
    raise<ConfigError>("schedule: multi_step needs rising milestones, each a step from 1.");
  if ((name == "multi_step" || name == "exponential" || name == "plateau") && !(gamma > 0))
    raise<ConfigError>("schedule: {} needs gamma > 0, got {}.", name, gamma);
  if (name == "plateau" && (patience < 0 || gamma >= 1))
    raise<ConfigError>("schedule: plateau needs patience >= 0 and gamma < 1, got {} and {}.",
                       patience, gamma);
  if (name == "one_cycle" &&
      (!(pct_start >= 0 && pct_start <= 1) || !(div_factor > 0) || !(final_div_factor > 0)))
    raise<ConfigError>(
        "schedule: one_cycle needs pct_start in [0, 1] and positive factors, got {}, {} and {}.",
        pct_start, div_factor, final_div_factor);
}

namespace {

// From `from` to `to` along half a cosine; done in [0, 1].
double along_cosine(double from, double to, double done) {
  return to + (from - to) * 0.5 * (1 + std::cos(std::numbers::pi * done));
}

double one_cycle(const Schedule& s, double lr, int64_t after) {
  const double first = lr / s.div_factor, last = first / s.final_div_factor;
  const double length = static_cast<double>(std::max<int64_t>(s.total_steps - s.warmup_steps, 1));
  const double at = std::min(static_cast<double>(after), length - 1);
  const double top = s.pct_start * length - 1;  // the step with the largest rate
  if (at <= top) return along_cosine(first, lr, top > 0 ? at / top : 1);
  return along_cosine(lr, last, (at - top) / (length - 1 - top));
}

}  // namespace

double Schedule::lr_at(double lr, int64_t step, const PlateauState& plateau) const {
  if (step <= warmup_steps)
    return lr * static_cast<double>(step) / static_cast<double>(warmup_steps);
  const int64_t after = step - warmup_steps - 1;  // 0 for the first step behind the warm-up
  const auto fallen = [&](int64_t times) {
    return lr * std::pow(gamma, static_cast<double>(times));
  };
  if (name == "step") return fallen(after / step_size);
  if (name == "exponential") return fallen(after);
  if (name == "multi_step")
    return fallen(
        std::count_if(milestones.begin(), milestones.end(), [&](int64_t m) { return after >= m; }));
  if (name == "one_cycle") return one_cycle(*this, lr, after);
  if (name == "plateau") return std::max(lr * plateau.scale, std::min(min_lr, lr));
  if (name == "cosine") {
    const double length = static_cast<double>(std::max<int64_t>(total_steps - warmup_steps, 1));
    return along_cosine(lr, min_lr, std::min(static_cast<double>(after) / length, 1.0));
  }
  return lr;
}

void Schedule::observe(double loss, PlateauState& plateau) const {
  if (name != "plateau") return;
  if (plateau.evaluations++ == 0 || loss < plateau.best * (1 - 1e-4)) {
    plateau.best = loss;
    plateau.stale = 0;
  } else if (++plateau.stale > patience) {
    plateau.scale *= gamma;
    plateau.stale = 0;
  }
}

}  // namespace tinytorch::optim
