// What is measured differs from run to run, so a measurement is graded by what must hold of it: by
// made-up clocks, by files of made-up machines, and by comparison with another size in the same
// run.
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>
#include <thread>

#include "modules/harness/exercise.h"
#include "tinytorch/core/buffer.h"
#include "tinytorch/core/memory_stats.h"
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
    const std::string folder = "/sys/devices/system/cpu/cpu0/cache/index" + std::to_string(i) + "/";
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

EXERCISE(chases, "0.6") {
  const int64_t before = memory_stats().live_bytes;
  reset_peak_memory();
  const int64_t large = in.integer(12, 20) << 20;
  double near = 1e18, far = 1e18;
  for (int attempt = 0; attempt < 3; ++attempt) {
    near = std::min(near, random_read_ns(in.integer(4, 12) << 10, thread_ns));
    far = std::min(far, random_read_ns(large, thread_ns));
  }
  out.value(near > 0.2 && near < 50);
  out.value(far > 3 * near && far < 2000);
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

}  // namespace

EXERCISE(peaks, "0.8") {
  const double one = peak_by_made_up_clock(1, 2'000'000);
  const int threads = static_cast<int>(in.integer(2, 4));
  const auto factor = in.integer(2, 9);
  out.value(peak_by_made_up_clock(threads, 2'000'000) / one, 1e-3);
  out.value(peak_by_made_up_clock(threads, factor * 2'000'000) / one, 1e-3);
  out.value(one > 0);
  double real = 0;
  for (int attempt = 0; attempt < 3; ++attempt) real = std::max(real, peak_gflops(1, thread_ns));
  out.value(real > 1 && real < 5000);
}

EXERCISE(environments, "0.9") {
  for (const char* name : {"TINYTORCH_NUM_THREADS", "TINYTORCH_ISA", "TINYTORCH_KERNELS"}) {
    const std::string value = std::to_string(in.integer(1, 4));
    if (in.flag())
      setenv(name, value.c_str(), 1);
    else
      unsetenv(name);
  }
  for (const auto& [name, value] : environment()) {
    put(name, out);
    if (name != "build" && name != "compiler") put(value, out);
  }
  for (const char* name : {"TINYTORCH_NUM_THREADS", "TINYTORCH_ISA", "TINYTORCH_KERNELS"})
    unsetenv(name);
}

}  // namespace tinytorch::exercise
