#include "modules/setup/debug/recorder.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "tinytorch/core/error.h"

namespace tinytorch::hunt {

void Recorder::add(double ns) {
  if (!(ns >= 0)) throw ConfigError("Recorder: a time cannot be negative.");
  times_.push_back(ns);
  sum_ += ns;
  in_order_ = in_order_ && ns >= slowest_;
  slowest_ = std::max(slowest_, percentile(100));
}

void Recorder::put_in_order() const {
  if (in_order_) return;
  std::sort(times_.begin(), times_.end());
  in_order_ = true;
}

double Recorder::mean() const {
  return times_.empty() ? 0 : sum_ / static_cast<double>(times_.size());
}

double Recorder::percentile(double percent) const {
  if (percent < 0 || percent > 100)
    throw ConfigError("Recorder: a percentile lies between 0 and 100.");
  if (times_.empty()) return 0;
  put_in_order();
  const double rank = std::ceil(percent / 100 * static_cast<double>(times_.size()));
  const auto index = static_cast<size_t>(std::max(rank, 1.0)) - 1;
  return times_[index];
}

void Recorder::clear() {
  times_.clear();
  in_order_ = true;
  sum_ = slowest_ = 0;
}

std::string Recorder::text() const {
  char line[200];
  std::snprintf(line, sizeof line, "%s: %lld times, mean %.3g us, p50 %.3g, p99 %.3g, slowest %.3g",
                name_.c_str(), static_cast<long long>(count()), mean() / 1e3, percentile(50) / 1e3,
                percentile(99) / 1e3, slowest_ / 1e3);
  return line;
}

}  // namespace tinytorch::hunt
