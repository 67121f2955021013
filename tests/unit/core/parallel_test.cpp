#include "tinytorch/core/parallel.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <numeric>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "tests/unit/child_process.h"
#include "tinytorch/core/cpu.h"
#include "tinytorch/core/error.h"

namespace tinytorch {
namespace {

constexpr double kWorthThreads = 1e6;  // an estimate that wakes every helper

// Restores the number of threads of the process.
class Threads {
 public:
  explicit Threads(int count) : before_(num_threads()) { set_num_threads(count); }
  ~Threads() { set_num_threads(before_); }

 private:
  int before_;
};

void busy_us(double us) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double, std::micro>(us);
  while (std::chrono::steady_clock::now() < end) {
  }
}

TEST(Parallel, EveryChunkRunsExactlyOnce) {
  for (int threads : {1, 2, 3, 8}) {
    const Threads scope(threads);
    for (int64_t count : {1, 2, 3, 7, 8, 9, 100, 1000, 65535, 65536, 200003}) {
      std::vector<std::atomic<uint8_t>> runs(static_cast<size_t>(count));
      parallel_tasks(count, kWorthThreads, [&](int64_t c) { ++runs[static_cast<size_t>(c)]; });
      for (int64_t c = 0; c < count; ++c)
        ASSERT_EQ(runs[static_cast<size_t>(c)], 1) << "chunk " << c << " of " << count;
    }
  }
  parallel_tasks(0, kWorthThreads, [](int64_t) { FAIL(); });
  parallel_tasks(-3, kWorthThreads, [](int64_t) { FAIL(); });
}

TEST(Parallel, ChunksOfARangeDoNotDependOnTheThreadsAndCoverIt) {
  const int64_t n = 1'000'003;
  std::vector<std::pair<int64_t, int64_t>> expected;
  for (int threads : {1, 2, 5}) {
    const Threads scope(threads);
    std::vector<int64_t> end_of(static_cast<size_t>(n), 0);
    parallel_for(n, 10.0,
                 [&](int64_t begin, int64_t end) { end_of[static_cast<size_t>(begin)] = end; });
    std::vector<std::pair<int64_t, int64_t>> chunks;
    for (int64_t begin = 0; begin < n; begin = chunks.back().second) {
      ASSERT_GT(end_of[static_cast<size_t>(begin)], begin);
      chunks.emplace_back(begin, end_of[static_cast<size_t>(begin)]);
    }
    EXPECT_EQ(chunks.back().second, n);
    if (expected.empty()) expected = chunks;
    EXPECT_EQ(chunks, expected);
  }
  parallel_for(0, 1.0, [](int64_t, int64_t) { FAIL(); });
}

TEST(Parallel, ChunkLengthKeepsItsBounds) {
  for (double ns : {0.0, 0.01, 0.25, 1.0, 33.0, 1000.0})
    for (int64_t n : {1, 64, 1000, 65536, 10'000'000}) {
      const int64_t length = chunk_length(n, ns);
      EXPECT_EQ(length % 64, 0);
      EXPECT_GE(length, 64);
      EXPECT_LE(static_cast<double>(length) * ns, 2e5);
    }
  EXPECT_EQ(chunk_length(1 << 20, 1e6), 64);  // dear items: still whole cache lines
  EXPECT_GE(chunk_length(1'000'000, 0.1), 20'000);
  // The numbers of chunks that two and four threads share evenly, and eight from five on.
  for (const int64_t n : {100'000, 150'000, 190'000, 250'000, 330'000, 700'000}) {
    const int64_t length = chunk_length(n, 0.05), chunks = (n + length - 1) / length;
    EXPECT_TRUE(chunks == 2 || chunks == 4 || chunks % 8 == 0) << chunks << " for " << n;
    EXPECT_LE(chunks * length, n + 64 * chunks) << "of one length";
  }
}

TEST(Parallel, WorkIsShared) {
  if (usable_cpus() < 2) GTEST_SKIP() << "one CPU";
  const Threads scope(2);
  std::atomic<int> by[2] = {};
  for (int trial = 0; trial < 50 && (by[0] == 0 || by[1] == 0); ++trial)
    parallel_tasks(64, kWorthThreads, [&](int64_t) {
      ASSERT_TRUE(in_parallel_region());
      ASSERT_LT(thread_index(), 2);
      ++by[thread_index()];
      busy_us(20);
    });
  EXPECT_GT(by[0], 0);
  EXPECT_GT(by[1], 0);
  EXPECT_FALSE(in_parallel_region());
  EXPECT_EQ(thread_index(), 0);
}

TEST(Parallel, SmallWorkStaysOnTheCaller) {
  const Threads scope(4);
  const auto self = std::this_thread::get_id();
  for (int i = 0; i < 200; ++i)
    parallel_tasks(16, 1000.0, [&](int64_t) { ASSERT_EQ(std::this_thread::get_id(), self); });
}

TEST(Parallel, ManyTinyJobsGiveRightSums) {
  for (int threads : {2, 3}) {
    const Threads scope(threads);
    for (int i = 0; i < 3000; ++i) {
      int64_t part[8] = {};
      parallel_tasks(8, i % 3 ? 4e3 : 5e5, [&](int64_t c) { part[c] = c * c + i; });
      ASSERT_EQ(std::accumulate(part, part + 8, int64_t{0}), 140 + 8 * i);
    }
  }
}

TEST(Parallel, LowestExceptionReachesTheCallerAfterAllChunksEnded) {
  for (int threads : {1, 2, 4}) {
    const Threads scope(threads);
    for (double estimate : {0.0, kWorthThreads})
      for (int trial = 0; trial < 20; ++trial) {
        std::atomic<int> ended{0};
        try {
          parallel_tasks(200, estimate, [&](int64_t c) {
            ++ended;
            if (c == 199 || c == 17 || c == 90) throw std::runtime_error(std::to_string(c));
          });
          FAIL() << "no exception";
        } catch (const std::runtime_error& e) {
          EXPECT_STREQ(e.what(), "17");
        }
        EXPECT_EQ(ended, 200);
        EXPECT_FALSE(in_parallel_region());
      }
    std::atomic<int> after{0};
    parallel_tasks(10, kWorthThreads, [&](int64_t) { ++after; });
    EXPECT_EQ(after, 10);
  }
}

TEST(Parallel, NestedCallsRunSeriallyOnTheirThread) {
  const Threads scope(3);
  std::atomic<int> total{0};
  parallel_tasks(20, kWorthThreads, [&](int64_t) {
    const auto self = std::this_thread::get_id();
    int64_t expected = 0;
    parallel_tasks(30, kWorthThreads, [&](int64_t inner) {
      ASSERT_EQ(std::this_thread::get_id(), self);
      ASSERT_EQ(inner, expected++);
      ++total;
    });
    EXPECT_THROW(set_num_threads(2), ConfigError);
  });
  EXPECT_EQ(total, 600);
}

TEST(Parallel, AJobThatWakesNobodyIsARegionToo) {
  const Threads scope(3);
  parallel_tasks(3, kWorthThreads, [](int64_t) {});  // starts the helpers
  busy_us(2000);                                     // which park when there is nothing to do
  for (const double estimate : {1e3, 1e4})           // on the caller; in the pool, by itself
    parallel_tasks(2, estimate, [](int64_t) {
      ASSERT_TRUE(in_parallel_region());
      EXPECT_THROW(set_num_threads(2), ConfigError);  // must not wait for the job it is part of
    });
  EXPECT_FALSE(in_parallel_region());
}

TEST(Parallel, SeveralApplicationThreadsMayCallAtOnce) {
  const Threads scope(3);
  std::vector<std::thread> callers;
  std::atomic<int> wrong{0};
  for (int caller = 0; caller < 4; ++caller)
    callers.emplace_back([&, caller] {
      for (int i = 0; i < 400; ++i) {
        int64_t part[32] = {};
        parallel_tasks(32, i % 2 ? 5e3 : 2e5, [&](int64_t c) { part[c] = c + caller; });
        if (std::accumulate(part, part + 32, int64_t{0}) != 496 + 32 * caller) ++wrong;
      }
    });
  for (int i = 0; i < 20; ++i) set_num_threads(2 + i % 3);
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(wrong, 0);
}

TEST(Parallel, EightThreadsOnFewCpusFinishManyJobs) {
  const Threads scope(8);
  std::atomic<int64_t> sum{0};
  for (int i = 0; i < 300; ++i)
    parallel_tasks(24, 2e5, [&](int64_t c) {
      busy_us(2);
      sum += c;
    });
  EXPECT_EQ(sum, 300 * 276);
}

TEST(Parallel, WorksInAForkedChildAndStillInTheParent) {
  SKIP_UNDER_TSAN();
  const Threads scope(3);
  const auto works = [] {
    std::atomic<int> ran{0};
    for (int i = 0; i < 20; ++i) parallel_tasks(50, kWorthThreads, [&](int64_t) { ++ran; });
    return ran == 1000;
  };
  EXPECT_TRUE(works());
  EXPECT_EQ(testing::in_child([&] { _exit(works() ? 0 : 1); }), 0);
  EXPECT_EQ(testing::in_child([&] {  // a grandchild, too
              if (!works()) _exit(1);
              _exit(testing::in_child([&] { _exit(works() ? 0 : 1); }));
            }),
            0);
  EXPECT_TRUE(works());
}

struct WorksWhenDestroyed {
  int status;
  ~WorksWhenDestroyed() {
    std::atomic<int> ran{0};
    for (int i = 0; i < 20; ++i) parallel_tasks(50, kWorthThreads, [&](int64_t) { ++ran; });
    if (ran != 1000) _exit(1);
    if (status >= 0) std::_Exit(status);
  }
};

TEST(Parallel, StaticDestructorsMayUseThePoolAndExitEndsTheProcess) {
  SKIP_UNDER_TSAN();
  const Threads scope(3);
  parallel_tasks(50, kWorthThreads, [](int64_t) {});
  EXPECT_EQ(testing::in_child([] {
              static WorksWhenDestroyed last{7};
              static_cast<void>(last);
              std::exit(3);
            }),
            7);
  EXPECT_EQ(testing::in_child([] {  // exit() while the pool works
              parallel_tasks(50, kWorthThreads, [](int64_t c) {
                if (c == 49) std::_Exit(5);
              });
            }),
            5);
}

TEST(Parallel, BadEnvironmentVariableIsAConfigErrorThatNamesIt) {
  SKIP_UNDER_TSAN();
  for (const char* value : {"0", "-2", "two", "3x", "99999"}) {
    const char* program = "/proc/self/exe";
    const int status = testing::in_child([&] {
      setenv("TINYTORCH_NUM_THREADS", value, 1);
      execl(program, program, "--gtest_filter=ParallelEnvironment.*",
            "--gtest_also_run_disabled_tests", "--gtest_brief=1", nullptr);
    });
    EXPECT_EQ(status, 0) << value;
  }
}

// Run by the test above in a process of its own, which decides on the number of threads afresh.
TEST(ParallelEnvironment, DISABLED_RefusesTheVariable) {
  try {
    num_threads();
    FAIL() << "no error";
  } catch (const ConfigError& e) {
    EXPECT_NE(std::strstr(e.what(), "TINYTORCH_NUM_THREADS"), nullptr) << e.what();
    EXPECT_NE(std::strstr(e.what(), std::getenv("TINYTORCH_NUM_THREADS")), nullptr) << e.what();
  }
}

TEST(Parallel, RefusesImpossibleThreadCounts) {
  EXPECT_THROW(set_num_threads(0), ConfigError);
  EXPECT_THROW(set_num_threads(-1), ConfigError);
  EXPECT_THROW(set_num_threads(1'000'000), ConfigError);
}

TEST(Scratch, IsAlignedKeptAndOfEachThreadAndSlot) {
  const Threads scope(3);
  float* a = scratch<float>(Scratch::kA, 1000);
  float* b = scratch<float>(Scratch::kB, 1000);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(a) % 64, 0U);
  for (int i = 0; i < 1000; ++i) a[i] = 1, b[i] = 2;
  EXPECT_EQ(a[999], 1);
  EXPECT_EQ(scratch<float>(Scratch::kA, 500), a);
  for (size_t bytes = 1; bytes < (size_t{8} << 20); bytes = bytes * 3 + 1) {
    char* data = static_cast<char*>(scratch_bytes(Scratch::kC, bytes));
    ASSERT_EQ(reinterpret_cast<uintptr_t>(data) % 64, 0U);
    data[0] = 1;
    data[bytes - 1] = 2;
  }
  EXPECT_NE(scratch_bytes(Scratch::kD, 0), nullptr);
  std::atomic<bool> shared{false};
  parallel_tasks(300, kWorthThreads, [&](int64_t c) {
    int64_t* mine = scratch<int64_t>(Scratch::kB, 512);
    for (int i = 0; i < 512; ++i) mine[i] = c;
    for (int i = 0; i < 512; ++i)
      if (mine[i] != c) shared = true;
  });
  EXPECT_FALSE(shared);
}

// With one thread no pool starts, but the application's threads share the spare buffers.
TEST(Scratch, SurvivesAForkWhileAnotherThreadGrowsIts) {
  SKIP_UNDER_TSAN();
  const char* program = "/proc/self/exe";
  const int status = testing::in_child([&] {
    setenv("TINYTORCH_NUM_THREADS", "1", 1);
    execl(program, program, "--gtest_filter=ScratchFork.*", "--gtest_also_run_disabled_tests",
          "--gtest_brief=1", nullptr);
  });
  EXPECT_EQ(status, 0);
}

// Run by the test above in a process of its own, in which no pool has started. Each trial is one
// too, so that all buffers grow anew, which takes the lock for a while.
TEST(ScratchFork, DISABLED_LeavesNoLockBehind) {
  const auto uses_scratch = [] {
    scratch_bytes(Scratch::kB, 1);
    _exit(0);
  };
  for (int trial = 0; trial < 100; ++trial)
    ASSERT_EQ(testing::in_child([&] {
                std::atomic<bool> begun{false};
                std::thread growing([&] {
                  for (size_t bytes = 1 << 12; bytes < (1 << 26); bytes *= 2) {
                    for (int slot = 0; slot < static_cast<int>(Scratch::kCount); ++slot)
                      scratch_bytes(static_cast<Scratch>(slot), bytes + 1);
                    begun = true;
                  }
                });
                while (!begun) {
                }
                int status = 0;
                for (int i = 0; i < 2 && status == 0; ++i) status = testing::in_child(uses_scratch);
                _exit(status);
              }),
              0);
}

TEST(Parallel, AlternatingCallsTurnRoundInEachThreadsOwnPart) {
  constexpr int64_t kCount = 64;
  for (const int threads : {1, 2}) {
    const Threads scope(threads);
    std::vector<bool> down;
    for (int call = 0; call < 4; ++call) {
      std::vector<int64_t> own;  // the chunks of the caller, in its order
      std::atomic<int> shown{0};
      std::vector<std::atomic<int>> runs(kCount);
      parallel_tasks(
          kCount, kWorthThreads,
          [&](int64_t c) {
            ++runs[static_cast<size_t>(c)];
            // The caller begins with its own part; others wait until it has shown its direction.
            while (thread_index() != 0 && shown < 2) std::this_thread::yield();
            if (thread_index() != 0 || c >= kCount / threads) return;
            own.push_back(c);
            ++shown;
          },
          Order::kAlternating);
      for (auto& r : runs) ASSERT_EQ(r, 1);
      ASSERT_GT(own.size(), 1u);
      down.push_back(own[0] > own[1]);
      EXPECT_EQ(own[0], down.back() ? kCount / threads - 1 : 0);
      EXPECT_TRUE(std::is_sorted(own.begin(), own.end(), [&](int64_t a, int64_t b) {
        return down.back() ? a > b : a < b;
      }));
    }
    EXPECT_NE(down[0], down[1]);
    EXPECT_EQ(down[0], down[2]);
    EXPECT_EQ(down[1], down[3]);
  }
  std::vector<int64_t> order;  // what is short goes up
  for (int call = 0; call < 2; ++call)
    parallel_tasks(3, 100, [&](int64_t c) { order.push_back(c); }, Order::kAlternating);
  EXPECT_EQ(order, (std::vector<int64_t>{0, 1, 2, 0, 1, 2}));
}

}  // namespace
}  // namespace tinytorch
