// What is measured differs from run to run, so a measurement is graded by what must hold of it: by
// made-up clocks, by files of made-up machines, and by comparison with another size in the same
// run.
#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>
#include <thread>

#include "modules/harness/exercise.h"
#include "tinytorch/core/buffer.h"
#include "tinytorch/core/memory_stats.h"
#include "tinytorch/core/parallel.h"
#include "tinytorch/core/peak.h"
#include "tinytorch/core/utils.h"

namespace tinytorch::exercise {

namespace {

namespace fs = std::filesystem;

class FakeSystem {
 public:
  FakeSystem() {
    std::string name = (fs::temp_directory_path() / "tinytorch-grade-XXXXXX").string();
    if (!mkdtemp(name.data())) throw std::runtime_error("no temporary folder could be made");
    root_ = name;
  }
  ~FakeSystem() {
    std::error_code ec;
    fs::remove_all(root_, ec);
  }
  void write(const std::string& path, const std::string& text) const {
    fs::create_directories(fs::path(root_ + path).parent_path());
    std::ofstream(root_ + path) << text << "\n";
  }
  const std::string& root() const { return root_; }

 private:
  std::string root_;
};

void put(const std::string& text, Output& out) {
  out.all(text);
}

int64_t thread_ns() {
  timespec t = {};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}

// A clock that takes `g_price` to read, moves by `g_grain`, and is disturbed at first.
int64_t g_time, g_price, g_grain, g_reads;
int64_t made_up_clock() {
  if (++g_reads % 500 == 0 && g_reads < 6000) g_time += 20'000;
  return (g_time += g_price) / g_grain * g_grain;
}

std::vector<int64_t> g_durations;
size_t g_calls;
int64_t still_clock() {
  return g_time;
}

}  // namespace

EXERCISE(caches_of_machines, "0.1") {
  for (int machine = 0; machine < 3; ++machine) {
    const FakeSystem system;
    std::vector<int> levels = {1, 2, 3};
    if (in.flag()) levels.pop_back();
    std::string line = in.flag() ? "64" : "128";
    const bool unified = in.flag();
    if (!unified) levels.push_back(-1);  // the instruction cache
    for (size_t i = levels.size(); i > 1; --i)
      std::swap(levels[i - 1],
                levels[static_cast<size_t>(in.integer(0, static_cast<int64_t>(i) - 1))]);
    for (size_t i = 0; i < levels.size(); ++i) {
      const std::string folder =
          "/sys/devices/system/cpu/cpu0/cache/index" + std::to_string(i) + "/";
      system.write(folder + "level", std::to_string(std::abs(levels[i])));
      system.write(folder + "type", levels[i] < 0                ? "Instruction"
                                    : levels[i] == 1 && !unified ? "Data"
                                                                 : "Unified");
      system.write(folder + "size", std::to_string(in.integer(1, 4000)) + (in.flag() ? "K" : "M"));
      system.write(folder + "coherency_line_size", line);
    }
    const MachineInfo m = probe_machine(system.root());
    out.all(std::vector<int64_t>{m.l1_bytes, m.l2_bytes, m.l3_bytes, m.line_bytes});
  }
}

EXERCISE(processors_of_machines, "0.2") {
  const FakeSystem system;
  const char* words[] = {"amx_int8", "avx512_bf16", "avx512_vnni", "avx512f",  "avx2", "fma", "sve",
                         "asimd",    "fma4",        "avx2x",       "xavx512f", "sse2", "fpu"};
  std::string flags;
  for (int i = 0; i < 6; ++i) flags += std::string(" ") + words[in.integer(0, 12)];
  std::string cpuinfo = "processor : 0";
  if (in.flag()) cpuinfo += "\nmodel name : Number " + std::to_string(in.integer(0, 999));
  cpuinfo += (in.flag() ? "\nflags :" : "\nFeatures :") + flags;
  system.write("/proc/cpuinfo", cpuinfo);
  system.write("/proc/meminfo",
               "MemTotal: " + std::to_string(in.integer(1000, 99'000'000)) + " kB");
  const char* pages[] = {"[always] madvise never", "always [madvise] never",
                         "always madvise [never]"};
  if (in.flag())
    system.write("/sys/kernel/mm/transparent_hugepage/enabled", pages[in.integer(0, 2)]);
  const MachineInfo m = probe_machine(system.root());
  put(m.cpu, out);
  for (const std::string& word : m.isa) put(word, out);
  out.value(static_cast<double>(m.memory_bytes));
  put(m.huge_pages, out);
  out.value(m.cores);
}

EXERCISE(clocks, "0.3") {
  g_time = in.integer(0, 1'000'000'000);
  g_reads = 0;
  g_price = in.integer(10, 60);
  g_grain = in.flag() ? 1 : g_price * in.integer(2, 40);
  const TimerCost cost = calibrate_timer(made_up_clock);
  const double price = static_cast<double>(g_price);
  out.value(std::abs(cost.read_ns - price) < 0.1 * price);
  out.value(cost.step_ns);
  out.value(g_reads >= 1000);
}

EXERCISE(runs, "0.4") {
  const auto repeats = in.integer(1, 30);
  g_durations.clear();
  for (int64_t i = 0; i <= repeats; ++i)
    g_durations.push_back(in.integer(1, in.integer(0, 9) ? 100 : 1'000'000));
  g_calls = 0;
  const Stats stats = measure_ns(
      [] {
        g_time += g_durations[std::min(g_calls, g_durations.size() - 1)];
        ++g_calls;
      },
      static_cast<int>(repeats), still_clock);
  out.all(std::vector<double>{stats.min, stats.median, stats.max, static_cast<double>(stats.runs),
                              static_cast<double>(g_calls)});
}

namespace {

// Whether a rate lies near that of a copy that is timed here and now; the best of some attempts.
bool near_a_copy(int64_t bytes) {
  const auto size = static_cast<size_t>(bytes);
  const Buffer from(size), to(size);
  std::memset(from.data(), 1, size);
  std::memset(to.data(), 2, size);
  const int64_t times = std::max<int64_t>((int64_t{16} << 20) / bytes, 1);
  const double moved = 2.0 * static_cast<double>(bytes * times);
  double own = 0, theirs = 0;
  for (int attempt = 1; attempt <= 20; ++attempt) {
    if (attempt % 5 == 0) own = theirs = 0;  // a clock that jumped once spoils no more than that
    for (int run = 0; run < 9; ++run) {
      const int64_t begin = thread_ns();
      for (int64_t i = 0; i < times; ++i) {
        std::memcpy(to.data(), from.data(), size);
        asm volatile("" : : "r"(to.data()) : "memory");
      }
      own = std::max(own, moved / static_cast<double>(thread_ns() - begin));
    }
    theirs = std::max(theirs, copy_bandwidth(bytes, thread_ns));
    if (attempt >= 3 && theirs > 0.7 * own && theirs < 1.6 * own) return true;
  }
  return false;
}

}  // namespace

EXERCISE(copies, "0.5") {
  const int64_t before = memory_stats().live_bytes;
  out.value(near_a_copy(in.integer(4, 12) << 10));
  out.value(near_a_copy(in.integer(2, 6) << 20));
  out.value(copy_bandwidth(in.integer(1, 9), thread_ns) > 0);
  out.value(static_cast<double>(memory_stats().live_bytes - before));
}

EXERCISE(cycles, "0.6") {
  const auto count = static_cast<size_t>(in.integer(1, 3000));
  const std::vector<uint32_t> next = random_cycle(count);
  size_t steps = 0;
  uint32_t at = 0;
  do {
    if (at >= next.size()) break;
    at = next[at];
    ++steps;
  } while (at != 0 && steps <= count);
  out.value(static_cast<double>(steps) - static_cast<double>(count));
  std::set<size_t> distances;
  for (size_t i = 0; i < next.size(); ++i) distances.insert((next[i] + count - i) % count);
  out.value(count < 100 || distances.size() > count / 4);
}

namespace {

// The time of a read in a chase over one place a cache line.
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
    asm volatile("" : : "r"(here) : "memory");
    best = std::min(best, static_cast<double>(thread_ns() - begin) / 20'000);
    at = here;
  }
  return best;
}

// Whether a read takes more in 16 MiB than in 8 KiB by as much as in our own chase; the best of
// some attempts.
bool near_a_chase() {
  constexpr int64_t kNear = 8 << 10, kFar = 16 << 20;
  double own[2] = {1e18, 1e18}, theirs[2] = {1e18, 1e18};
  for (int attempt = 1; attempt <= 12; ++attempt) {
    if (attempt % 4 == 0) own[0] = own[1] = theirs[0] = theirs[1] = 1e18;
    own[0] = std::min(own[0], own_chase(kNear)), own[1] = std::min(own[1], own_chase(kFar));
    theirs[0] = std::min(theirs[0], random_read_ns(kNear, thread_ns));
    theirs[1] = std::min(theirs[1], random_read_ns(kFar, thread_ns));
    const double ratio = (theirs[1] - theirs[0]) / (own[1] - own[0]);
    if (attempt % 4 > 1 && ratio > 0.5 && ratio < 2) return true;
  }
  return false;
}

}  // namespace

EXERCISE(chases_beside_our_own, "0.6") {
  out.value(near_a_chase());
}

EXERCISE(chases, "0.6") {
  const int64_t before = memory_stats().live_bytes;
  reset_peak_memory();
  const int64_t large = in.integer(12, 20) << 20;
  bool right = false;
  for (int attempt = 0; attempt < 6 && !right; ++attempt) {
    const double near = random_read_ns(in.integer(4, 12) << 10, thread_ns);
    const double far = random_read_ns(large, thread_ns);
    right = near > 0.2 && near < 50 && far > 3 * near && far < 2000;
  }
  out.value(right);
  out.value(memory_stats().peak_bytes - before >= large / 64 * 64);
  out.value(static_cast<double>(memory_stats().live_bytes - before));
}

EXERCISE(fresh_pages, "0.7") {
  const int64_t pages = in.integer(200, 1000), page = sysconf(_SC_PAGESIZE);
  const auto state = [](bool faults) {
    rusage usage = {};
    getrusage(RUSAGE_THREAD, &usage);
    int64_t mapped = 0;
    std::ifstream("/proc/self/statm") >> mapped;
    return faults ? int64_t{usage.ru_minflt} : mapped;
  };
  double best = 1e18;
  fresh_page_ns(pages * page, thread_ns);
  const int64_t faults = state(true), mapped = state(false);
  for (int attempt = 0; attempt < 3; ++attempt)
    best = std::min(best, fresh_page_ns(pages * page, thread_ns));
  out.value(state(true) - faults >= 6 * pages);
  out.value(state(false) - mapped < pages / 2);
  out.value(best > 30 && best < 30'000);
}

namespace {

// Without a stream, which would allocate.
int64_t mapped_pages() {
  char text[64] = {};
  const int file = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
  const auto got = file < 0 ? 0 : read(file, text, sizeof text - 1);
  if (file >= 0) close(file);
  return got > 0 ? std::atoll(text) : 0;
}

// A clock that notes what is mapped at each of its first readings.
int64_t g_mapped[64];
size_t g_readings;
int64_t noting_clock() {
  if (g_readings < std::size(g_mapped)) g_mapped[g_readings++] = mapped_pages();
  return thread_ns();
}

}  // namespace

EXERCISE(pages_at_readings, "0.7") {
  const int64_t pages = in.integer(4000, 6000), before = mapped_pages();
  g_readings = 0;
  fresh_page_ns(pages * sysconf(_SC_PAGESIZE), noting_clock);
  out.value(g_readings >= 2);
  bool there = true;
  for (size_t i = 0; i < g_readings; ++i)
    there = there && (before == 0 || g_mapped[i] - before > pages / 2);
  out.value(there);
}

namespace {

// Every thread has a clock of its own that goes on by the same at each reading; the first thread's
// may go faster.
std::atomic<int> g_readers;
std::atomic<int64_t> g_first_step;
int64_t clock_of_threads() {
  thread_local int64_t time = 0;
  thread_local int round = -1, number = 0;
  if (round != g_readers / 1000) round = g_readers / 1000, number = g_readers++ % 1000;
  return time += number == 0 ? g_first_step.load() : 2'000'000;
}
double peak_by_made_up_clock(int threads, int64_t first_step) {
  g_readers = (g_readers / 1000 + 1) * 1000;
  g_first_step = first_step;
  return peak_gflops(threads, clock_of_threads);
}

// Whether the peak of one thread is that of a burst timed here and now; the best of some attempts.
bool near_a_burst() {
  static int64_t rounds = 500;
  double own = 0, theirs = 0;
  for (int attempt = 1; attempt <= 12; ++attempt) {
    if (attempt % 4 == 0) own = theirs = 0;
    for (int run = 0; run < 10; ++run) {
      const int64_t begin = thread_ns();
      const auto operations = static_cast<double>(multiply_add_burst(rounds));
      const auto ns = static_cast<double>(thread_ns() - begin);
      own = std::max(own, operations / ns);
      if (ns < 5e5) rounds *= 2;
    }
    theirs = std::max(theirs, peak_gflops(1, thread_ns));
    if (attempt % 4 > 1 && theirs > 0.75 * own && theirs < 1.35 * own) return true;
  }
  return false;
}

}  // namespace

EXERCISE(peaks, "0.8") {
  const double one = peak_by_made_up_clock(1, 2'000'000);
  const int threads = static_cast<int>(in.integer(2, 4));
  const auto factor = in.integer(2, 9);
  out.value(peak_by_made_up_clock(threads, 2'000'000) / one, 1e-3);
  out.value(g_readers % 1000 >= threads);
  out.value(peak_by_made_up_clock(threads, factor * 2'000'000) / one, 1e-3);
  out.value(one > 0);
  out.value(near_a_burst());
}

EXERCISE(environments, "0.9") {
  for (const char* name : {"TINYTORCH_NUM_THREADS", "TINYTORCH_ISA", "TINYTORCH_KERNELS"}) {
    const std::string value = std::to_string(in.integer(1, 4));
    if (in.flag())
      setenv(name, value.c_str(), 1);
    else
      unsetenv(name);
  }
  const int threads = num_threads();
  set_num_threads(static_cast<int>(in.integer(1, 3)));
  for (const auto& [name, value] : environment()) {
    put(name, out);
    if (name != "compiler") put(value, out);
  }
  set_num_threads(threads);
  for (const char* name : {"TINYTORCH_NUM_THREADS", "TINYTORCH_ISA", "TINYTORCH_KERNELS"})
    unsetenv(name);
}

}  // namespace tinytorch::exercise
