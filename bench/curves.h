#pragma once
// How time and memory of a training step grow with the batch, the depth and the sequence, and how
// memory falls while backward runs.
#include <cstdint>
#include <string>
#include <vector>

namespace tinytorch::bench {

struct CurvePoint {
  int64_t value = 0;       // of the axis
  double min_us = 0;       // of a step
  int64_t peak_bytes = 0;  // of tensors alive at a time
};
struct Curve {
  std::string axis;   // "batch", "depth", "length"
  std::string model;  // "CNN on 1x28x28"
  std::vector<CurvePoint> points;
  // The power of the axis with which time and memory grow over the upper half of the points: 1 is
  // linear. Least squares of the logarithms.
  double time_exponent = 0, memory_exponent = 0;
};
// Each point is measured for about so many seconds.
std::vector<Curve> measure_curves(double seconds);

// One operation on `size` numbers, with one thread and with `threads`: small tensors must not lose
// by being shared out.
struct ForkingPoint {
  std::string operation;  // "add"
  int64_t size = 0;
  double one_us = 0, all_us = 0;  // minima, in turns
};
std::vector<ForkingPoint> measure_forking(int threads, double seconds);

// Live tensor memory of one step of the GPT of workload e: before it, after the loss, then as the
// gradient of a weight of each layer is finished, from the last layer to the first, and at the end.
struct MemoryPoint {
  std::string at;  // "loss", "layer 3", "end"
  int64_t live_bytes = 0;
};
std::vector<MemoryPoint> measure_backward_memory();

}  // namespace tinytorch::bench
