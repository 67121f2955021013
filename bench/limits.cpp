#include "bench/limits.h"

#include <algorithm>
#include <vector>

#include "tinytorch/core/peak.h"
#include "tinytorch/core/tensor.h"
#include "tinytorch/core/utils.h"
#include "tinytorch/kernels/simd/bf16.h"

namespace tinytorch::bench {

namespace {

constexpr int64_t kReadStep = 512;  // floats: read_burst's

// GB/s at which `threads` threads read `bytes` each, of memory of their own, again and again.
double read_bandwidth(int threads, int64_t bytes) {
  const int64_t n = std::max<int64_t>(bytes / 4 / kReadStep, 1) * kReadStep;
  const int64_t rounds = std::max<int64_t>((int64_t{8} << 20) / n, 1);
  std::vector<Tensor> data;
  data.reserve(static_cast<size_t>(threads));
  for (int t = 0; t < threads; ++t) data.push_back(ones({n}));
  std::vector<double> elapsed(static_cast<size_t>(threads));
  double best = 0;
  for (int attempt = 0; attempt < 8; ++attempt) {
    run_together(threads, [&](int t) {
      const float* mine = data[static_cast<size_t>(t)].data<float>();
      read_burst(mine, n);  // warm
      const Timer timer;
      volatile float sum = 0;
      for (int64_t i = 0; i < rounds; ++i) sum = sum + read_burst(mine, n);
      elapsed[static_cast<size_t>(t)] = timer.elapsed_ns();
    });
    const double slowest = *std::max_element(elapsed.begin(), elapsed.end());
    best = std::max(best, static_cast<double>(threads * rounds * n * 4) / slowest);
  }
  return best;
}

double bf16_gflops(int threads) {
  constexpr int64_t kRounds = 1000;
  std::vector<double> elapsed(static_cast<size_t>(threads));
  double best = 0;
  for (int attempt = 0; attempt < 8; ++attempt) {
    int64_t done = 0;
    run_together(threads, [&](int t) {
      const Timer timer;
      const int64_t operations = kernels::bf16_burst(kRounds);
      elapsed[static_cast<size_t>(t)] = timer.elapsed_ns();
      if (t == 0) done = operations;
    });
    const double slowest = *std::max_element(elapsed.begin(), elapsed.end());
    best = std::max(best, static_cast<double>(threads * done) / slowest);
  }
  return best;
}

}  // namespace

MachineLimits measure_limits(int threads) {
  const MachineInfo machine = probe_machine();
  MachineLimits limits;
  limits.threads = threads;
  limits.l2_bytes = machine.l2_bytes > 0 ? machine.l2_bytes : int64_t{1} << 20;
  limits.l3_bytes = machine.l3_bytes > 0 ? machine.l3_bytes : int64_t{16} << 20;
  limits.peak_gflops = peak_gflops(threads);
  limits.peak_bf16_gflops = bf16_gflops(threads);
  limits.l2_gb_per_s = read_bandwidth(threads, limits.l2_bytes / 2);
  // A shared machine leaves a part of a large L3 only: eight times the L2, if there is that much.
  limits.l3_gb_per_s =
      read_bandwidth(threads, std::min(8 * limits.l2_bytes, limits.l3_bytes / 2 / threads));
  const int64_t beyond = std::clamp<int64_t>(4 * limits.l3_bytes, 128 << 20, 512 << 20);
  limits.dram_gb_per_s = read_bandwidth(threads, beyond / threads);
  return limits;
}

double limit_us(const MachineLimits& limits, double flops, double bytes, bool bf16) {
  const double l2 = static_cast<double>(limits.l2_bytes * limits.threads);
  const double bandwidth = bytes <= l2                                     ? limits.l2_gb_per_s
                           : bytes <= static_cast<double>(limits.l3_bytes) ? limits.l3_gb_per_s
                                                                           : limits.dram_gb_per_s;
  const double peak =
      bf16 && limits.peak_bf16_gflops > 0 ? limits.peak_bf16_gflops : limits.peak_gflops;
  return std::max(flops / peak, bytes / bandwidth) / 1e3;
}

}  // namespace tinytorch::bench
