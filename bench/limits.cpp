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

// From the start of the first of `threads` threads to the end of the last one, nanoseconds; each
// calls prepare(t), then work(t).
template <class Prepare, class Work>
double together_ns(int threads, Prepare prepare, Work work) {
  struct Span {
    double begin, end;
  };
  std::vector<Span> spans(static_cast<size_t>(threads));
  const Timer timer;
  run_together(threads, [&](int t) {
    prepare(t);
    Span& mine = spans[static_cast<size_t>(t)];
    mine.begin = timer.elapsed_ns();
    work(t);
    mine.end = timer.elapsed_ns();
  });
  double begin = spans[0].begin, end = spans[0].end;
  for (const Span& s : spans) begin = std::min(begin, s.begin), end = std::max(end, s.end);
  return end - begin;
}

// GB/s at which `threads` threads read `bytes` each, of memory of their own, again and again.
double read_bandwidth(int threads, int64_t bytes) {
  const int64_t n = std::max<int64_t>(bytes / 4 / kReadStep, 1) * kReadStep;
  const int64_t rounds = std::max<int64_t>((int64_t{8} << 20) / n, 1);
  std::vector<Tensor> data;
  data.reserve(static_cast<size_t>(threads));
  for (int t = 0; t < threads; ++t) data.push_back(ones({n}));
  const auto floats = [&](int t) { return data[static_cast<size_t>(t)].data<float>(); };
  double best = 0;
  for (int attempt = 0; attempt < 8; ++attempt) {
    const double ns = together_ns(
        threads, [&](int t) { read_burst(floats(t), n); },
        [&](int t) {
          volatile float sum = 0;
          for (int64_t i = 0; i < rounds; ++i) sum = sum + read_burst(floats(t), n);
        });
    best = std::max(best, static_cast<double>(threads * rounds * n * 4) / ns);
  }
  return best;
}

double bf16_gflops(int threads) {
  constexpr int64_t kRounds = 1000;
  double best = 0;
  for (int attempt = 0; attempt < 8; ++attempt) {
    int64_t done = 0;
    const double ns = together_ns(
        threads, [](int) {},
        [&](int t) {
          const int64_t operations = kernels::bf16_burst(kRounds);
          if (t == 0) done = operations;
        });
    best = std::max(best, static_cast<double>(threads * done) / ns);
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
  // A shared machine leaves a part of a large L3 only: eight times the L2, if there is that much,
  // and anyway more than the L2 holds.
  limits.l3_gb_per_s = read_bandwidth(
      threads,
      std::max(std::min(8 * limits.l2_bytes, limits.l3_bytes / 2 / threads), 2 * limits.l2_bytes));
  const int64_t beyond = std::clamp<int64_t>(4 * limits.l3_bytes, 128 << 20, 512 << 20);
  limits.dram_gb_per_s = read_bandwidth(threads, beyond / threads);
  return limits;
}

MachineLimits better_of(const MachineLimits& a, const MachineLimits& b) {
  MachineLimits better = a;
  for (const auto part :
       {&MachineLimits::peak_gflops, &MachineLimits::peak_bf16_gflops, &MachineLimits::l2_gb_per_s,
        &MachineLimits::l3_gb_per_s, &MachineLimits::dram_gb_per_s})
    better.*part = std::max(a.*part, b.*part);
  return better;
}

double limit_us(const MachineLimits& limits, double flops, double bytes, int64_t passes,
                bool bf16) {
  const double in_l2 = std::min(bytes, static_cast<double>(limits.l2_bytes * limits.threads));
  const double in_l3 = std::min(bytes - in_l2, static_cast<double>(limits.l3_bytes));
  const double reading = in_l2 / limits.l2_gb_per_s + in_l3 / limits.l3_gb_per_s +
                         (bytes - in_l2 - in_l3) / limits.dram_gb_per_s;
  const double peak =
      bf16 && limits.peak_bf16_gflops > 0 ? limits.peak_bf16_gflops : limits.peak_gflops;
  return std::max(flops / peak, static_cast<double>(passes) * reading) / 1e3;
}

}  // namespace tinytorch::bench
