// Task 0.8: the peak of the multiply-adds.
#include <atomic>
#include <mutex>
#include <set>
#include <thread>

#include "modules/setup/tests/machine.h"
#include "tinytorch/core/error.h"
#include "tinytorch/core/peak.h"
#include "tinytorch/core/utils.h"

namespace tinytorch::check {

namespace {

double own_peak() {
  static int64_t rounds = 500;  // about half a millisecond
  double best = 0;
  for (int run = 0; run < 10; ++run) {
    const int64_t begin = thread_ns();
    const auto operations = static_cast<double>(multiply_add_burst(rounds));
    const auto ns = static_cast<double>(thread_ns() - begin);
    best = std::max(best, operations / ns);
    if (ns < 5e5) rounds *= 2;
  }
  return best;
}

// A made-up clock: each thread's own, which goes on by so much at every reading. The first thread
// to read it has the slow one.
std::atomic<int> g_readers{0};
std::atomic<int64_t> g_slow_step{0};
std::mutex g_mutex;
std::set<std::thread::id> g_threads;

int64_t made_up_clock() {
  thread_local int64_t time = 0;
  thread_local int round = -1, number = 0;
  if (round != g_readers / 1000) round = g_readers / 1000, number = g_readers++ % 1000;
  {
    const std::lock_guard lock(g_mutex);
    g_threads.insert(std::this_thread::get_id());
  }
  return time += number == 0 ? g_slow_step.load() : 2'000'000;
}

// peak_gflops by that clock; the calling thread reads it first.
double made_up_peak(int threads, int64_t slow_step) {
  g_readers = (g_readers / 1000 + 1) * 1000;
  g_slow_step = slow_step;
  g_threads.clear();
  return peak_gflops(threads, made_up_clock);
}

}  // namespace

TASK_TEST(peak, of_one_thread) {
  const Comparison c =
      compare([] { return peak_gflops(1, thread_ns); }, own_peak, true, 0.75, 1.35);
  holds(c.agrees,
        "peak_gflops(1) says " + text_of(c.theirs) + "; the test's own burst ran at " +
            text_of(c.ours) + " GFLOP/s",
        invariant::kCounted,
        c.ratio > 100    ? "the unit: operations a nanosecond are GFLOP/s"
        : c.ratio > 1.35 ? "multiply_add_burst counts both operations of a multiply-add already"
        : c.ratio > 0.4  ? "operations are counted by half: a multiply-add is two, and the best "
                           "attempt counts"
                         : "a burst is too short to be timed, or something else stands inside the "
                           "timing");
}

TASK_TEST(peak, grows_with_the_threads) {
  const double one = made_up_peak(1, 2'000'000);
  for (const int threads : {2, 3}) {
    const double all = made_up_peak(threads, 2'000'000);
    const std::string what = "peak_gflops(" + std::to_string(threads) + ")";
    holds(static_cast<int>(g_threads.size()) >= threads,
          what + " read the clock on " + std::to_string(g_threads.size()) + " threads",
          invariant::kDone,
          "not every thread was at work: run_together starts them, each times its own burst");
    const double ratio = all / one;
    holds(ratio > threads - 0.01 && ratio < threads + 0.01,
          what + " is " + text_of(ratio) +
              " times that of one thread, by a clock that gives every "
              "burst the same time",
          invariant::kCounted,
          ratio < 1.01 ? "the operations of one thread were counted: all threads work"
                       : "the operations of all threads count, each once");
  }
}

TASK_TEST(peak, the_slowest_thread_ends_it) {
  const double even = made_up_peak(2, 2'000'000);
  const double uneven = made_up_peak(2, 8'000'000);  // the calling thread takes four times as long
  const double ratio = even / uneven;
  holds(ratio > 3.9 && ratio < 4.1,
        "one of two threads takes four times as long: the peak falls to 1/" + text_of(ratio) +
            ", expected 1/4",
        invariant::kDone,
        ratio < 1.5   ? "the time of the fastest thread was taken: the work ends with the slowest"
        : ratio < 3.9 ? "the mean of the threads' times was taken: the work ends with the slowest"
                      : "the times of the threads were added: they run at once");
}

TASK_TEST(peak, refuses_no_threads) {
  bool refused = false;
  try {
    peak_gflops(0);
  } catch (const ConfigError&) {
    refused = true;
  }
  that(refused, "peak_gflops(0) was accepted");
  that(peak_gflops(2) > 0, "peak_gflops(2) with this machine's clock is not positive");
}

}  // namespace tinytorch::check
