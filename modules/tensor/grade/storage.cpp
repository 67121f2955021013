#include "tinytorch/core/storage.h"

#include <signal.h>
#include <sys/time.h>
#include <time.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <thread>

#include "modules/harness/exercise.h"
#include "tinytorch/core/memory.h"

namespace tinytorch::exercise {

namespace {

// A block by what its holder can see.
void show(const Block* block, size_t asked, Output& out) {
  out.value(static_cast<double>(block->references.load()));
  out.value(block->version);
  out.value(static_cast<double>(block->bytes));
  out.value(block->capacity >= asked && block->size_class >= size_class_of(asked));
  out.value(reinterpret_cast<uintptr_t>(block->data) % 64 == 0);
}

double live() {
  return static_cast<double>(memory_stats().live_bytes);
}

volatile sig_atomic_t naps = 0;

int count_of(int size_class) {  // free blocks of this thread; they are gone then
  int count = 0;
  while (count < 5000 && take_free_block(size_class)) ++count;
  return count;
}

// Frees a block and says whether this thread keeps it.
bool stays(Block* block) {
  const int size_class = block->size_class;
  count_of(size_class);
  release(block);
  return take_free_block(size_class) == block;
}

}  // namespace

EXERCISE(allocate_and_reuse, "1.1") {
  const double before = live();
  const int64_t allocations = memory_stats().allocations;
  for (int i = 0; i < 20; ++i) {
    const int64_t line = in.integer(0, in.flag() ? 20 : 3000);
    const auto bytes = static_cast<size_t>(std::max<int64_t>(64 * line + in.integer(-1, 1), 0));
    Block* first = allocate_block(bytes);
    show(first, bytes, out);
    std::memset(first->data, 1, bytes);
    first->version = static_cast<uint32_t>(in.integer(0, 9));
    release(first);
    Block* second = allocate_block(bytes);
    out.value(second == first || second->size_class >= kSmallClasses);
    show(second, bytes, out);
    out.value(live() - before);
    release(second);
  }
  out.value(live() - before);
  out.value(static_cast<double>(memory_stats().allocations - allocations));
}

EXERCISE(holders_come_and_go, "1.2") {
  for (int i = 0; i < 10; ++i) {
    const auto bytes = static_cast<size_t>(in.integer(0, in.flag() ? 2000 : 300'000));
    Block* block = allocate_block(bytes);
    const double with = live();
    int64_t holders = 1;
    while (holders > 0) {
      if (holders < 6 && in.flag()) {
        retain(block);
        ++holders;
      } else {
        release(block);
        --holders;
      }
      if (holders > 0) out.value(static_cast<double>(block->references.load()));
      out.value(with - live());
    }
  }
}

EXERCISE(a_freed_block_stays, "1.2") {
  for (int i = 0; i < 5; ++i)
    out.value(stays(allocate_block(static_cast<size_t>(in.integer(0, 300'000)))));
}

// An alarm stops this thread anywhere, between a load and its store too, while the other goes on.
EXERCISE(holders_on_two_threads, "1.2") {
  constexpr int64_t kMany = int64_t{1} << 40;
  Block* block = allocate_block(static_cast<size_t>(in.integer(1, 2000)));
  struct sigaction nap = {}, before = {};
  nap.sa_handler = [](int) {
    naps = naps + 1;
    const timespec time = {0, 100'000};
    nanosleep(&time, nullptr);
  };
  nap.sa_flags = SA_RESTART;
  sigaction(SIGALRM, &nap, &before);
  const itimerval often = {{0, 300}, {0, 300}}, never = {};
  for (const auto fn : {retain, release}) {
    block->references = kMany;
    std::atomic<bool> begun{false}, done{false};
    int64_t here = 0, there = 0;
    std::thread other([&] {
      for (begun = true; !done; ++there) fn(block);
    });
    while (!begun) std::this_thread::yield();
    naps = 0;
    setitimer(ITIMER_REAL, &often, nullptr);
    for (; naps < 5; ++here) fn(block);
    setitimer(ITIMER_REAL, &never, nullptr);
    done = true;
    other.join();
    out.value(static_cast<double>(std::abs(block->references.load() - kMany) - here - there));
  }
  sigaction(SIGALRM, &before, nullptr);
  block->references = 1;
  release(block);
}

EXERCISE(adopted_memory, "1.2") {
  static int dropped;
  dropped = 0;
  char memory[16];
  Block* block = adopt_block(memory, sizeof memory, [](void*) { ++dropped; }, nullptr);
  const auto more = in.integer(0, 5);
  for (int64_t i = 0; i < more; ++i) retain(block);
  for (int64_t i = 0; i < more; ++i) release(block);
  out.value(dropped);
  release(block);
  out.value(dropped);
}

EXERCISE(stacks_of_free_blocks, "1.3") {
  const int classes[] = {static_cast<int>(in.integer(0, 20)), static_cast<int>(in.integer(21, 50)),
                         kSmallClasses - 1};
  std::vector<Block*> all;
  for (const int c : classes) {
    count_of(c);
    out.value(count_of(c));
    const auto made = in.integer(1, c == kSmallClasses - 1 ? 90 : 30);
    for (int64_t i = 0; i < made; ++i) {
      all.push_back(new_block(c));
      all.back()->next = nullptr;
      out.value(keep_free_block(all.back()));
    }
  }
  for (int i = 0; i < 60; ++i) {
    const int c = classes[in.integer(0, 2)];
    Block* block = take_free_block(c);
    double position = -1;
    for (size_t k = 0; k < all.size(); ++k)
      if (all[k] == block) position = static_cast<double>(k);
    out.value(position);
    if (block && in.flag()) out.value(keep_free_block(block));
  }
  Block large = {};
  for (const int c : {kSmallClasses + static_cast<int>(in.integer(0, 100)), kAdopted, 1 << 28}) {
    large.size_class = c;
    out.value(keep_free_block(&large));
    out.value(take_free_block(c) == nullptr);
  }
}

EXERCISE(a_thread_of_its_own, "1.3") {
  const auto bytes = static_cast<size_t>(in.integer(1, 60'000));
  std::vector<double> seen;
  std::thread([&] {
    const int size_class = size_class_of(bytes);
    seen.push_back(take_free_block(size_class) == nullptr);
    Block* block = new_block(size_class);
    seen.push_back(keep_free_block(block));
    seen.push_back(take_free_block(size_class) == block);
  }).join();
  out.all(seen);
}

}  // namespace tinytorch::exercise
