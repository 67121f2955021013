// What the machine is and what it can do: every later measurement is held against these numbers.
#include "tinytorch/core/utils.h"

#include <sys/mman.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "tinytorch/core/buffer.h"
#include "tinytorch/core/cpu.h"
#include "tinytorch/core/error.h"
#include "tinytorch/core/parallel.h"
#include "tinytorch/core/peak.h"

namespace tinytorch {

// tito:begin 0.0
// tito:end 0.0

namespace {

// Keeps the compiler from dropping the computation of what lies at `data`.
void keep(const void* data) {
  asm volatile("" : : "r"(data) : "memory");
}

}  // namespace

// Linux tells everything as text. Caches stand under /sys/devices/system/cpu/cpu0/cache/index0,
// index1, ... (level, type, size, coherency_line_size), the model and its extensions in
// /proc/cpuinfo, the memory in /proc/meminfo. In the huge page file the chosen word stands in
// brackets.
MachineInfo probe_machine(const std::string& root) {
  MachineInfo machine;
  // tito:begin 0.1
  for (int index = 0; index < 16; ++index) {
    std::string cache = root;
    cache += "/sys/devices/system/cpu/cpu0/cache/index" + std::to_string(index) + "/";
    const std::string level = first_line(cache + "level");
    if (level.empty() || first_line(cache + "type") == "Instruction") continue;
    const int64_t size = bytes_of(first_line(cache + "size"));
    if (level == "1") machine.l1_bytes = size;
    if (level == "2") machine.l2_bytes = size;
    if (level == "3") machine.l3_bytes = size;
    machine.line_bytes = bytes_of(first_line(cache + "coherency_line_size"));
  }
  // tito:end 0.1

  // tito:begin 0.2
  machine.cores = usable_cpus();
  machine.cpu = value_of(root + "/proc/cpuinfo", "model name");
  if (machine.cpu.empty()) machine.cpu = "unknown";
  std::string flags = value_of(root + "/proc/cpuinfo", "flags");
  if (flags.empty()) flags = value_of(root + "/proc/cpuinfo", "Features");  // ARM
  flags = " " + flags + " ";
  for (const char* name :
       {"amx_int8", "avx512_bf16", "avx512_vnni", "avx512f", "avx2", "fma", "sve", "asimd"})
    if (flags.find(" " + std::string(name) + " ") != std::string::npos)
      machine.isa.emplace_back(name);
  machine.memory_bytes = bytes_of(value_of(root + "/proc/meminfo", "MemTotal"));
  const std::string pages = first_line(root + "/sys/kernel/mm/transparent_hugepage/enabled");
  const size_t open = pages.find('['), close = pages.find(']');
  machine.huge_pages = open < close && close != std::string::npos
                           ? pages.substr(open + 1, close - open - 1)
                           : "unknown";
  // tito:end 0.2
  return machine;
}

// Anything shorter than about a hundred of these steps cannot be timed alone: time many runs at
// once.
TimerCost calibrate_timer(Clock now) {
  TimerCost cost;
  // tito:begin 0.3
  constexpr int kReads = 2000;
  cost.read_ns = cost.step_ns = 1e9;
  for (int trial = 0; trial < 20; ++trial) {
    const int64_t begin = now();
    int64_t last = begin;
    for (int i = 0; i < kReads; ++i) {
      const int64_t time = now();
      if (time > last) cost.step_ns = std::min(cost.step_ns, static_cast<double>(time - last));
      last = time;
    }
    cost.read_ns = std::min(cost.read_ns, static_cast<double>(last - begin) / kReads);
  }
  // tito:end 0.3
  return cost;
}

// The median, because a run can be slowed by anything else on the machine, and never sped up.
Stats measure_ns(const std::function<void()>& fn, int repeats, Clock now) {
  if (repeats < 1) throw ConfigError("measure_ns: repeats must be at least 1.");
  Stats stats;
  // tito:begin 0.4
  fn();
  std::vector<double> times;
  for (int run = 0; run < repeats; ++run) {
    const int64_t begin = now();
    fn();
    times.push_back(static_cast<double>(now() - begin));
  }
  std::sort(times.begin(), times.end());
  const size_t middle = times.size() / 2;
  stats.median = times.size() % 2 ? times[middle] : (times[middle - 1] + times[middle]) / 2;
  stats.min = times.front();
  stats.max = times.back();
  stats.runs = repeats;
  // tito:end 0.4
  return stats;
}

double median_ns(const std::function<void()>& fn, int repeats) {
  return measure_ns(fn, repeats).median;
}

// One run copies often enough to last about a millisecond; the best of several runs counts. The
// arrays are written before, so that no page fault is measured.
double copy_bandwidth(int64_t bytes, Clock now) {
  if (bytes < 1) throw ConfigError("copy_bandwidth: bytes must be at least 1.");
  double gigabytes_per_second = 0;
  // tito:begin 0.5
  const size_t size = static_cast<size_t>(bytes);
  const Buffer from(size), to(size);
  std::memset(from.data(), 1, size);
  std::memset(to.data(), 2, size);
  const int64_t copies = std::clamp<int64_t>((int64_t{32} << 20) / bytes, 1, 20'000);
  const auto copy_all = [&] {
    for (int64_t i = 0; i < copies; ++i) {
      std::memcpy(to.data(), from.data(), size);
      keep(to.data());
    }
  };
  const double moved = 2.0 * static_cast<double>(bytes) * static_cast<double>(copies);
  gigabytes_per_second = moved / measure_ns(copy_all, 9, now).min;  // bytes a nanosecond
  // tito:end 0.5
  return gigabytes_per_second;
}

// Sattolo's shuffle (1986) makes exactly one cycle: from the last place down, each swaps with one
// strictly below it. An ordinary shuffle makes several, and a walk would stay in the first.
std::vector<uint32_t> random_cycle(size_t count) {
  std::vector<uint32_t> next(count);
  // tito:begin 0.6a
  for (size_t i = 0; i < count; ++i) next[i] = static_cast<uint32_t>(i);
  uint64_t random = 1;
  for (size_t i = count - 1; i > 0; --i) {
    random = random * 6364136223846793005U + 1442695040888963407U;  // Knuth's MMIX generator
    std::swap(next[i], next[(random >> 32) % i]);
  }
  // tito:end 0.6a
  return next;
}

// Each cache line holds the number of the next to visit, so that neither order nor prefetcher
// helps: a read cannot begin before the one before has ended.
double random_read_ns(int64_t bytes, Clock now) {
  if (bytes < 128) throw ConfigError("random_read_ns: bytes must be at least 128.");
  double nanoseconds = 0;
  // tito:begin 0.6b
  constexpr size_t kStride = 64 / sizeof(uint32_t);  // one entry a cache line
  const size_t lines = static_cast<size_t>(bytes) / 64;
  const std::vector<uint32_t> cycle = random_cycle(lines);
  const Buffer memory(lines * 64);
  auto* next = static_cast<uint32_t*>(memory.data());
  for (size_t i = 0; i < lines; ++i) next[i * kStride] = cycle[i];

  constexpr int kSteps = 20'000;
  uint32_t at = 0;
  const auto chase = [&] {
    for (int step = 0; step < kSteps; ++step) at = next[at * kStride];
    keep(&at);
  };
  nanoseconds = measure_ns(chase, 15, now).min / kSteps;
  // tito:end 0.6b
  return nanoseconds;
}

// A page that was promised is taken and cleared when it is first written: a fault into the kernel.
// Huge pages are declined here (MADV_NOHUGEPAGE), so that the number is that of one small page.
double fresh_page_ns(int64_t bytes, Clock now) {
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  if (bytes < static_cast<int64_t>(page))
    throw ConfigError("fresh_page_ns: bytes must be a page at least.");
  double nanoseconds = 0;
  // tito:begin 0.7
  const size_t pages = static_cast<size_t>(bytes) / page;
  double best = 1e18;
  for (int trial = 0; trial < 7; ++trial) {
    void* memory =
        mmap(nullptr, pages * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw Error("fresh_page_ns: the system has no memory left.");
    madvise(memory, pages * page, MADV_NOHUGEPAGE);
    char* byte = static_cast<char*>(memory);
    const int64_t begin = now();
    for (size_t i = 0; i < pages; ++i) byte[i * page] = 1;
    best = std::min(best, static_cast<double>(now() - begin));
    munmap(memory, pages * page);
  }
  nanoseconds = best / static_cast<double>(pages);
  // tito:end 0.7
  return nanoseconds;
}

// All threads start together; the slowest one ends the measurement. The best of several attempts
// counts: the first ones also wake the vector units.
double peak_gflops(int threads, Clock now) {
  if (threads < 1) throw ConfigError("peak_gflops: threads must be at least 1.");
  double best = 0;
  // tito:begin 0.8
  int64_t rounds = 500;
  for (double ns = 0; ns < 1e6; rounds *= 2) {  // until a burst takes a millisecond
    const int64_t begin = now();
    multiply_add_burst(rounds);
    ns = static_cast<double>(now() - begin);
  }
  for (int attempt = 0; attempt < 12; ++attempt) {
    std::vector<double> operations(static_cast<size_t>(threads)), elapsed(operations.size());
    run_together(threads, [&](int t) {
      const size_t mine = static_cast<size_t>(t);
      const int64_t begin = now();
      operations[mine] = static_cast<double>(multiply_add_burst(rounds));
      elapsed[mine] = static_cast<double>(now() - begin);
    });
    double all = 0;
    for (const double each : operations) all += each;
    best = std::max(best, all / *std::max_element(elapsed.begin(), elapsed.end()));
  }
  // tito:end 0.8
  return best;
}

// Whatever can change a measured number belongs here.
std::vector<std::pair<std::string, std::string>> environment() {
  std::vector<std::pair<std::string, std::string>> entries;
  // tito:begin 0.9
  const auto add = [&](const std::string& name, const std::string& value) {
    entries.emplace_back(name, value);
  };
  const MachineInfo machine = probe_machine();
  std::string isa;
  for (const std::string& name : machine.isa) isa += (isa.empty() ? "" : " ") + name;
  add("cpu", machine.cpu);
  add("cores", std::to_string(machine.cores));
  add("threads", std::to_string(num_threads()));
  add("isa", isa.empty() ? "unknown" : isa);
  add("l1", text_of_bytes(machine.l1_bytes));
  add("l2", text_of_bytes(machine.l2_bytes));
  add("l3", text_of_bytes(machine.l3_bytes));
  add("memory", text_of_bytes(machine.memory_bytes));
  add("huge_pages", machine.huge_pages);
  utsname system{};
  uname(&system);
  add("system", std::string(system.sysname) + " " + system.release);
  add("compiler", __VERSION__);
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  add("build", "sanitizer");
#elif defined(__OPTIMIZE__)
  add("build", "optimised");
#else
  add("build", "not optimised");
#endif
  for (const char* name : {"TINYTORCH_NUM_THREADS", "TINYTORCH_ISA", "TINYTORCH_KERNELS"})
    if (const char* value = std::getenv(name)) add(name, value);
  // tito:end 0.9
  return entries;
}

std::string environment_report() {
  const auto entries = environment();
  size_t width = 0;
  for (const auto& [name, value] : entries) width = std::max(width, name.size());
  std::string text;
  for (const auto& [name, value] : entries)  // a dozen; g++ 12 takes append() for an overflow
    text +=
        name + std::string(width - name.size() + 2, ' ') + value + "\n";  // NOLINT(performance*)
  return text;
}

}  // namespace tinytorch
