#include "tinytorch/core/cpu.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <thread>

#if defined(__linux__)
#include <sched.h>
#endif

namespace tinytorch {

namespace {

int affinity_cpus() {
#if defined(__linux__)
  // The mask must be as wide as the kernel's: double it until the call accepts it.
  for (int cpus = CPU_SETSIZE; cpus <= (1 << 18); cpus *= 2) {
    cpu_set_t* set = CPU_ALLOC(cpus);
    if (!set) break;
    const size_t bytes = CPU_ALLOC_SIZE(cpus);
    const int count = sched_getaffinity(0, bytes, set) == 0 ? CPU_COUNT_S(bytes, set) : 0;
    CPU_FREE(set);
    if (count > 0) return count;
  }
#endif
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

// Smallest of two quotas, where 0 means none.
double tighter(double a, double b) {
  if (a <= 0) return b;
  return b <= 0 ? a : std::min(a, b);
}

// cgroup v2: "max 100000" or "150000 100000" (quota and period in microseconds).
double read_v2(const std::string& folder) {
  std::ifstream file(folder + "/cpu.max");
  double quota = 0, period = 0;
  return file >> quota >> period && period > 0 ? quota / period : 0;
}

// cgroup v1: two files; a quota of -1 means none.
double read_v1(const std::string& folder) {
  std::ifstream quota_file(folder + "/cpu.cfs_quota_us"),
      period_file(folder + "/cpu.cfs_period_us");
  double quota = 0, period = 0;
  return quota_file >> quota && period_file >> period && quota > 0 && period > 0 ? quota / period
                                                                                 : 0;
}

// The tightest quota of `group` ("/a/b") and its parents below `root`. A group of the host that is
// not visible from inside a container has no file; the walk then ends at the container's own root.
template <class Read>
double tightest_on_the_way_up(const std::string& root, std::string group, Read read) {
  double limit = 0;
  for (;;) {
    while (!group.empty() && group.back() == '/') group.pop_back();
    limit = tighter(limit, read(root + group));
    if (group.empty()) return limit;
    const size_t slash = group.rfind('/');
    group.resize(slash == std::string::npos ? 0 : slash);
  }
}

}  // namespace

double cgroup_cpu_quota(const std::string& proc_cgroup, const std::string& mount) {
  double limit = 0;
  std::istringstream lines(proc_cgroup);
  for (std::string line; std::getline(lines, line);) {  // "ID:CONTROLLERS:PATH"
    const size_t first = line.find(':');
    const size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    std::string listed = ",";
    listed += controllers;
    listed += ',';
    const std::string group = line.substr(second + 1);
    if (controllers.empty()) {
      limit = tighter(limit, tightest_on_the_way_up(mount, group, read_v2));
      limit = tighter(limit, tightest_on_the_way_up(mount + "/unified", group, read_v2));
    } else if (listed.find(",cpu,") != std::string::npos) {
      const std::string both = (std::filesystem::path(mount) / controllers).string();
      limit = tighter(limit, tightest_on_the_way_up(both, group, read_v1));
      limit = tighter(limit, tightest_on_the_way_up(mount + "/cpu", group, read_v1));
    }
  }
  return limit;
}

// The first line of a file, or "" when it cannot be read.
std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

// The value of the first line "KEY   : VALUE" in a file such as /proc/cpuinfo, or "".
std::string value_of(const std::string& path, const std::string& key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    const size_t colon = line.find(':');
    if (colon == std::string::npos || line.compare(0, key.size(), key) != 0) continue;
    if (line.find_first_not_of(" \t", key.size()) != colon) continue;
    const size_t begin = line.find_first_not_of(" \t", colon + 1);
    return begin == std::string::npos ? "" : line.substr(begin);
  }
  return "";
}

// "48K" or "2M" or "16384 kB" in bytes; 0 when it is no number.
int64_t bytes_of(const std::string& text) {
  char* unit = nullptr;
  const int64_t number = std::strtoll(text.c_str(), &unit, 10);
  while (*unit == ' ') ++unit;
  if (*unit == 'k' || *unit == 'K') return number << 10;
  if (*unit == 'M') return number << 20;
  if (*unit == 'G') return number << 30;
  return number;
}

std::string text_of_bytes(int64_t bytes) {
  if (bytes <= 0) return "unknown";
  const char* units[] = {"B", "KiB", "MiB", "GiB"};
  double value = static_cast<double>(bytes);
  int unit = 0;
  for (; unit < 3 && value >= 1024; ++unit) value /= 1024;
  char text[32];
  std::snprintf(text, sizeof text, "%.4g %s", value, units[unit]);
  return text;
}

int usable_cpus() {
  const int cpus = affinity_cpus();
  std::ifstream file("/proc/self/cgroup");
  const std::string groups{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  const double quota = cgroup_cpu_quota(groups, "/sys/fs/cgroup");
  return quota > 0 ? std::clamp(static_cast<int>(std::ceil(quota)), 1, cpus) : cpus;
}

}  // namespace tinytorch
