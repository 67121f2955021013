#include <chrono>

#include "modules/harness/check.h"
#include "modules/setup/debug/recorder.h"

namespace tinytorch::check {

namespace {

// Times as a server has them: about 100 us, in no order.
double a_time(int step) {
  return 100'000 + static_cast<double>(static_cast<uint32_t>(step) * 2654435761U >> 16);
}

double nanoseconds_of_adds(hunt::Recorder& recorder, int adds) {
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < adds; ++i) recorder.add(a_time(static_cast<int>(recorder.count())));
  const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - start;
  return took.count() / adds;
}

}  // namespace

TASK_TEST(recorder, percentiles) {
  hunt::Recorder recorder("step");
  for (int i = 0; i < 100; ++i) recorder.add((i * 37 % 100 + 1) * 1000.0);
  values({.what = "count, mean, p0, p50, p99, p100 of 1 to 100 us",
          .got = {static_cast<double>(recorder.count()), recorder.mean(), recorder.percentile(0),
                  recorder.percentile(50), recorder.percentile(99), recorder.percentile(100)},
          .expected = {100, 50'500, 1000, 50'000, 99'000, 100'000},
          .tolerance = 1e-12});
  recorder.add(500);
  values({.what = "p50 and p0 after one more",
          .got = {recorder.percentile(50), recorder.percentile(0)},
          .expected = {50'000, 500}});
  recorder.clear();
  values({.what = "of nothing",
          .got = {recorder.percentile(50), recorder.mean()},
          .expected = {0, 0}});
}

TASK_TEST(recorder, cost_of_a_late_add) {
  hunt::Recorder recorder("step");
  nanoseconds_of_adds(recorder, 100);
  double early = 1e18, late = 1e18;
  for (int i = 0; i < 3; ++i) early = std::min(early, nanoseconds_of_adds(recorder, 20));
  nanoseconds_of_adds(recorder, 3000);
  for (int i = 0; i < 3; ++i) late = std::min(late, nanoseconds_of_adds(recorder, 20));
  that(late < 5 * early + 2000,
       "one of the first calls of add took " + std::to_string(static_cast<int64_t>(early)) +
           " ns, one after 3000 others " + std::to_string(static_cast<int64_t>(late)) + " ns");
}

}  // namespace tinytorch::check
