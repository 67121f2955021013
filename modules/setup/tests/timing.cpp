// Tasks 0.3 and 0.4: the clock, and times of repeated runs. All clocks here are made up, so that
// every time is known exactly.
#include <algorithm>

#include "modules/setup/tests/invariants.h"
#include "tinytorch/core/error.h"
#include "tinytorch/core/utils.h"

namespace tinytorch::check {

namespace {

int64_t g_time = 0, g_reads = 0;

// A clock of which each reading takes 25 ns.
int64_t fine_clock() {
  ++g_reads;
  return g_time += 25;
}
// One that is read in 20 ns but only moves every microsecond.
int64_t coarse_clock() {
  ++g_reads;
  return (g_time += 20) / 1000 * 1000;
}
// One that something else interrupts for 30 us at every 700th reading, until that is over.
int64_t disturbed_clock() {
  if (++g_reads % 700 == 0 && g_reads < 6000) g_time += 30'000;
  return g_time += 30;
}

void start_clock() {
  g_time = 1'000'000'000, g_reads = 0;
}

void expect_near(const std::string& what, double got, double wanted, double tolerance,
                 const std::string& cause) {
  values({.what = what,
          .got = {got},
          .expected = {wanted},
          .tolerance = tolerance,
          .invariant = invariant::kClock,
          .mistakes = {{{got}, cause}}});
}

}  // namespace

TASK_TEST(timer, cost_of_a_reading) {
  start_clock();
  const TimerCost cost = calibrate_timer(fine_clock);
  expect_near("read_ns of a clock that is read in 25 ns", cost.read_ns, 25, 0.01,
              cost.read_ns > 40   ? "the time of all readings is divided by fewer readings than "
                                    "there were"
              : cost.read_ns == 0 ? "nothing was measured"
                                  : "the time of all readings is divided by more readings than "
                                    "there were");
  expect_near("step_ns of that clock", cost.step_ns, 25, 0,
              "the step is the smallest difference of two readings, one after the other");
  holds(g_reads >= 1000,
        "the clock was read " + std::to_string(g_reads) + " times to find out what that costs",
        invariant::kClock, "a few readings tell nothing: time thousands of them");
}

TASK_TEST(timer, of_a_coarse_clock) {
  start_clock();
  const TimerCost cost = calibrate_timer(coarse_clock);
  expect_near("step_ns of a clock that moves every 1000 ns", cost.step_ns, 1000, 0,
              cost.step_ns == 0
                  ? "readings that do not differ were counted as a step of 0"
                  : "the step is the smallest difference of two readings that differ");
  expect_near("read_ns of that clock, which is read in 20 ns", cost.read_ns, 20, 0.06,
              "two readings alone cannot tell: the clock moves every 1000 ns; time thousands of "
              "readings at once");
}

TASK_TEST(timer, in_spite_of_interruptions) {
  start_clock();
  const TimerCost cost = calibrate_timer(disturbed_clock);
  expect_near("read_ns of a clock that is read in 30 ns and interrupted at times", cost.read_ns, 30,
              0.01,
              "interruptions are counted in: repeat the trial and keep the best, which nothing "
              "disturbed");
  expect_near("step_ns of that clock", cost.step_ns, 30, 0,
              "the step is the smallest difference, not the largest or the mean");
}

TASK_TEST(timer, of_this_machine) {
  const TimerCost cost = calibrate_timer();
  holds(cost.read_ns > 0.5 && cost.read_ns < 1e5 && cost.step_ns >= 1 && cost.step_ns < 1e7,
        "the clock of this machine: read_ns " + std::to_string(cost.read_ns) + ", step_ns " +
            std::to_string(cost.step_ns),
        invariant::kClock, "a reading takes from nanoseconds to microseconds");
}

namespace {

// What is measured takes the times of this list, one after the other.
std::vector<int64_t> g_durations;
size_t g_calls = 0;

int64_t still_clock() {
  return g_time;
}
void timed() {
  g_time += g_durations[std::min(g_calls++, g_durations.size() - 1)];
}

// The first of `durations` is that of the warm-up.
Stats measured(const std::vector<int64_t>& durations) {
  start_clock();
  g_durations = durations;
  g_calls = 0;
  return measure_ns(timed, static_cast<int>(durations.size()) - 1, still_clock);
}

// min, median, max, runs; times of runs as if from the given ones.
std::vector<double> stats_of(std::vector<int64_t> times) {
  std::sort(times.begin(), times.end());
  const size_t n = times.size();
  const double median = n % 2 ? static_cast<double>(times[n / 2])
                              : static_cast<double>(times[n / 2 - 1] + times[n / 2]) / 2;
  return {static_cast<double>(times[0]), median, static_cast<double>(times[n - 1]),
          static_cast<double>(n)};
}

void check_runs(const std::vector<int64_t>& durations) {
  const Stats got = measured(durations);
  const std::vector<int64_t> counted(durations.begin() + 1, durations.end());
  const std::vector<double> expected = stats_of(counted);
  const size_t n = counted.size();
  double sum = 0;
  std::string text;
  for (const int64_t t : counted) {
    sum += static_cast<double>(t);
    text += (text.empty() ? "" : ", ") + std::to_string(t);
  }
  const auto with_median = [&](double median) {
    return std::vector<double>{expected[0], median, expected[2], expected[3]};
  };
  std::vector<int64_t> sorted = counted, without_last(durations.begin(), durations.end() - 1);
  std::sort(sorted.begin(), sorted.end());
  const auto ns = [&](size_t i) { return static_cast<double>(sorted[i]); };
  const auto as_run = [&](size_t i) { return static_cast<double>(counted[i]); };
  std::vector<double> all_runs = stats_of(durations), all_but_runs = all_runs;
  all_but_runs[3] = static_cast<double>(n);
  const double factor = 1e-3;
  values({.what = "measure_ns of runs that take " + std::to_string(durations[0]) +
                  " ns at first, then " + text + ": min, median, max, runs",
          .got = {got.min, got.median, got.max, static_cast<double>(got.runs)},
          .expected = expected,
          .invariant = invariant::kWarm,
          .mistakes = {
              {stats_of(without_last), "the first run was counted: it only warms up"},
              {all_runs, "the first run was counted: it only warms up"},
              {all_but_runs, "the first run was counted: it only warms up"},
              {with_median(sum / static_cast<double>(n)),
               "that is the mean: one slow run moves it, the median stays"},
              {with_median(as_run(n / 2)),
               "the run in the middle was taken: the times must be in order first"},
              {with_median(ns(n / 2)),
               "the upper of the two in the middle was taken; of an even number the median is "
               "their mean"},
              {with_median(ns((n - 1) / 2)),
               "the lower of the two in the middle was taken; of an even number the median is "
               "their mean"},
              {{as_run(0), expected[1], as_run(n - 1), expected[3]},
               "min and max are those of the sorted times"},
              {{expected[0] * factor, expected[1] * factor, expected[2] * factor, expected[3]},
               "times are nanoseconds here"},
              {{0, 0, 0, static_cast<double>(n)},
               "the clock that was handed in must be read around each run"},
          }});
  holds(g_calls == durations.size(),
        "measure_ns of " + std::to_string(n) + " repeats called the function " +
            std::to_string(g_calls) + " times",
        invariant::kWarm,
        g_calls == n ? "nothing warmed up: the function runs once more before"
                     : "the function runs once to warm up and once for each repeat");
}

}  // namespace

TASK_TEST(measured, odd_number_of_runs) {
  check_runs({9000, 30, 10, 20});
  check_runs({9000, 50, 40, 30, 20, 10});
  check_runs({7, 100});
}

TASK_TEST(measured, even_number_of_runs) {
  check_runs({9000, 20, 10, 90, 30});
  check_runs({9000, 5, 100});
}

TASK_TEST(measured, with_one_slow_run) {
  check_runs({9000, 20, 21, 900'000, 20, 22, 19, 23});
}

TASK_TEST(measured, refuses_no_runs) {
  bool refused = false;
  try {
    measure_ns([] {}, 0);
  } catch (const ConfigError&) {
    refused = true;
  }
  that(refused, "measure_ns with 0 repeats was accepted");
  const Stats real = measure_ns([] {}, 5);
  holds(real.min >= 0 && real.min <= real.median && real.median <= real.max && real.runs == 5,
        "measure_ns with this machine's clock: min, median and max are out of order",
        invariant::kWarm);
}

}  // namespace tinytorch::check
