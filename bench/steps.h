#pragma once
// The way from plain loops to the machine's limit: one workload, one idea more with each step.
#include <string>
#include <vector>

#include "bench/worker.h"

namespace tinytorch::bench {

struct Step {
  std::string name;  // "vectors of 512 bits"
  int threads = 1;
  std::string kernels;  // TINYTORCH_KERNELS
  std::string isa;      // TINYTORCH_ISA; empty: the best
  bool fused = false, bf16 = false;
  Timing timing = {};
};

// The steps that this machine can take, measured in turns, about so many seconds each. The last one
// that is not bf16 is what runs by default.
std::vector<Step> measure_steps(const Workload& workload, int threads, double seconds);

}  // namespace tinytorch::bench
