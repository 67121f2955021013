#pragma once
// One workload of one framework in a process of its own, so that memory is its own and two
// frameworks can be measured in turns. The parent writes lines, the worker answers each by one:
//   (at the start)   ready
//   run SECONDS      done             measures for about so long
//   report           MIN MEDIAN RUNS PEAK_BYTES    of all runs until now, times in microseconds
// A worker ends when its input does. bench/peers/ holds workers of other frameworks.
#include <cstdint>
#include <string>
#include <vector>

#include "bench/workloads.h"

namespace tinytorch::bench {

struct Timing {
  double min_us = 0, median_us = 0;
  int64_t runs = 0;
  int64_t peak_memory_bytes = 0;
};

// The worker's side: serves standard input until it ends.
void serve(const Workload& workload);

// The parent's side.
class Worker {
 public:
  // Starts `command` with `environment` ("NAME=VALUE"; "NAME" alone removes it) added to ours and
  // waits until it is ready. IoError when it cannot start; each call, when it ends early, says
  // something else than the protocol or nothing for kPatience.
  Worker(const std::vector<std::string>& command, const std::vector<std::string>& environment = {});
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  void run(double seconds);
  Timing report();

 private:
  static constexpr double kPatience = 300;  // seconds, beyond those that it was asked to take
  std::string ask(const std::string& line, double seconds = 0);
  std::string read_line(double seconds);
  [[noreturn]] void fail(const std::string& why);
  void end(bool at_once);

  std::string name_;
  int pid_ = -1, to_ = -1, from_ = -1;
  std::string unread_;
};

}  // namespace tinytorch::bench
