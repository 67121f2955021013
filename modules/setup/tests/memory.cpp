// Tasks 0.5, 0.6 and 0.7: how fast memory is. Each result is held against the test's own
// measurement of the same thing, made in turns with it.
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <memory>

#include "modules/setup/tests/machine.h"
#include "tinytorch/core/error.h"
#include "tinytorch/core/memory_stats.h"
#include "tinytorch/core/utils.h"

namespace tinytorch::check {

namespace {

// GB/s of a copy, reads and writes both counted.
double own_copy(int64_t bytes) {
  const auto size = static_cast<size_t>(bytes);
  static std::unique_ptr<char[]> from, to;
  from.reset(new char[size + 64]);
  to.reset(new char[size + 64]);
  const auto aligned = [](char* p) { return p + (64 - reinterpret_cast<uintptr_t>(p) % 64) % 64; };
  char *a = aligned(from.get()), *b = aligned(to.get());
  std::memset(a, 1, size);
  std::memset(b, 2, size);
  const int64_t times = std::max<int64_t>((int64_t{16} << 20) / bytes, 1);
  double best = 1e18;
  for (int run = 0; run < 9; ++run) {
    const int64_t begin = thread_ns();
    for (int64_t i = 0; i < times; ++i) {
      std::memcpy(b, a, size);
      use(b);
    }
    best = std::min(best, static_cast<double>(thread_ns() - begin));
  }
  return 2.0 * static_cast<double>(bytes * times) / best;
}

void check_copy(int64_t bytes) {
  const Comparison c = compare([&] { return copy_bandwidth(bytes, thread_ns); },
                               [&] { return own_copy(bytes); }, true, 0.72, 1.5);
  if (c.agrees) return;
  holds(false,
        "copy_bandwidth(" + std::to_string(bytes) + ") says " + text_of(c.theirs) +
            " GB/s; the test's own copy of the same size ran at " + text_of(c.ours),
        invariant::kCounted,
        c.ratio > 1e3    ? "the unit: bytes a nanosecond are GB/s"
        : c.ratio > 1.5  ? "more bytes are counted than were copied, or the copy was not done"
        : c.ratio > 0.35 ? "a copy reads and writes: both directions count"
        : c.ratio > 1e-3 ? "something else stands inside the timing, or one run is too short to "
                           "be timed: allocate and fill before, and copy for about a millisecond"
                         : "the unit: bytes a nanosecond are GB/s");
}

int64_t live() {
  return memory_stats().live_bytes;
}

}  // namespace

TASK_TEST(copy, in_the_first_cache) {
  check_copy(8 << 10);
}

TASK_TEST(copy, beyond_the_caches) {
  check_copy(8 << 20);
}

TASK_TEST(copy, of_few_bytes) {
  check_copy(256);
  holds(copy_bandwidth(1, thread_ns) > 0, "copy_bandwidth(1) is not positive", invariant::kClock,
        "a single byte is copied faster than the clock can tell: time many copies at once");
}

TASK_TEST(copy, gives_its_memory_back) {
  const int64_t before = live();
  copy_bandwidth(1 << 20, thread_ns);
  holds(live() == before,
        "copy_bandwidth(1 MiB) holds " + std::to_string(live() - before) + " bytes afterwards",
        invariant::kDone, "a leak: the two arrays end with the measurement");
  bool refused = false;
  try {
    copy_bandwidth(0);
  } catch (const ConfigError&) {
    refused = true;
  }
  that(refused, "copy_bandwidth(0) was accepted");
}

TASK_TEST(cycle, visits_every_place_once) {
  for (const size_t count : {size_t{1}, size_t{2}, size_t{3}, size_t{10}, size_t{1000}}) {
    const std::vector<uint32_t> next = random_cycle(count);
    const std::string what = "random_cycle(" + std::to_string(count) + ")";
    that(next.size() == count, what + " has " + std::to_string(next.size()) + " places");
    std::vector<bool> seen(count);
    for (const uint32_t to : next) {
      holds(to < count && !seen[to], what + ": two places lead to place " + std::to_string(to),
            invariant::kDone, "it is no permutation: each place is the goal of exactly one");
      seen[to] = true;
    }
    size_t steps = 0;
    uint32_t at = 0;
    do {
      at = next[at];
      ++steps;
    } while (at != 0 && steps <= count);
    holds(steps == count,
          what + ": from place 0 the walk is back after " + std::to_string(steps) + " steps",
          invariant::kDone,
          steps == 1 ? "places lead to themselves: swap with a place strictly below, not with any"
                     : "several cycles: an ordinary shuffle makes them; swap element i with one "
                       "strictly below i");
  }
}

TASK_TEST(cycle, has_no_pattern) {
  constexpr size_t kCount = 10'000;
  const std::vector<uint32_t> next = random_cycle(kCount);
  std::vector<size_t> steps(kCount);  // how often each distance occurs
  size_t most = 0, nearby = 0;
  for (size_t i = 0; i < kCount; ++i) {
    const size_t distance = (next[i] + kCount - i) % kCount;
    most = std::max(most, ++steps[distance]);
    nearby += distance < 100 || distance > kCount - 100;
  }
  holds(most < 30, "random_cycle(10000): " + std::to_string(most) + " steps go equally far",
        invariant::kDone, "a fixed stride: the prefetcher learns it at once");
  holds(nearby < 600,
        "random_cycle(10000): " + std::to_string(nearby) +
            " steps stay within 100 places; about 200 would by chance",
        invariant::kDone, "the tour stays nearby: each step must be able to reach any place");
}

namespace {

// A chase of the test's own over one place a cache line.
double own_chase(int64_t bytes) {
  const size_t lines = static_cast<size_t>(bytes) / 64;
  static std::vector<uint32_t> memory;
  memory.assign(lines * 16 + 16, 0);
  // Full period (Hull and Dobell, 1962) when lines is a power of two: visits all in a wild order.
  uint32_t at = 0;
  for (size_t i = 0; i < lines; ++i) {
    const auto to = static_cast<uint32_t>((at * 1664525ULL + 1013904223ULL) % lines);
    memory[at * 16] = to;
    at = to;
  }
  double best = 1e18;
  for (int run = 0; run < 9; ++run) {
    const int64_t begin = thread_ns();
    for (int i = 0; i < 20'000; ++i) at = memory[at * 16];
    use(&at);
    best = std::min(best, static_cast<double>(thread_ns() - begin) / 20'000);
  }
  return best;
}

}  // namespace

TASK_TEST(chase, in_the_first_cache) {
  const Comparison c = compare([] { return random_read_ns(8 << 10, thread_ns); },
                               [] { return own_chase(8 << 10); }, false, 0.5, 2.0);
  holds(c.agrees,
        "random_read_ns(8 KiB) says " + text_of(c.theirs) + " ns; the test's own chase took " +
            text_of(c.ours),
        invariant::kDone,
        c.ratio > 100 ? "the time of all reads was not divided by their number"
        : c.ratio > 2 ? "more than one read is timed as one"
                      : "the reads do not depend on each other: the address of each must come from "
                        "the one before");
}

TASK_TEST(chase, beyond_the_second_cache) {
  const Comparison c = compare([] { return random_read_ns(16 << 20, thread_ns); },
                               [] { return own_chase(16 << 20); }, false, 0.4, 2.5);
  holds(c.agrees,
        "random_read_ns(16 MiB) says " + text_of(c.theirs) + " ns; the test's own chase took " +
            text_of(c.ours),
        invariant::kDone,
        c.ratio > 100 ? "the time of all reads was not divided by their number"
        : c.ratio > 2.5
            ? "something else stands inside the timing"
            : "the reads do not wait for memory: they do not depend on each other, or the order is "
              "one that the prefetcher sees");
}

TASK_TEST(chase, uses_the_memory_it_was_told) {
  for (const int64_t bytes : {int64_t{128}, int64_t{1000}, int64_t{4} << 20}) {
    const int64_t before = live();
    reset_peak_memory();
    const double ns = random_read_ns(bytes, thread_ns);
    const int64_t used = memory_stats().peak_bytes - before;
    holds(ns > 0, "random_read_ns(" + std::to_string(bytes) + ") is not positive",
          invariant::kDone);
    holds(used >= bytes / 64 * 64 && used <= bytes / 64 * 64 + 4096,
          "random_read_ns(" + std::to_string(bytes) + ") took " + std::to_string(used) +
              " bytes of storage",
          invariant::kDone,
          used == 0 ? "the places stand in Storage::allocate(lines * 64)"
          : used < bytes / 64 * 64
              ? "several places share a cache line: they lie 64 bytes apart, one a line"
              : "more memory than asked for: bytes / 64 lines of 64 bytes");
    holds(live() == before, "random_read_ns holds memory afterwards", invariant::kDone,
          "a leak: the memory ends with the measurement");
  }
}

namespace {

int64_t faults() {
  rusage usage = {};
  getrusage(RUSAGE_THREAD, &usage);
  return usage.ru_minflt;
}

int64_t mapped_pages() {
  std::ifstream file("/proc/self/statm");
  int64_t pages = 0;
  file >> pages;
  return pages;
}

double own_fresh_page(size_t pages) {
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  double best = 1e18;
  for (int run = 0; run < 5; ++run) {
    void* memory =
        mmap(nullptr, pages * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    that(memory != MAP_FAILED, "the system gave no memory");
    madvise(memory, pages * page, MADV_NOHUGEPAGE);
    const int64_t begin = thread_ns();
    for (size_t i = 0; i < pages; ++i) static_cast<volatile char*>(memory)[i * page] = 1;
    best = std::min(best, static_cast<double>(thread_ns() - begin));
    munmap(memory, pages * page);
  }
  return best / static_cast<double>(pages);
}

}  // namespace

TASK_TEST(fresh, time_of_one_page) {
  const auto page = static_cast<int64_t>(sysconf(_SC_PAGESIZE));
  const Comparison c = compare([&] { return fresh_page_ns(1000 * page, thread_ns); },
                               [] { return own_fresh_page(1000); }, false, 0.4, 2.0);
  holds(c.agrees,
        "fresh_page_ns(1000 pages) says " + text_of(c.theirs) + " ns; the test's own pages took " +
            text_of(c.ours),
        invariant::kDone,
        c.ratio > 300    ? "the time of all pages was not divided by their number"
        : c.ratio > 2    ? "something else stands inside the timing: mmap before, munmap after it; "
                           "one write a page"
        : c.ratio > 0.01 ? "the pages are not fresh: what was written once is taken and cleared "
                           "already; map anew for every trial"
                         : "the time was divided by bytes: it is that of one page");
}

TASK_TEST(fresh, every_page_faults) {
  constexpr int64_t kPages = 500;
  const auto page = static_cast<int64_t>(sysconf(_SC_PAGESIZE));
  int64_t before = faults();
  own_fresh_page(kPages);
  if (faults() - before < kPages) return;  // a system that does not count them
  before = faults();
  fresh_page_ns(kPages * page, thread_ns);
  const int64_t seen = faults() - before;
  holds(seen >= 3 * kPages,
        "fresh_page_ns(500 pages) met " + std::to_string(seen) +
            " page faults; several trials "
            "over 500 fresh pages meet 500 each",
        invariant::kDone,
        seen < kPages ? "not every page is written, or huge pages were given: MADV_NOHUGEPAGE"
                      : "the pages are not fresh: what was written once is taken and cleared "
                        "already; map anew for every trial");
}

TASK_TEST(fresh, gives_its_pages_back) {
  const auto page = static_cast<int64_t>(sysconf(_SC_PAGESIZE));
  fresh_page_ns(2000 * page, thread_ns);
  const int64_t before = mapped_pages();
  fresh_page_ns(2000 * page, thread_ns);
  holds(mapped_pages() - before < 1000,
        "fresh_page_ns(2000 pages) leaves " + std::to_string(mapped_pages() - before) +
            " pages mapped",
        invariant::kDone, "a leak: munmap every mapping, as long as it was");
  bool refused = false;
  try {
    fresh_page_ns(page - 1);
  } catch (const ConfigError&) {
    refused = true;
  }
  that(refused, "fresh_page_ns of less than a page was accepted");
}

}  // namespace tinytorch::check
