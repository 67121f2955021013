// Tasks 0.5, 0.6 and 0.7: how fast memory is. Each result is held against the test's own
// measurement of the same thing, made in turns with it.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <iterator>
#include <vector>

#include "modules/setup/tests/machine.h"
#include "tinytorch/core/buffer.h"
#include "tinytorch/core/error.h"
#include "tinytorch/core/memory_stats.h"
#include "tinytorch/core/utils.h"

namespace tinytorch::check {

namespace {

// GB/s of a copy, reads and writes both counted.
double own_copy(int64_t bytes) {
  const auto size = static_cast<size_t>(bytes);
  const Buffer from_memory(size), to_memory(size);
  void *const from = from_memory.data(), *const to = to_memory.data();
  std::memset(from, 1, size);
  std::memset(to, 2, size);
  const int64_t times = std::max<int64_t>((int64_t{16} << 20) / bytes, 1);
  double best = 1e18;
  for (int run = 0; run < 9; ++run) {
    const int64_t begin = thread_ns();
    for (int64_t i = 0; i < times; ++i) {
      std::memcpy(to, from, size);
      use(to);
    }
    best = std::min(best, static_cast<double>(thread_ns() - begin));
  }
  return 2.0 * static_cast<double>(bytes * times) / best;
}

void check_copy(int64_t bytes) {
  const Comparison c = compare([&] { return copy_bandwidth(bytes, thread_ns); },
                               [&] { return own_copy(bytes); }, true, 0.7, 1.5);
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

// The same time by a clock that moves every 10 us only.
int64_t coarse_thread_ns() {
  return thread_ns() / 10'000 * 10'000;
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
  for (const int64_t bytes : {256, 1}) {
    const double speed = copy_bandwidth(bytes, coarse_thread_ns);
    // A register that is read and written in every cycle moves less than 1000 GB/s.
    holds(speed > 0 && speed < 1000,
          "copy_bandwidth(" + std::to_string(bytes) + ") says " + text_of(speed) +
              " GB/s by a clock that moves every 10 us",
          invariant::kClock,
          "one run is too short to be timed: so few bytes are copied faster than the clock can "
          "tell; time many copies at once");
  }
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
  for (const size_t count : {size_t{1000}, size_t{10}, size_t{3}, size_t{2}, size_t{1}}) {
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
  const std::string far = std::to_string(most) + " steps go equally far";
  holds(most < kCount / 2, "random_cycle(10000): " + far, invariant::kDone,
        "a fixed stride: the prefetcher learns it at once");
  holds(nearby < 600,
        "random_cycle(10000): " + std::to_string(nearby) +
            " steps stay within 100 places; about 200 would by chance",
        invariant::kDone, "the tour stays nearby: each step must be able to reach any place");
  holds(most < 30, "random_cycle(10000): " + far, invariant::kDone,
        "some distances occur again and again: the prefetcher learns them");
}

namespace {

// A chase of the test's own over one place a cache line.
double own_chase(int64_t bytes) {
  const size_t lines = static_cast<size_t>(bytes) / 64;
  std::vector<uint32_t> cycle(lines);
  for (size_t i = 0; i < lines; ++i) cycle[i] = static_cast<uint32_t>(i);
  uint64_t random = 88172645463325252ULL;  // Marsaglia's xorshift (2003)
  for (size_t i = lines - 1; i > 0; --i) {
    random ^= random << 13, random ^= random >> 7, random ^= random << 17;
    std::swap(cycle[i], cycle[random % i]);
  }
  const Buffer memory(lines * 64);
  auto* const next = static_cast<uint32_t*>(memory.data());
  for (size_t i = 0; i < lines; ++i) next[i * 16] = cycle[i];
  double best = 1e18;
  uint32_t at = 0;
  for (int run = 0; run < 15; ++run) {
    uint32_t here = at;
    const int64_t begin = thread_ns();
    for (int i = 0; i < 20'000; ++i) here = next[here * 16];
    use(&here);
    best = std::min(best, static_cast<double>(thread_ns() - begin) / 20'000);
    at = here;
  }
  return best;
}

constexpr int64_t kNear = 8 << 10, kFar = 16 << 20;

}  // namespace

// In the first cache a read takes little more than the instructions around it, which differ (and
// more so under sanitizers): only what is far off is wrong here.
TASK_TEST(chase, in_the_first_cache) {
  const Comparison c = compare([] { return random_read_ns(kNear, thread_ns); },
                               [] { return own_chase(kNear); }, false, 0.05, 15);
  holds(c.agrees,
        "random_read_ns(8 KiB) says " + text_of(c.theirs) + " ns; the test's own chase took " +
            text_of(c.ours),
        invariant::kDone,
        c.ratio > 1 ? "the time of all reads was not divided by their number"
                    : "the time was divided by more reads than were done");
}

// What a read takes more in 16 MiB than in 8 KiB is due to the memory, whatever the instructions
// around it.
TASK_TEST(chase, beyond_the_second_cache) {
  double theirs_near = 1e18, ours_near = 1e18;
  const Comparison c = compare(
      [&] {
        theirs_near = std::min(theirs_near, random_read_ns(kNear, thread_ns));
        return random_read_ns(kFar, thread_ns) - theirs_near;
      },
      [&] {
        ours_near = std::min(ours_near, own_chase(kNear));
        return own_chase(kFar) - ours_near;
      },
      false, 0.5, 2.0);
  holds(c.agrees,
        "random_read_ns(16 MiB) says " + text_of(c.theirs) +
            " ns more than random_read_ns(8 KiB); in the test's own chase it is " +
            text_of(c.ours) + " ns",
        invariant::kDone,
        c.ratio > 100   ? "the time of all reads was not divided by their number"
        : c.ratio > 2.0 ? "more than one read is timed as one, or something else stands inside "
                          "the timing"
                        : "the reads do not wait for memory: they do not depend on each other, or "
                          "the order is one that the prefetcher sees");
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
              " bytes of memory",
          invariant::kDone,
          used == 0 ? "the places stand in a Buffer of lines * 64 bytes"
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

// Without a stream, which would allocate.
int64_t mapped_pages() {
  char text[64] = {};
  const int file = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
  const auto got = file < 0 ? 0 : read(file, text, sizeof text - 1);
  if (file >= 0) close(file);
  return got > 0 ? std::atoll(text) : 0;
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

namespace {

// A clock that notes, at each of its first readings, what is mapped and how many faults there were.
struct Reading {
  int64_t mapped, faults;
};
Reading g_readings[64];
size_t g_reading_count = 0;
int64_t noting_clock() {
  if (g_reading_count < std::size(g_readings))
    g_readings[g_reading_count++] = {mapped_pages(), faults()};
  return thread_ns();
}

}  // namespace

TASK_TEST(fresh, only_the_writes_are_timed) {
  constexpr int64_t kPages = 5000;
  const auto page = static_cast<int64_t>(sysconf(_SC_PAGESIZE));
  const int64_t before = mapped_pages();
  if (before == 0) return;  // a system that does not tell
  g_reading_count = 0;
  fresh_page_ns(kPages * page, noting_clock);
  that(g_reading_count >= 2, "fresh_page_ns read the clock less than twice");
  for (size_t i = 0; i + 1 < g_reading_count; i += 2) {
    const Reading &begin = g_readings[i], &end = g_readings[i + 1];
    const std::string trial =
        "in trial " + std::to_string(i / 2) + " of fresh_page_ns(5000 pages) ";
    holds(begin.mapped - before > kPages / 2,
          trial + std::to_string(begin.mapped - before) +
              " pages were mapped at the first reading of the clock",
          invariant::kDone, "mmap is timed, too: map the pages before the clock is read");
    holds(end.mapped - before > kPages / 2,
          trial + std::to_string(end.mapped - before) +
              " pages were mapped at the second reading of the clock",
          invariant::kDone, "munmap is timed, too: give the pages back after the clock was read");
  }
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
