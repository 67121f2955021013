// What the order of a walk costs: the same elements, by rows and by columns; a copy, straight and
// transposed.
#include <algorithm>
#include <vector>

#include "modules/harness/measure.h"
#include "tinytorch/kernels/walk.h"

namespace tinytorch::measure {

namespace {

constexpr int64_t kSizes[] = {64, 256, 1024, 4096};  // 16 KiB, 256 KiB, 4 MiB, 64 MiB

// Adds up a row; `params` is the total. Four sums, so that one addition need not wait for the one
// before.
void sum_row(char* const* data, const int64_t* step, int64_t n, const void* params) {
  float total[4] = {};
  const char* x = data[0];
  int64_t i = 0;
  for (; i + 4 <= n; i += 4)
    for (float& each : total) {
      each += *reinterpret_cast<const float*>(x);
      x += step[0];
    }
  for (; i < n; ++i, x += step[0]) total[0] += *reinterpret_cast<const float*>(x);
  *static_cast<float*>(const_cast<void*>(params)) += total[0] + total[1] + total[2] + total[3];
}

void copy_floats(char* const* data, const int64_t* step, int64_t n, const void* /*params*/) {
  kernels::loops::copy_row(data, step, n, 4);
}

// Enough runs in one timing to last half a millisecond, and few of those that last long.
template <class F>
Stats timed(int64_t elements, double ns_an_element, const F& fn) {
  const auto times = static_cast<int>(
      std::clamp(5e5 / (static_cast<double>(elements) * ns_an_element), 1.0, 1000.0));
  Stats stats = measure_ns(
      [&] {
        for (int i = 0; i < times; ++i) fn();
      },
      elements > (1 << 22) ? 5 : 11);
  for (double* ns : {&stats.min, &stats.median, &stats.max}) *ns /= times;
  return stats;
}

}  // namespace

MEASUREMENT(row_against_column) {
  for (const int64_t n : kSizes) {
    std::vector<float> x(static_cast<size_t>(n * n), 1);
    float total = 0;
    kernels::WalkArgs args;
    args.operands = 1;
    args.shape = {n, n};
    args.data[0] = reinterpret_cast<char*>(x.data());
    args.row = sum_row;
    args.params = &total;
    const auto bytes = static_cast<double>(n * n * 4);
    // A walk reads four bytes an element; a copy of this size shows how fast they could come.
    const double limit = 4 / copy_bandwidth(n * n * 4);
    double medians[2];
    for (const bool by_columns : {false, true}) {
      args.stride[0] = by_columns ? Strides{4, 4 * n} : Strides{4 * n, 4};
      const Stats times = timed(n * n, 1, [&] {
        kernels::loops::walk(args);
        keep(&total);
      });
      const double each = 1 / static_cast<double>(n * n);
      medians[by_columns] = times.median;
      report.point(by_columns ? "columns" : "rows", bytes, scaled(times, each), limit);
    }
    if (n == 4096) report.answer("column_to_row_in_dram", medians[1] / medians[0]);
  }
}

MEASUREMENT(transposed_copy) {
  for (const int64_t n : kSizes) {
    std::vector<float> x(static_cast<size_t>(n * n), 1), y(x.size(), 2);
    const auto moved = static_cast<double>(2 * n * n * 4);
    const double limit = copy_bandwidth(n * n * 4);
    for (const bool transposed : {false, true}) {
      kernels::WalkArgs args;
      args.operands = 2;
      args.shape = {n, n};
      args.data[0] = reinterpret_cast<char*>(y.data());
      args.data[1] = reinterpret_cast<char*>(x.data());
      args.stride[0] = {4 * n, 4};
      args.stride[1] = transposed ? Strides{4, 4 * n} : Strides{4 * n, 4};
      args.row = copy_floats;
      const Stats times = timed(n * n, 1, [&] {
        kernels::loops::walk(args);
        keep(y.data());
      });
      const Spread speed = rate(times, moved);
      report.point(transposed ? "transposed" : "straight", static_cast<double>(n * n * 4), speed,
                   limit);
      if (transposed && n == 4096) report.answer("transposed_copy_gbps", speed.median);
    }
  }
}

}  // namespace tinytorch::measure
