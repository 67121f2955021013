#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "tinytorch/core/memory_stats.h"

namespace tinytorch {

// Measuring the machine: what it is, how fast its memory and its arithmetic are, and what a piece
// of code takes. Module 0 of the course writes this file's .cpp; the framework itself only reports
// with it.

// A size that the system does not tell is 0, a text "unknown".
struct MachineInfo {
  std::string cpu;         // model name
  int cores = 0;           // CPUs this process may use (affinity, cgroup quota)
  int64_t line_bytes = 0;  // cache line
  int64_t l1_bytes = 0;    // data cache of one core
  int64_t l2_bytes = 0;
  int64_t l3_bytes = 0;          // usually shared by several cores
  std::vector<std::string> isa;  // the vector extensions that matter here, widest first
  int64_t memory_bytes = 0;
  std::string huge_pages;  // transparent huge pages: always, madvise or never
};
// The files of the system are read below `root`: a test has a folder with some of its own.
MachineInfo probe_machine(const std::string& root = "");

// A clock that never jumps, in nanoseconds.
class Timer {
 public:
  static int64_t now_ns();
  void restart() { start_ = now_ns(); }
  double elapsed_ns() const { return static_cast<double>(now_ns() - start_); }

 private:
  int64_t start_ = now_ns();
};

// Where times come from: nanoseconds that never run backwards. A test may bring its own clock.
using Clock = int64_t (*)();

// What reading the clock costs, and how far apart two readings are that differ.
struct TimerCost {
  double read_ns = 0;
  double step_ns = 0;
};
TimerCost calibrate_timer(Clock now = Timer::now_ns);

// Times of repeated runs in nanoseconds.
struct Stats {
  double min = 0;
  double median = 0;
  double max = 0;
  int runs = 0;
};

// Runs fn once to warm up, then `repeats` (>= 1) times.
Stats measure_ns(const std::function<void()>& fn, int repeats, Clock now = Timer::now_ns);
double median_ns(const std::function<void()>& fn, int repeats);

// GB/s at which `bytes` are copied from one array to another, reads and writes both counted.
double copy_bandwidth(int64_t bytes, Clock now = Timer::now_ns);

// A random tour over `count` (>= 1) places: from place i it goes on to place [i] of the result, and
// visits every place once before it is back.
std::vector<uint32_t> random_cycle(size_t count);
// Time of one read that depends on the one before, at random places in `bytes` of memory.
double random_read_ns(int64_t bytes, Clock now = Timer::now_ns);

// Time of the first write to a page of memory that the system has just given, over `bytes` of them.
double fresh_page_ns(int64_t bytes, Clock now = Timer::now_ns);

// 1e9 floating-point operations a second (a fused multiply-add counts two, f32) with all vector
// units of `threads` cores at work.
double peak_gflops(int threads, Clock now = Timer::now_ns);

// What a report of measurements must say about where they were taken: names and values, in a fixed
// order; and the same as aligned lines of text.
std::vector<std::pair<std::string, std::string>> environment();
std::string environment_report();

}  // namespace tinytorch
