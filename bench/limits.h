#pragma once
#include <cstdint>

namespace tinytorch::bench {

// What this machine could do at best with some threads, measured: the roof over every workload.
struct MachineLimits {
  int threads = 0;
  double peak_gflops = 0;       // f32 multiply-adds in registers, each counting two
  double peak_bf16_gflops = 0;  // products of bf16, sums of f32; 0: this CPU has no such unit
  double l2_gb_per_s = 0;       // reads of data that lie in the cores' own L2
  double l3_gb_per_s = 0;       // in the shared cache, beyond the L2s
  double dram_gb_per_s = 0;     // in memory
  int64_t l2_bytes = 0, l3_bytes = 0;  // of one core; shared
};
MachineLimits measure_limits(int threads);
// The better of two measurements in each respect. (A neighbour on the host can take half of a
// machine for minutes: limits are what it gave at its best.)
MachineLimits better_of(const MachineLimits& a, const MachineLimits& b);

// The least time that work of `flops` operations takes which touches its data (`bytes`) `passes`
// times, one after the other: max(flops / peak, passes * the time of reading the data), in
// microseconds. As much of the data as fits is read from the L2s, of the rest as much as fits from
// L3. `bf16`: products are of bf16, where this CPU has a unit for it.
double limit_us(const MachineLimits& limits, double flops, double bytes, int64_t passes = 1,
                bool bf16 = false);

}  // namespace tinytorch::bench
