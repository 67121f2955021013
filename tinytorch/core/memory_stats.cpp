// Resident memory of the process, from /proc.
#include "tinytorch/core/memory_stats.h"

#include <algorithm>
#include <atomic>
#include <fstream>
#include <string>

#include "tinytorch/core/memory.h"

namespace tinytorch {

namespace {

std::atomic<int64_t> baseline{-1};

// A line "NAME:   1234 kB" of /proc/self/status. (getrusage would also give the peak, but a process
// inherits that of the one it was started by.)
int64_t status_bytes(const std::string& name) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.compare(0, name.size() + 1, name + ":") == 0)
      return std::stoll(line.substr(name.size() + 1)) * 1024;
  return 0;
}

}  // namespace

int64_t resident_bytes() {
  return status_bytes("VmRSS");
}
int64_t peak_resident_bytes() {
  return std::max(status_bytes("VmHWM"), resident_bytes());
}

void remember_memory_baseline() {
  if (baseline.load(std::memory_order_relaxed) >= 0) return;
  int64_t unset = -1;
  baseline.compare_exchange_strong(unset, resident_bytes());
}

int64_t memory_baseline_bytes() {
  const int64_t known = baseline.load();
  return known >= 0 ? known : resident_bytes();
}

int64_t peak_memory_bytes() {
  return std::max<int64_t>(0, peak_resident_bytes() - memory_baseline_bytes());
}

}  // namespace tinytorch
