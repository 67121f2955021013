#include "tinytorch/core/utils.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <chrono>
#include <fstream>
#include <thread>

#include "tinytorch/core/cpu.h"
#include "tinytorch/core/error.h"
#include "tinytorch/core/parallel.h"
#include "tinytorch/core/poison.h"

namespace tinytorch {
namespace {

TEST(Machine, ProbeIsPlausible) {
  const MachineInfo m = probe_machine();
  EXPECT_FALSE(m.cpu.empty());
  EXPECT_GE(m.cores, 1);
  EXPECT_LE(m.cores, static_cast<int>(std::thread::hardware_concurrency()));
  EXPECT_GT(m.memory_bytes, int64_t{256} << 20);
  EXPECT_FALSE(m.huge_pages.empty());
  EXPECT_EQ(m.huge_pages.find('['), std::string::npos);
  if (m.l1_bytes > 0) {  // the system tells caches
    EXPECT_GE(m.l1_bytes, 8 << 10);
    EXPECT_LE(m.l1_bytes, 1 << 20);
    EXPECT_GE(m.line_bytes, 32);
    EXPECT_TRUE(m.l2_bytes == 0 || m.l2_bytes > m.l1_bytes);
    EXPECT_TRUE(m.l3_bytes == 0 || m.l3_bytes > m.l2_bytes);
  }
}

// Folders as the kernel shows them: the tightest quota of the group and its parents counts.
TEST(Machine, CgroupQuotaOfBothVersions) {
  const std::string root = testing::TempDir() + "cgroups";
  for (const char* folder : {"", "/a", "/a/b", "/cpu,cpuacct", "/cpu,cpuacct/x"})
    mkdir((root + folder).c_str(), 0755);
  const auto write = [&](const std::string& path, const std::string& text) {
    std::ofstream(root + path) << text << "\n";
  };
  write("/a/cpu.max", "150000 100000");
  write("/a/b/cpu.max", "max 100000");
  EXPECT_DOUBLE_EQ(cgroup_cpu_quota("0::/a/b\n", root), 1.5);
  EXPECT_DOUBLE_EQ(cgroup_cpu_quota("0::/\n", root), 0);
  EXPECT_DOUBLE_EQ(cgroup_cpu_quota("0::/not/visible/here\n", root), 0);
  write("/a/b/cpu.max", "50000 100000");
  EXPECT_DOUBLE_EQ(cgroup_cpu_quota("0::/a/b\n", root), 0.5);
  write("/cpu,cpuacct/x/cpu.cfs_quota_us", "300000");
  write("/cpu,cpuacct/x/cpu.cfs_period_us", "100000");
  const std::string v1 = "5:memory:/x\n4:cpu,cpuacct:/x\n3:cpuset:/a/b\n";
  EXPECT_DOUBLE_EQ(cgroup_cpu_quota(v1, root), 3);
  write("/cpu,cpuacct/x/cpu.cfs_quota_us", "-1");
  EXPECT_DOUBLE_EQ(cgroup_cpu_quota(v1, root), 0);
  EXPECT_DOUBLE_EQ(cgroup_cpu_quota("no group at all", root), 0);
}

TEST(Timer, IsMonotonicAndMeasuresASleep) {
  const Timer timer;
  std::this_thread::sleep_for(std::chrono::milliseconds(5));
  EXPECT_GE(timer.elapsed_ns(), 5e6);
  int64_t last = Timer::now_ns();
  for (int i = 0; i < 1000; ++i) {
    const int64_t now = Timer::now_ns();
    ASSERT_GE(now, last);
    last = now;
  }
  const TimerCost cost = calibrate_timer();
  EXPECT_GT(cost.read_ns, 0.5);
  EXPECT_LT(cost.read_ns, 1e5);
  EXPECT_GE(cost.step_ns, 1);
  EXPECT_LT(cost.step_ns, 1e7);
}

TEST(Measure, MedianIgnoresTheOutlierAndTheWarmUp) {
  int call = 0;
  const auto sometimes_slow = [&] {
    if (call == 0 || call == 3) std::this_thread::sleep_for(std::chrono::milliseconds(50));
    ++call;
  };
  const Stats stats = measure_ns(sometimes_slow, 7);
  EXPECT_EQ(call, 8);
  EXPECT_EQ(stats.runs, 7);
  EXPECT_LT(stats.median, 20e6);
  EXPECT_GE(stats.max, 50e6);
  EXPECT_LE(stats.min, stats.median);
  // An even number of runs: the mean of the two in the middle, so between them.
  call = 1;
  const auto steps = [&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(20 * (call++ % 2)));
  };
  const Stats even = measure_ns(steps, 2);
  EXPECT_NEAR(even.median, (even.min + even.max) / 2, 1);
  EXPECT_THROW(measure_ns([] {}, 0), ConfigError);
}

TEST(Measure, MemoryAndArithmeticSpeedsArePlausible) {
  const double small = copy_bandwidth(16 << 10);
  EXPECT_GT(small, 0.5);
  EXPECT_LT(small, 1e4);
  EXPECT_GT(copy_bandwidth(1), 0);
  EXPECT_THROW(copy_bandwidth(0), ConfigError);

  const double near_ns = random_read_ns(8 << 10), far_ns = random_read_ns(12 << 20);
  EXPECT_GT(near_ns, 0.3);
  EXPECT_LT(far_ns, 1e5);
  EXPECT_GT(far_ns, 1.5 * near_ns) << "a chase through 12 MiB is slower than one in the cache";
  EXPECT_GT(random_read_ns(128), 0);
  EXPECT_THROW(random_read_ns(64), ConfigError);

  const double page_ns = fresh_page_ns(1 << 20);
  EXPECT_GT(page_ns, 10);
  EXPECT_LT(page_ns, 1e6);
  EXPECT_THROW(fresh_page_ns(100), ConfigError);

  // Sanitizers look at every step, and neighbours may take half of a core; an error of units is
  // more.
#ifdef __SANITIZE_ADDRESS__
  constexpr double kLeast = 0.01;
#else
  constexpr double kLeast = 0.2;
#endif
  const double one = peak_gflops(1);
  EXPECT_GT(one, kLeast);
  EXPECT_LT(one, 2000);
  EXPECT_GT(peak_gflops(2), kLeast);
  EXPECT_THROW(peak_gflops(0), ConfigError);
}

TEST(Environment, ReportHoldsEveryEntry) {
  const auto entries = environment();
  const std::string report = environment_report();
  EXPECT_GE(entries.size(), 10U);
  for (const auto& [name, value] : entries) {
    EXPECT_FALSE(value.empty()) << name;
    EXPECT_NE(report.find(name), std::string::npos);
    EXPECT_NE(report.find(value), std::string::npos);
  }
  EXPECT_EQ(entries.front().first, "cpu");
  EXPECT_NE(report.find("threads"), std::string::npos);
}

}  // namespace
}  // namespace tinytorch
