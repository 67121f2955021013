// Tasks 0.1 and 0.2: what machine is this? The probe reads below a folder: here it has files of
// machines that this one is not, and then those of this one, read a second time by other means.
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

#include "modules/setup/tests/invariants.h"
#include "tinytorch/core/utils.h"

namespace tinytorch::check {

namespace {

namespace fs = std::filesystem;

// A folder that holds what the system would tell, and goes away again.
class FakeSystem {
 public:
  FakeSystem() {
    std::string name = (fs::temp_directory_path() / "tinytorch-probe-XXXXXX").string();
    that(mkdtemp(name.data()) != nullptr, "no temporary folder could be made");
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
  void cache(int index, const std::string& level, const std::string& type, const std::string& size,
             int line) const {
    const std::string folder =
        "/sys/devices/system/cpu/cpu0/cache/index" + std::to_string(index) + "/";
    write(folder + "level", level);
    write(folder + "type", type);
    write(folder + "size", size);
    write(folder + "coherency_line_size", std::to_string(line));
  }
  const std::string& root() const { return root_; }

 private:
  std::string root_;
};

std::vector<double> caches(const MachineInfo& m) {
  return doubles(std::vector<int64_t>{m.l1_bytes, m.l2_bytes, m.l3_bytes, m.line_bytes});
}

constexpr const char* kWhat = "probe_machine: bytes of L1 data, L2, L3 and of a line";

std::string text_of(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return "'" + text + "'";
}

void expect_text(const std::string& what, const std::string& got, const std::string& wanted,
                 const std::string& cause) {
  holds(got == wanted, what + " is '" + got + "', expected '" + wanted + "'", invariant::kRead,
        cause);
}

std::string content_of(const fs::path& path) {
  std::ifstream file(path);
  std::string text;
  std::getline(file, text);
  return text;
}

}  // namespace

TASK_TEST(caches, of_a_usual_machine) {
  const FakeSystem system;
  system.cache(0, "1", "Data", "48K", 64);
  system.cache(1, "1", "Instruction", "96K", 64);
  system.cache(2, "2", "Unified", "1280K", 64);
  system.cache(3, "3", "Unified", "30M", 64);
  values({.what = kWhat,
          .got = caches(probe_machine(system.root())),
          .expected = {48 << 10, 1280 << 10, 30 << 20, 64},
          .invariant = invariant::kRead,
          .mistakes = {
              {{96 << 10, 1280 << 10, 30 << 20, 64},
               "the instruction cache was taken for the data cache: look at its type"},
              {{48, 1280, 30, 64}, "the unit is lost: bytes_of understands 48K and 30M"},
              {{48 << 10, 0, 0, 64}, "only the first index was looked at"},
              {{0, 0, 0, 0}, "nothing was read: the files stand below `root`"},
          }});
}

TASK_TEST(caches, in_another_order) {
  const FakeSystem system;
  system.cache(0, "3", "Unified", "8192K", 128);
  system.cache(1, "1", "Instruction", "192K", 128);
  system.cache(2, "2", "Unified", "12M", 128);
  system.cache(3, "1", "Data", "128K", 128);
  values({.what = kWhat,
          .got = caches(probe_machine(system.root())),
          .expected = {128 << 10, 12 << 20, 8 << 20, 128},
          .invariant = invariant::kRead,
          .mistakes = {
              {{8 << 20, 12 << 20, 128 << 10, 128},
               "the number of the folder was taken for the level: read the file `level`"},
              {{128 << 10, 12 << 20, 8 << 20, 64},
               "the line was assumed to have 64 bytes: read coherency_line_size"},
              {{192 << 10, 12 << 20, 8 << 20, 128},
               "the instruction cache was taken for the data cache: look at its type"},
          }});
}

TASK_TEST(caches, that_are_not_told) {
  const std::string not_below_root = "the files of this machine were read, not those below `root`";
  const FakeSystem nothing;
  values({.what = kWhat,
          .got = caches(probe_machine(nothing.root())),
          .expected = {0, 0, 0, 0},
          .invariant = invariant::kRead,
          .mistakes = {{caches(probe_machine()), not_below_root}}});
  // Some virtual machines tell nothing either.
  const FakeSystem odd;
  odd.cache(0, "1", "Data", "40K", 64);
  const bool root_counts = caches(probe_machine(odd.root())) != caches(probe_machine());
  const FakeSystem small;
  small.cache(0, "1", "Unified", "32K", 32);
  values({.what = std::string(kWhat) + ", of a machine with one cache",
          .got = caches(probe_machine(small.root())),
          .expected = {32 << 10, 0, 0, 32},
          .invariant = invariant::kRead,
          .mistakes = {
              {{0, 0, 0, 32}, "a unified first-level cache holds data, too"},
              {{0, 0, 0, 0},
               root_counts ? "a unified first-level cache holds data, too" : not_below_root}}});
}

// This machine, read by walking the folders.
TASK_TEST(caches, of_this_machine) {
  std::vector<double> wanted(4, 0);
  std::error_code ec;
  for (const auto& entry : fs::directory_iterator("/sys/devices/system/cpu/cpu0/cache", ec)) {
    const std::string level = content_of(entry.path() / "level");
    if (level.empty() || content_of(entry.path() / "type") == "Instruction") continue;
    std::istringstream size(content_of(entry.path() / "size"));
    double count = 0;
    char unit = ' ';
    size >> count >> unit;
    count *= unit == 'K' ? 1 << 10 : unit == 'M' ? 1 << 20 : 1;
    if (level >= "1" && level <= "3") wanted[static_cast<size_t>(level[0] - '1')] = count;
    wanted[3] = std::stod(content_of(entry.path() / "coherency_line_size"));
  }
  values({.what = kWhat,
          .got = caches(probe_machine()),
          .expected = wanted,
          .invariant = invariant::kRead});
}

TASK_TEST(processor, of_a_usual_machine) {
  const FakeSystem system;
  system.write("/proc/cpuinfo",
               "processor\t: 0\nmodel name\t: Imaginary 9000 @ 3.0GHz\n"
               "flags\t\t: fpu fma4 sse2 avx2 xavx512f avx512f avx512_vnnix fma");
  system.write("/proc/meminfo", "MemTotal:       16384000 kB\nMemFree: 1 kB");
  system.write("/sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never");
  const MachineInfo m = probe_machine(system.root());
  expect_text("the model", m.cpu, "Imaginary 9000 @ 3.0GHz",
              "value_of(root + \"/proc/cpuinfo\", \"model name\") tells it");
  const std::string isa = text_of(m.isa);
  holds(isa == "'avx512f avx2 fma'", "isa is " + isa + ", expected 'avx512f avx2 fma'",
        invariant::kRead,
        isa.find("vnni") != std::string::npos
            ? "part of a word was taken for the word: avx512_vnnix is not avx512_vnni"
        : m.isa.size() == 3 ? "the extensions stand in the order that the contract gives"
                            : "each extension of the contract's list whose word stands in flags");
  values({.what = "the memory, bytes",
          .got = {static_cast<double>(m.memory_bytes)},
          .expected = {16'384'000.0 * 1024},
          .invariant = invariant::kRead,
          .mistakes = {{{16'384'000}, "MemTotal counts kB, memory_bytes counts bytes"}}});
  expect_text("the huge pages", m.huge_pages, "madvise",
              m.huge_pages == "always" ? "the first word was taken: the chosen one stands in [ ]"
              : m.huge_pages.find('[') != std::string::npos ? "the brackets are no part of the word"
                                                            : "the chosen word stands in [ ]");
}

TASK_TEST(processor, of_arm) {
  const FakeSystem system;
  system.write("/proc/cpuinfo", "processor\t: 0\nFeatures\t: fp asimd evtstrm sve");
  system.write("/sys/kernel/mm/transparent_hugepage/enabled", "[always] madvise never");
  const MachineInfo m = probe_machine(system.root());
  expect_text("the model", m.cpu, "unknown", "no model name is told here: then it is \"unknown\"");
  const std::string isa = text_of(m.isa);
  holds(isa == "'sve asimd'", "isa is " + isa + ", expected 'sve asimd'", invariant::kRead,
        "ARM calls the line Features");
  expect_text("the huge pages", m.huge_pages, "always", "the chosen word stands in [ ]");
}

TASK_TEST(processor, that_tells_nothing) {
  const FakeSystem system;
  const MachineInfo m = probe_machine(system.root());
  expect_text("the model", m.cpu, "unknown", "a text that is not told is \"unknown\"");
  expect_text("the huge pages", m.huge_pages, "unknown", "a text that is not told is \"unknown\"");
  holds(m.isa.empty() && m.memory_bytes == 0, "extensions or memory of a machine that tells none",
        invariant::kRead, "the files of this machine were read, not those below `root`");
}

TASK_TEST(processor, of_this_machine) {
  const MachineInfo m = probe_machine();
  cpu_set_t set;
  CPU_ZERO(&set);
  const int allowed = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1 << 20;
  holds(m.cores >= 1 && m.cores <= allowed,
        "cores is " + std::to_string(m.cores) + "; this process may run on " +
            std::to_string(allowed),
        invariant::kRead, "usable_cpus() says how many CPUs this process may keep busy");
  const double pages = static_cast<double>(sysconf(_SC_PHYS_PAGES)),
               bytes = pages * static_cast<double>(sysconf(_SC_PAGESIZE));
  const double ratio = static_cast<double>(m.memory_bytes) / bytes;
  holds(ratio > 0.9 && ratio < 1.1,
        "memory_bytes is " + std::to_string(m.memory_bytes) + ", the system has " +
            std::to_string(static_cast<int64_t>(bytes)),
        invariant::kRead, "MemTotal counts kB, memory_bytes counts bytes");
}

}  // namespace tinytorch::check
