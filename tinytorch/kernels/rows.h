#pragma once
#include <algorithm>
#include <cstdint>

#include "tinytorch/core/parallel.h"

namespace tinytorch::kernels {

// Outputs with more elements than this (64 MB of float) are written past the caches: they would
// only push out what the next operation needs.
inline constexpr int64_t kStreamElements = int64_t{16} << 20;

// Runs fn(begin, end) over [0, rows) for work that is independent from row to row (or block to
// block) and costs about row_ns a row. Unlike parallel_for it cuts even a few heavy rows, into an
// even number of chunks of equal length (2.5 us at least, about 100 us at most): a thousand short
// rows are two or four chunks, never three for two threads.
template <class F>
void parallel_rows(int64_t rows, double row_ns, F&& fn) {
  if (rows <= 0) return;
  const double total_ns = row_ns * static_cast<double>(rows);
  int64_t count = static_cast<int64_t>(std::min(total_ns / 2500.0, 64.0));
  count = std::max(count, static_cast<int64_t>(total_ns / 100000.0));
  if (count > 4) count -= count % 4;
  if (count == 3) count = 2;
  count = std::clamp<int64_t>(count, 1, rows);
  if (count == 1) return fn(int64_t{0}, rows);
  const int64_t length = (rows + count - 1) / count;
  parallel_tasks((rows + length - 1) / length, total_ns,
                 [&](int64_t chunk) {
                   const int64_t begin = chunk * length;
                   fn(begin, std::min(begin + length, rows));
                 },
                 Order::kAlternating);
}

}  // namespace tinytorch::kernels
