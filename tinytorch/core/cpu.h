#pragma once
#include <cstdint>
#include <string>

namespace tinytorch {

// What the machine offers, for the pool, the kernels and reports. (`utils.h` has the probe that the
// course writes by hand; nothing of the framework depends on that one.)

// CPUs this process may keep busy: its affinity mask, limited by the cgroup's CPU quota. At
// least 1.
int usable_cpus();

// The CPU quota of this process in CPUs (1.5: one and a half), the smallest on the way from its
// group up to the root; 0 without a limit. `proc_cgroup` is the text of /proc/self/cgroup and
// `mount` the folder where the groups are mounted. Knows cgroup v1 and v2.
double cgroup_cpu_quota(const std::string& proc_cgroup, const std::string& mount);

// Reading what the system tells as text: the first line of a file, or ""; the value of the first
// line "KEY : VALUE" in a file such as /proc/cpuinfo, or ""; "48K", "2M" or "16384 kB" in bytes;
// bytes as "48 KiB".
std::string first_line(const std::string& path);
std::string value_of(const std::string& path, const std::string& key);
int64_t bytes_of(const std::string& text);
std::string text_of_bytes(int64_t bytes);

}  // namespace tinytorch
