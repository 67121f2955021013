// The machine, measured: what a copy, a read and a first write cost, from the first cache to DRAM.
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "modules/harness/measure.h"
#include "tinytorch/core/buffer.h"
#include "tinytorch/core/peak.h"

namespace tinytorch::measure {

namespace {

// What single measurements said, smallest to largest.
Spread spread_of(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return {values.front(), values[values.size() / 2], values.back()};
}

template <class F>
Spread repeated(int times, const F& measurement) {
  std::vector<double> values;
  for (int i = 0; i < times; ++i) values.push_back(measurement());
  return spread_of(values);
}

// GB/s at which vector loads alone read the memory. A copy cannot read faster and counts each byte
// twice, so twice this is its limit.
double read_bandwidth(int64_t bytes) {
  const Buffer memory(static_cast<size_t>(bytes));
  auto* floats = static_cast<float*>(memory.data());
  const int64_t n = bytes / 4;
  for (int64_t i = 0; i < n; ++i) floats[i] = 1;
  const int64_t times = std::max<int64_t>((int64_t{32} << 20) / bytes, 1);
  float total = 0;
  const double ns = measure_ns(
                        [&] {
                          for (int64_t i = 0; i < times; ++i) total += read_burst(floats, n);
                          keep(&total);
                        },
                        7)
                        .min;
  return static_cast<double>(bytes * times) / ns;
}

}  // namespace

MEASUREMENT(copy_over_sizes) {
  for (const int64_t bytes : {int64_t{16} << 10, int64_t{256} << 10, int64_t{4} << 20,
                              int64_t{32} << 20, int64_t{256} << 20}) {
    const int times = bytes > (64 << 20) ? 3 : 7;
    const Spread speed = repeated(times, [&] { return copy_bandwidth(bytes); });
    report.point("copy", static_cast<double>(bytes), speed, 2 * read_bandwidth(bytes));
    if (bytes == int64_t{256} << 20) report.answer("copy_gbps_dram", speed.median);
  }
}

MEASUREMENT(chase_over_sizes) {
  for (const int64_t bytes : {int64_t{16} << 10, int64_t{256} << 10, int64_t{2} << 20,
                              int64_t{16} << 20, int64_t{64} << 20}) {
    const Spread ns = repeated(5, [&] { return random_read_ns(bytes); });
    // What the bytes alone would take: a line a read, at the bandwidth of reads in order.
    const double limit = bytes > 1 << 20 ? 64 / read_bandwidth(bytes) : 0;
    report.point("dependent reads", static_cast<double>(bytes), ns, limit);
    if (bytes == int64_t{16} << 20) report.answer("random_read_beyond_l2", ns.median);
  }
}

MEASUREMENT(fresh_pages) {
  const int64_t page = sysconf(_SC_PAGESIZE);
  for (const int64_t pages : {16, 256, 4096, 16384}) {
    const Spread fresh = repeated(5, [&] { return fresh_page_ns(pages * page); });
    const Buffer memory(static_cast<size_t>(pages * page));
    auto* byte = static_cast<volatile char*>(memory.data());
    const Stats second = measure_ns(
        [&] {
          for (int64_t i = 0; i < pages; ++i) byte[i * page] = 1;
        },
        9);
    // Clearing the page at the bandwidth of a copy is the least the system has to do.
    const double limit = static_cast<double>(page) / copy_bandwidth(page);
    report.point("first write", static_cast<double>(pages * page), fresh, limit);
    report.point("second write", static_cast<double>(pages * page),
                 scaled(second, 1 / static_cast<double>(pages)));
    if (pages == 4096) report.answer("fresh_page", fresh.median);
  }
}

}  // namespace tinytorch::measure
