#include "modules/setup/debug/race.h"

#include <algorithm>
#include <cstdio>

#include "tinytorch/core/error.h"

namespace tinytorch::hunt {

namespace {

// The value in the middle; of an even number the mean of the two.
double median_of(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  return values.size() % 2 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

// Extremes and middle of the times of one version.
struct Summary {
  double fastest, median, slowest;
};

Summary summarise(std::vector<double> times) {
  const double median = median_of(times);
  const auto [least, most] = std::minmax_element(times.begin(), times.end());
  return {*least, median, *most};
}

std::string line_of(const std::string& name, const Summary& summary) {
  char text[160];
  std::snprintf(text, sizeof text, "%-16s fastest %.3g us, median %.3g us, slowest %.3g us\n",
                name.c_str(), summary.fastest / 1e3, summary.median / 1e3, summary.slowest / 1e3);
  return text;
}

}  // namespace

Race::Race(Version first, Version second, Clock now)
    : first_(std::move(first)), second_(std::move(second)), now_(now) {
  if (!first_.run || !second_.run) throw ConfigError("Race: both versions must be given.");
}

double Race::timed(const Version& version) const {
  const int64_t begin = now_();
  version.run();
  return static_cast<double>(now_() - begin);
}

void Race::round() {
  const double first = timed(first_), second = timed(second_);
  if (!warm_) {
    warm_ = true;
    return;
  }
  first_times_.push_back(first);
  second_times_.push_back(second);
}

Race::Result Race::result() {
  if (first_times_.empty()) throw ConfigError("Race: no round has been run yet.");
  const Summary first = summarise(first_times_), second = summarise(second_times_);
  std::vector<double> ratios;
  for (size_t i = 0; i < first_times_.size(); ++i)
    ratios.push_back(second_times_[i] / first_times_[i]);

  Result result;
  result.fastest_first = first.fastest;
  result.fastest_second = second.fastest;
  result.slowest_first = first.slowest;
  result.slowest_second = second.slowest;
  const Summary ratio = summarise(ratios);
  result.ratio = ratio.median;
  result.least_ratio = ratio.fastest;
  result.most_ratio = ratio.slowest;
  result.text = line_of(first_.name, first) + line_of(second_.name, second);
  char text[160];
  std::snprintf(text, sizeof text, "%s takes %.3g times as long (%.3g to %.3g in %d rounds)\n",
                second_.name.c_str(), ratio.median, ratio.fastest, ratio.slowest, rounds());
  result.text += text;
  return result;
}

}  // namespace tinytorch::hunt
