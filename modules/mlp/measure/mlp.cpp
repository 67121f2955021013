// What the loop order, the batch and a softmax cost, on one core.
#include <algorithm>

#include "modules/harness/measure.h"
#include "tinytorch/core/parallel.h"
#include "tinytorch/kernels/matmul.h"
#include "tinytorch/kernels/softmax.h"

namespace tinytorch::measure {

namespace {

struct OneThread {
  OneThread() { set_num_threads(1); }
  ~OneThread() { set_num_threads(before); }
  int before = num_threads();
};

using Product = void (*)(const kernels::MatmulArgs<float>&);

// m x k times k x n, all rows one after the other.
struct Matrices {
  Matrices(int64_t rows, int64_t columns, int64_t inner) : m(rows), n(columns), k(inner) {}

  Stats time(Product product, int repeats) {
    kernels::MatmulArgs<float> args;
    args.m = m, args.n = n, args.k = k;
    args.a = a.data(), args.a_rs = k, args.a_cs = 1;
    args.b = b.data(), args.b_rs = n, args.b_cs = 1;
    args.c = c.data(), args.ldc = n;
    return measure_ns(
        [&] {
          product(args);
          keep(c.data());
        },
        repeats);
  }
  double flops() const { return 2.0 * static_cast<double>(m * n * k); }
  double bytes() const { return static_cast<double>(4 * (a.size() + b.size() + c.size())); }

  int64_t m, n, k;
  std::vector<float> a = std::vector<float>(static_cast<size_t>(m * k), 0.5F);
  std::vector<float> b = std::vector<float>(static_cast<size_t>(k * n), 0.5F);
  std::vector<float> c = std::vector<float>(static_cast<size_t>(m * n));
};

}  // namespace

MEASUREMENT(loop_orders) {
  const OneThread one;
  const double peak = peak_gflops(1);
  for (const int64_t n : {32, 64, 128, 256, 512, 1024}) {
    Matrices matrices(n, n, n);
    const int repeats = n < 512 ? 9 : 3;
    const auto rate_of = [&](const char* curve, Product product) {
      const Stats times = matrices.time(product, repeats);
      report.point(curve, matrices.bytes(), rate(times, matrices.flops()), peak);
      return times.median;
    };
    const double ikj = rate_of("ikj", kernels::loops::matmul_ikj<float>);
    const double blocked = rate_of("blocked", kernels::loops::matmul_blocked<float>);
    if (n > 512) continue;  // seconds
    const double ijk = rate_of("ijk", kernels::loops::matmul_ijk<float>);
    if (n < 512) continue;
    report.answer("ijk_to_ikj_at_512", ijk / ikj);
    report.answer("blocked_percent_of_peak", 100 * matrices.flops() / blocked / peak);
  }
}

MEASUREMENT(intensity) {
  const OneThread one;
  const int64_t size = 2048;
  const double peak = peak_gflops(1), bandwidth = copy_bandwidth(4 * size * size);
  double first = 0;
  for (const int64_t batch : {1, 4, 16, 64}) {
    Matrices matrices(batch, size, size);
    const double flops_a_byte = matrices.flops() / matrices.bytes();
    const double limit = std::min(peak, flops_a_byte * bandwidth);
    const int repeats = batch < 64 ? 5 : 3;
    const Stats ikj = matrices.time(kernels::loops::matmul_ikj<float>, repeats);
    const Stats blocked = matrices.time(kernels::loops::matmul_blocked<float>, repeats);
    report.point("ikj", flops_a_byte, rate(ikj, matrices.flops()), limit);
    report.point("blocked", flops_a_byte, rate(blocked, matrices.flops()), limit);
    if (batch == 1) {
      first = blocked.median;
      report.answer("flops_a_byte_at_batch_1", flops_a_byte);
    }
    if (batch == 64) report.answer("batch_64_to_batch_1", blocked.median / first);
  }
}

MEASUREMENT(softmax_rows) {
  const OneThread one;
  const int64_t cols = 1000;
  for (const int64_t rows : {4, 40, 400, 4000, 16000}) {
    const int64_t count = rows * cols;
    std::vector<float> x(static_cast<size_t>(count)), y(x.size());
    for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i % 17) * 0.25F;
    const kernels::SoftmaxArgs<float> args{rows, cols, x.data(), cols, y.data(), cols};
    const Stats times = measure_ns(
        [&] {
          kernels::loops::softmax(args);
          keep(y.data());
        },
        rows < 4000 ? 7 : 3);
    const double bytes = static_cast<double>(4 * count);
    const double limit = 8 / copy_bandwidth(4 * count);  // x read once, y written once
    report.point("softmax", bytes, scaled(times, 1 / static_cast<double>(count)), limit);
  }
}

}  // namespace tinytorch::measure
