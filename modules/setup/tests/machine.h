#pragma once
// What the tests of measurements are measured by: a clock that stands still while others have the
// processor, and a comparison with the test's own measurement of the same thing.
#include <time.h>

#include <algorithm>
#include <functional>
#include <string>

#include "modules/setup/tests/invariants.h"
#include "tinytorch/core/utils.h"

namespace tinytorch::check {

// Time of this thread alone: a busy machine does not disturb it much.
inline int64_t thread_ns() {
  timespec t = {};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}

inline void use(const void* data) {
  asm volatile("" : : "r"(data) : "memory");
}

// Both measure the same, and noise only makes both worse. So the best of each is compared, again
// and again until they agree; after some seconds they do not. The result is theirs / ours.
struct Comparison {
  double ratio = 0, theirs = 0, ours = 0;
  bool agrees = false;
};
inline Comparison compare(const std::function<double()>& theirs,
                          const std::function<double()>& ours, bool larger_is_better, double least,
                          double most) {
  constexpr int kLeastAttempts = 3, kMostAttempts = 40;
  constexpr int64_t kPatience = 3'000'000'000;
  const int64_t begin = Timer::now_ns();
  Comparison best;
  for (int attempt = 1; attempt <= kMostAttempts; ++attempt) {
    const double a = theirs(), b = ours();
    const auto better = [&](double x, double y) {
      return larger_is_better ? std::max(x, y) : std::min(x, y);
    };
    best.theirs = attempt > 1 ? better(best.theirs, a) : a;
    best.ours = attempt > 1 ? better(best.ours, b) : b;
    best.ratio = best.theirs / best.ours;
    if (attempt < kLeastAttempts) continue;
    best.agrees = best.ratio >= least && best.ratio <= most;
    if (best.agrees || Timer::now_ns() - begin > kPatience) break;
  }
  return best;
}

inline std::string text_of(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4g", value);
  return text;
}

}  // namespace tinytorch::check
