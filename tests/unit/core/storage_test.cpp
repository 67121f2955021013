#include "tinytorch/core/storage.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <random>
#include <thread>
#include <vector>

#include "tests/unit/child_process.h"
#include "tinytorch/core/error.h"
#include "tinytorch/core/memory.h"
#include "tinytorch/core/memory_stats.h"
#include "tinytorch/core/poison.h"

namespace tinytorch {
namespace {

TEST(SizeClass, HoldsTheRequestAndWastesLittle) {
  for (size_t bytes = 0; bytes < (size_t{1} << 40); bytes = bytes + bytes / 37 + 1) {
    const int c = class_that_holds(bytes);
    ASSERT_LT(c, kClasses);
    ASSERT_GE(class_bytes(c), bytes);
    if (c > 0) {
      ASSERT_LT(class_bytes(c - 1), bytes) << "a smaller class would do";
    }
    if (bytes > 512) {
      ASSERT_LE(static_cast<double>(class_bytes(c)), static_cast<double>(bytes) * 1.125 + 64);
    }
  }
  EXPECT_EQ(class_bytes(kSmallClasses - 1), kSmallLimit);
  for (size_t power = 64; power < (size_t{1} << 40); power *= 2)
    EXPECT_EQ(class_bytes(class_that_holds(power)), power);
}

TEST(Storage, IsAlignedWritableAndDistinct) {
  std::vector<Storage> all;
  for (size_t bytes : {0, 1, 63, 64, 65, 1000, 1024, 4096, 65536, 65537, 100'000, 3'000'000}) {
    all.push_back(Storage::allocate(bytes));
    EXPECT_EQ(reinterpret_cast<uintptr_t>(all.back().data()) % 64, 0U);
    EXPECT_EQ(all.back().bytes(), bytes);
    EXPECT_NE(all.back().data(), nullptr);
    std::memset(all.back().data(), static_cast<int>(all.size()), bytes);
  }
  for (size_t i = 0; i < all.size(); ++i) {
    const auto* data = static_cast<const unsigned char*>(all[i].data());
    for (size_t k = 0; k < all[i].bytes(); ++k) ASSERT_EQ(data[k], i + 1);
  }
}

TEST(Storage, CountsItsHoldersAndVersions) {
  Storage empty;
  EXPECT_FALSE(empty);
  EXPECT_EQ(empty.data(), nullptr);
  EXPECT_EQ(empty.use_count(), 0);
  Storage a = Storage::allocate(100);
  EXPECT_TRUE(a);
  EXPECT_EQ(a.use_count(), 1);
  {
    const Storage b = a;
    EXPECT_EQ(a.use_count(), 2);
    EXPECT_TRUE(a == b);
    a.bump_version();
    EXPECT_EQ(b.version(), 1U);
  }
  EXPECT_EQ(a.use_count(), 1);
  Storage c = std::move(a);
  EXPECT_FALSE(a);  // NOLINT: a moved-from handle is empty by contract
  EXPECT_EQ(c.use_count(), 1);
  const Storage& self = c;
  c = self;
  EXPECT_EQ(c.use_count(), 1);
  c = Storage::allocate(100);
  EXPECT_EQ(c.version(), 0U);
  c = Storage();
  EXPECT_FALSE(c);
}

TEST(Storage, AFreedBlockIsTakenAgainWithVersionZero) {
  for (size_t bytes : {100, 5000, 60'000, 200'000, 3'000'000}) {
    Storage a = Storage::allocate(bytes);
    void* data = a.data();
    a.bump_version();
    a = Storage();
    const Storage b = Storage::allocate(bytes);
    EXPECT_EQ(b.data(), data) << bytes;
    EXPECT_EQ(b.version(), 0U);
    EXPECT_EQ(b.use_count(), 1);
  }
}

TEST(Storage, AdoptedMemoryIsDroppedOnceAtTheEnd) {
  int drops = 0;
  float values[4] = {1, 2, 3, 4};
  const MemoryStats before = memory_stats();
  {
    const Storage a =
        Storage::adopt(values, sizeof values, [](void* d) { ++*static_cast<int*>(d); }, &drops);
    const Storage b = a;
    EXPECT_EQ(b.data(), values);
    EXPECT_EQ(b.bytes(), sizeof values);
    EXPECT_EQ(drops, 0);
    EXPECT_EQ(memory_stats().live_bytes, before.live_bytes);
  }
  EXPECT_EQ(drops, 1);
  EXPECT_EQ(values[3], 4);
  EXPECT_EQ(memory_stats().live_bytes, before.live_bytes);
  {
    const Storage c = Storage::adopt(values, sizeof values, nullptr, nullptr);
  }
}

TEST(MemoryStats, LiveAndPeakAreWhatTensorsAskedFor) {
  const MemoryStats before = memory_stats();
  reset_peak_memory();
  {
    const Storage a = Storage::allocate(1000);
    {
      const Storage b = Storage::allocate(300'000);
      const Storage c = a;
      EXPECT_EQ(memory_stats().live_bytes, before.live_bytes + 301'000);
    }
    EXPECT_EQ(memory_stats().live_bytes, before.live_bytes + 1000);
    {
      const Storage d = Storage::allocate(50'000);
    }
  }
  const MemoryStats after = memory_stats();
  EXPECT_EQ(after.live_bytes, before.live_bytes);
  EXPECT_EQ(after.peak_bytes, before.live_bytes + 301'000);
  EXPECT_EQ(after.allocations, before.allocations + 3);
  EXPECT_GT(after.reserved_bytes, 301'000);
  for (int i = 0; i < 100; ++i) {
    const Storage many[] = {Storage::allocate(700), Storage::allocate(700)};
  }
  EXPECT_EQ(memory_stats().peak_bytes, after.peak_bytes);
}

TEST(MemoryStats, ThreadsThatEndLeaveExactSums) {
  const MemoryStats before = memory_stats();
  std::vector<Storage> handed(64);
  std::thread([&] {
    for (Storage& s : handed) s = Storage::allocate(100);
  }).join();
  EXPECT_EQ(memory_stats().live_bytes, before.live_bytes + 6400);
  std::thread([&] { handed.clear(); }).join();
  EXPECT_EQ(memory_stats().live_bytes, before.live_bytes);
  EXPECT_EQ(memory_stats().allocations, before.allocations + 64);
}

// One thread allocates, another frees: neither the system nor the lists are drained or filled
// without end.
TEST(Storage, BlocksFreedByAnotherThreadAreReused) {
  const auto hand_over = [] {
    for (int round = 0; round < 20; ++round) {
      std::vector<Storage> made;
      for (int i = 0; i < 300; ++i) {
        made.push_back(Storage::allocate(i % 3 == 0 ? 100'000 : 2000));
        std::memset(made.back().data(), i, made.back().bytes());
      }
      std::thread([&] {
        for (int i = 0; i < 300; ++i)
          ASSERT_EQ(static_cast<unsigned char*>(made[static_cast<size_t>(i)].data())[1999],
                    i & 255);
        made.clear();
      }).join();
    }
  };
  hand_over();
  const MemoryStats warm = memory_stats();
  hand_over();
  EXPECT_EQ(memory_stats().system_allocations, warm.system_allocations);
  EXPECT_EQ(memory_stats().live_bytes, warm.live_bytes);
}

TEST(Storage, ManyThreadsShareHandles) {
  const MemoryStats before = memory_stats();
  std::vector<std::thread> threads;
  const Storage shared = Storage::allocate(4096);
  for (unsigned t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      std::mt19937 random(t);
      std::vector<Storage> mine(50);
      for (int i = 0; i < 3000; ++i) {
        Storage& s = mine[random() % mine.size()];
        for (size_t k = 0; s && s != shared && k < s.bytes(); k += 4096)
          ASSERT_EQ(static_cast<unsigned char*>(s.data())[k], t);
        s = random() % 4 == 0 ? shared : Storage::allocate(1 + (1U << random() % 18));
        if (s != shared) std::memset(s.data(), static_cast<int>(t), s.bytes());
      }
    });
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(shared.use_count(), 1);
  EXPECT_EQ(memory_stats().live_bytes, before.live_bytes + 4096);
}

// The blocks of a training step of a network with a dozen kinds of layers: activations that live
// until backward, gradients of their sizes, temporaries; weights and optimizer state that stay.
std::vector<Storage> training_step(std::vector<Storage>& kept, unsigned seed, bool first) {
  std::mt19937 random(seed);
  size_t sizes[12];
  for (size_t& size : sizes) size = 1 + random() % (size_t{1} << (8 + random() % 14));
  const auto bytes = [&] { return sizes[random() % 12]; };
  std::vector<Storage> activations, gradients;
  for (int i = 0; i < 60; ++i) {
    activations.push_back(Storage::allocate(bytes()));
    const Storage temporary = Storage::allocate(bytes());
  }
  for (int i = 0; i < 60; ++i) {
    gradients.push_back(Storage::allocate(activations.back().bytes()));
    activations.pop_back();
    const Storage temporary = Storage::allocate(bytes());
  }
  for (int i = 0; first && i < 60; ++i) kept.push_back(Storage::allocate(bytes()));
  return gradients;
}

TEST(Storage, FromItsThirdStepOnATrainingLoopTakesNothingFromTheSystem) {
  for (unsigned seed = 0; seed < 20; ++seed) {
    empty_cache();
    std::vector<Storage> kept, gradients;
    MemoryStats second;
    for (int step = 0; step < 6; ++step) {
      gradients = training_step(kept, seed, step == 0);
      if (step == 1) second = memory_stats();
    }
    EXPECT_EQ(memory_stats().system_allocations, second.system_allocations) << "seed " << seed;
    EXPECT_EQ(memory_stats().reserved_bytes, second.reserved_bytes) << "seed " << seed;
  }
}

TEST(Storage, FreedPiecesMergeToServeALargerRequest) {
  empty_cache();
  std::vector<Storage> pieces;
  for (int i = 0; i < 200; ++i) pieces.push_back(Storage::allocate(512 << 10));
  pieces.clear();
  const MemoryStats before = memory_stats();
  const Storage large = Storage::allocate(8 << 20);
  std::memset(large.data(), 1, large.bytes());
  EXPECT_EQ(memory_stats().system_allocations, before.system_allocations);
}

TEST(Storage, EmptyCacheGivesMemoryBackAndKeepsWhatLives) {
  Storage alive = Storage::allocate(3 << 20);
  std::memset(alive.data(), 7, alive.bytes());
  {
    const Storage big = Storage::allocate(size_t{300} << 20);
  }
  const int64_t before = memory_stats().reserved_bytes;
  empty_cache();
  EXPECT_LE(memory_stats().reserved_bytes, before - (int64_t{300} << 20));
  EXPECT_EQ(static_cast<char*>(alive.data())[alive.bytes() - 1], 7);
  const Storage again = Storage::allocate(1 << 20);
  std::memset(again.data(), 1, again.bytes());
}

TEST(Storage, AnImpossibleRequestIsAnErrorAndHarmsNothing) {
  const Storage before = Storage::allocate(1000);
  for (size_t bytes : {size_t{1} << 46, size_t{1} << 52, SIZE_MAX - 4096, SIZE_MAX}) {
    try {
      Storage::allocate(bytes);
      FAIL() << "no error";
    } catch (const MemoryError& e) {
      EXPECT_NE(std::strstr(e.what(), "out of memory"), nullptr) << e.what();
    }
  }
  std::memset(Storage::allocate(100'000).data(), 1, 1);
}

// What is left of the address space holds the region that the pool takes ahead of demand, but not
// the headers of its blocks.
TEST(Storage, ARequestThatIsServedDoesNotFailForWhatIsTakenAhead) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer's own memory is more than any limit";
#endif
  EXPECT_EQ(testing::in_child([] {
              constexpr size_t kMiB = size_t{1} << 20;
              empty_cache();
              const Storage large = Storage::allocate(1100 * kMiB);
              rlim_t pages = 0;
              std::ifstream("/proc/self/statm") >> pages;
              const rlim_t now = pages * static_cast<rlim_t>(sysconf(_SC_PAGESIZE));
              const rlimit limit = {now + 515 * kMiB, RLIM_INFINITY};
              if (setrlimit(RLIMIT_AS, &limit) != 0) _exit(2);
              const MemoryStats before = memory_stats();
              try {
                const Storage served = Storage::allocate(200 * kMiB);
                _exit(memory_stats().reserved_bytes == before.reserved_bytes ? 0 : 3);
              } catch (const Error&) {
                _exit(1);
              }
            }),
            0);
}

TEST(Storage, WorksInAForkedChild) {
  const Storage before = Storage::allocate(200'000);
  const pid_t pid = fork();
  if (pid == 0) {
    const Storage after = Storage::allocate(300'000);
    std::memset(after.data(), 1, after.bytes());
    _exit(after.data() != before.data() ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(pid, &status, 0), pid);
  EXPECT_EQ(status, 0);
}

TEST(MemoryStats, PeakResidentMemoryRisesWithWhatIsTouched) {
  const int64_t before = peak_memory_bytes();
  {
    const Storage big = Storage::allocate(size_t{64} << 20);
    std::memset(big.data(), 1, big.bytes());
    EXPECT_GE(resident_bytes() - memory_baseline_bytes(), int64_t{64} << 20);
  }
  EXPECT_GE(peak_memory_bytes(), int64_t{64} << 20);
  EXPECT_GE(peak_memory_bytes(), before);
  EXPECT_GE(peak_resident_bytes(), resident_bytes());
  EXPECT_GT(memory_baseline_bytes(), 0);
}

#if defined(TINYTORCH_ASAN)
TEST(StorageDeathTest, AddressSanitizerFindsUseAfterFreeAndOverflow) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  for (size_t bytes : {1000, 1 << 20}) {
    EXPECT_DEATH(
        {
          volatile char* data = nullptr;
          {
            const Storage s = Storage::allocate(bytes);
            data = static_cast<char*>(s.data());
          }
          data[0] = 1;
        },
        "use-after-poison");
    EXPECT_DEATH(
        {
          const Storage s = Storage::allocate(bytes);
          static_cast<volatile char*>(s.data())[bytes] = 1;
        },
        "use-after-poison");
  }
}
#endif

}  // namespace
}  // namespace tinytorch
