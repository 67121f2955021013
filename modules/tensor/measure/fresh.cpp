// What memory costs that was never used before: the system clears each page when it is first
// written.
#include <algorithm>
#include <cstring>

#include "modules/harness/measure.h"
#include "tinytorch/core/memory_stats.h"
#include "tinytorch/core/storage.h"

namespace tinytorch::measure {

namespace {

Stats stats_of(std::vector<double> times) {
  std::sort(times.begin(), times.end());
  return {times.front(), times[times.size() / 2], times.back(), static_cast<int>(times.size())};
}

// Takes a block, writes all of it, lets go.
double write_block(size_t bytes) {
  const Timer timer;
  const Storage block = Storage::allocate(bytes);
  std::memset(block.data(), 1, bytes);
  keep(block.data());
  return timer.elapsed_ns();
}

}  // namespace

MEASUREMENT(fresh_against_reused) {
  for (const size_t bytes :
       {size_t{32} << 10, size_t{512} << 10, size_t{8} << 20, size_t{64} << 20}) {
    const int runs = bytes > (size_t{1} << 20) ? 9 : 41;
    std::vector<double> fresh, reused;
    for (int run = 0; run < runs; ++run) {
      empty_cache();  // what nobody holds goes back to the system
      fresh.push_back(write_block(bytes));
    }
    for (int run = 0; run < runs; ++run) reused.push_back(write_block(bytes));
    const double kib = static_cast<double>(bytes) / 1024;
    // As many bytes a second as a copy of that size reads and writes.
    const double limit = 1024 / copy_bandwidth(static_cast<int64_t>(bytes));
    const Stats f = stats_of(fresh), r = stats_of(reused);
    report.point("fresh", static_cast<double>(bytes), scaled(f, 1 / kib), limit);
    report.point("reused", static_cast<double>(bytes), scaled(r, 1 / kib), limit);
    if (bytes == size_t{64} << 20) report.answer("fresh_to_reused", f.median / r.median);
  }
}

}  // namespace tinytorch::measure
