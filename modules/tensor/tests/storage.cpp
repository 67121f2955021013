// Tasks 1.1, 1.2 and 1.3: blocks, their holders, and what becomes of free ones.
//
// The tests hold blocks by pointer, without the handle that would free them at the end: a wrong
// count must fail a test, not the tests after it. What a failing test holds stays lost.
#include "tinytorch/core/storage.h"

#include <atomic>
#include <chrono>
#include <cstring>
#include <set>
#include <thread>

#include "modules/tensor/tests/invariants.h"
#include "tinytorch/core/memory.h"

namespace tinytorch::check {

namespace {

constexpr size_t kSizes[] = {0, 1, 63, 64, 65, 640, 641, 1000, 1025, 70'000, 3'000'000};

std::string text_of(size_t bytes) {
  return "allocate_block(" + std::to_string(bytes) + ")";
}

// Blocks of a class that nobody frees or takes by accident: all free ones of this thread are in the
// hands of the test.
class FreeBlocks {
 public:
  explicit FreeBlocks(int size_class) {
    for (int i = 0; i < 5000; ++i) {
      Block* block = take_free_block(size_class);
      if (!block) return;
      taken_.push_back(block);
    }
    holds(false, "take_free_block gave 5000 blocks of class " + std::to_string(size_class),
          invariant::kReuse, "a block is given out twice: what is taken must leave the stack");
  }
  // They come back only from a test that passed.
  void put_back() {
    for (Block* block : taken_) keep_free_block(block);
  }

 private:
  std::vector<Block*> taken_;
};

// A block of the class that no stack has seen yet.
Block* fresh_block(int size_class) {
  Block* block = new_block(size_class);
  block->next = nullptr;
  return block;
}

void on_another_thread(const std::function<void()>& fn) {
  Failure failure;
  std::exception_ptr other;
  std::thread thread([&] {
    try {
      fn();
    } catch (const Failure& f) {
      failure = f;
    } catch (...) {
      other = std::current_exception();
    }
  });
  thread.join();
  if (other) std::rethrow_exception(other);
  if (!failure.text.empty()) throw failure;
}

}  // namespace

TASK_TEST(allocate, a_block_of_the_asked_size) {
  for (const size_t bytes : kSizes) {
    Block* block = allocate_block(bytes);
    const std::string what = text_of(bytes);
    that(block != nullptr && block->data != nullptr, what + " gave no memory",
         "new_block gives a block when no free one is left");
    that(block->bytes == bytes, what + ": the block's bytes are " + std::to_string(block->bytes),
         block->bytes == block->capacity
             ? "begin_use takes the bytes that were asked for, not the block's capacity"
             : "begin_use records the bytes that were asked for");
    that(block->capacity >= bytes && block->size_class >= size_class_of(bytes),
         what + ": the block has room for " + std::to_string(block->capacity) + " bytes",
         "the size class is too small: size_class_of(bytes) is the smallest that holds them");
    that(reinterpret_cast<uintptr_t>(block->data) % 64 == 0, what + " is not 64-byte aligned");
    if (bytes > 0) std::memset(block->data, 7, bytes);
    release(block);
  }
}

TASK_TEST(allocate, is_held_once) {
  for (const size_t bytes : kSizes) {
    Block* block = allocate_block(bytes);
    const int64_t references = block->references;
    holds(references == 1,
          text_of(bytes) + ": references is " + std::to_string(references) + ", expected 1",
          invariant::kHolders,
          references == 0 ? "nobody holds the block: who asks for a block is its first holder"
                          : "a count was left over from the block's former life");
    release(block);
  }
}

TASK_TEST(allocate, a_reused_block_starts_anew) {
  Block* first = allocate_block(1000);
  first->version = 5;
  release(first);
  Block* second = allocate_block(999);
  that(second->version == 0,
       "a block that was changed 5 times, freed and allocated again has version " +
           std::to_string(second->version),
       "the version is of the block's former life: a new one begins at 0");
  holds(second->references == 1, "a block allocated again has references != 1", invariant::kHolders,
        "a count was left over from the block's former life");
  that(second->bytes == 999, "a block allocated again has the size of its former life",
       "begin_use records the bytes that were asked for");
  release(second);
}

TASK_TEST(allocate, takes_a_free_block_first) {
  for (const size_t bytes : {size_t{1}, size_t{500}, size_t{60'000}}) {
    Block* first = allocate_block(bytes);
    release(first);
    Block* second = allocate_block(bytes);
    holds(first == second,
          "a block of " + std::to_string(bytes) +
              " bytes was freed and asked for again: another block came",
          invariant::kReuse,
          "new_block is called without a look at the free blocks of this thread");
    release(second);
  }
}

TASK_TEST(allocate, two_blocks_share_no_byte) {
  std::vector<Block*> blocks;
  for (size_t i = 0; i < 40; ++i) blocks.push_back(allocate_block(100 + 7 * i));
  for (size_t i = 0; i < 40; ++i)
    std::memset(blocks[i]->data, static_cast<int>(i), blocks[i]->bytes);
  for (size_t i = 0; i < 40; ++i) {
    const auto* byte = static_cast<const unsigned char*>(blocks[i]->data);
    for (size_t k = 0; k < blocks[i]->bytes; ++k)
      holds(byte[k] == i,
            "block " + std::to_string(i) + " was overwritten at byte " + std::to_string(k) +
                " by another one",
            invariant::kHolders, "two requests got the same block");
  }
  for (Block* block : blocks) release(block);
}

TASK_TEST(allocate, is_counted) {
  for (const size_t bytes : {size_t{0}, size_t{100}, size_t{5'000'000}}) {
    const MemoryStats before = memory_stats();
    Block* block = allocate_block(bytes);
    const MemoryStats after = memory_stats();
    const std::string cause = "begin_use(block, bytes) keeps the statistics; call it once";
    that(after.live_bytes - before.live_bytes == static_cast<int64_t>(bytes),
         text_of(bytes) + " changed the live bytes by " +
             std::to_string(after.live_bytes - before.live_bytes),
         cause);
    that(after.allocations - before.allocations == 1,
         text_of(bytes) + " counts as " + std::to_string(after.allocations - before.allocations) +
             " allocations",
         cause);
    release(block);
  }
}

TASK_TEST(holders, are_counted) {
  Block* block = allocate_block(100);
  for (int64_t wanted = 2; wanted <= 5; ++wanted) {
    retain(block);
    const int64_t got = block->references;
    holds(got == wanted,
          "after retain: references is " + std::to_string(got) + ", expected " +
              std::to_string(wanted),
          invariant::kHolders,
          got < wanted ? "a holder is missing in the count: retain adds one"
                       : "retain counts a holder more than once");
  }
  for (int64_t wanted = 4; wanted >= 1; --wanted) {
    release(block);
    const int64_t got = block->references;
    holds(got == wanted,
          "after release: references is " + std::to_string(got) + ", expected " +
              std::to_string(wanted),
          invariant::kHolders,
          got > wanted ? "release takes its holder off the count"
                       : "release takes off more than one holder");
  }
  release(block);
}

TASK_TEST(holders, the_last_one_frees) {
  for (const size_t bytes : {size_t{200}, size_t{300'000}}) {
    Block* block = allocate_block(bytes);
    const int64_t with = memory_stats().live_bytes;
    retain(block);
    retain(block);
    release(block);
    release(block);
    holds(memory_stats().live_bytes == with,
          "a block with one holder left was freed: live bytes fell by " +
              std::to_string(with - memory_stats().live_bytes),
          invariant::kHolders, "the block is freed while it is still held");
    release(block);
    const int64_t freed = with - memory_stats().live_bytes;
    holds(freed == static_cast<int64_t>(bytes),
          "the last holder let go of " + std::to_string(bytes) + " bytes: live bytes fell by " +
              std::to_string(freed),
          invariant::kHolders,
          freed == 0 ? "a leak: nobody ends the use of the block (end_use)"
                     : "the use of the block is ended more than once");
  }
}

TASK_TEST(holders, a_freed_small_block_stays_with_its_thread) {
  for (const size_t bytes : {size_t{0}, size_t{700}, size_t{50'000}}) {
    Block* block = allocate_block(bytes);
    const int size_class = block->size_class;
    release(block);
    Block* taken = take_free_block(size_class);
    holds(taken == block,
          "a freed block of " + std::to_string(bytes) +
              " bytes is not the next one of its class on this thread",
          invariant::kReuse,
          "the freed block went elsewhere: keep_free_block is asked first, return_block only "
          "when it says no");
    keep_free_block(taken);
  }
}

TASK_TEST(holders, a_freed_large_block_returns_to_the_pool) {
  const int64_t before = memory_stats().reserved_bytes;
  for (int i = 0; i < 100; ++i) release(allocate_block(size_t{8} << 20));
  const int64_t grown = memory_stats().reserved_bytes - before;
  holds(grown < int64_t{200} << 20,
        "8 MiB were allocated and freed 100 times: the process now holds " +
            std::to_string(grown >> 20) + " MiB more",
        invariant::kReuse,
        "large blocks are lost: when keep_free_block says no, return_block takes the block");
}

// The count stays far from 1 here, so that a lost update is a wrong number and nothing worse. The
// threads go on until they have met at the count often enough that an update would have been lost:
// on a busy machine they may otherwise run one after the other.
TASK_TEST(holders, on_several_threads) {
  constexpr int kThreads = 4, kMeetings = 2000;
  constexpr int64_t kFar = 1'000'000'000;
  Block* block = allocate_block(100);
  struct Result {
    int64_t calls, change;
  };
  const auto all_at_once = [&](void (*fn)(Block*), int step) {
    block->references = kFar;
    std::atomic<int> meetings{0};
    std::atomic<int64_t> calls{0};
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(500);
    const auto run = [&] {
      int64_t mine = 0;
      for (; meetings < kMeetings; ++mine) {
        if (mine % 1024 == 0 && std::chrono::steady_clock::now() > end) break;
        const int64_t before = block->references;
        fn(block);
        if (block->references != before + step) ++meetings;
      }
      calls += mine;
    };
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) threads.emplace_back(run);
    for (std::thread& thread : threads) thread.join();
    return Result{calls, block->references - kFar};
  };
  const std::string threads = " on " + std::to_string(kThreads) + " threads: the count ";
  Result result = all_at_once(retain, 1);
  holds(result.change == result.calls,
        std::to_string(result.calls) + " retains" + threads + "rose by " +
            std::to_string(result.change),
        invariant::kHolders,
        "retain loses updates: two threads read the same count; one atomic operation must read and "
        "write it");
  result = all_at_once(release, -1);
  holds(result.change == -result.calls,
        std::to_string(result.calls) + " releases" + threads + "fell by " +
            std::to_string(-result.change),
        invariant::kHolders,
        "release loses updates: two threads read the same count; one atomic operation must read "
        "and write it");
  block->references = 1;
  release(block);
}

TASK_TEST(holders, adopted_memory_is_dropped_once) {
  static int dropped;
  dropped = 0;
  std::vector<char> memory(100);
  Block* block = adopt_block(memory.data(), memory.size(), [](void*) { ++dropped; }, nullptr);
  retain(block);
  release(block);
  holds(dropped == 0, "adopted memory was dropped while it was held", invariant::kHolders,
        "the block is freed while it is still held");
  release(block);
  holds(dropped == 1,
        "adopted memory was dropped " + std::to_string(dropped) + " times, expected once",
        invariant::kHolders, "a leak: what keep_free_block does not keep must go to return_block");
}

TASK_TEST(reuse, the_last_freed_comes_first) {
  FreeBlocks before(5);
  Block* block[3];
  for (Block*& b : block) b = fresh_block(5);
  for (Block* b : block)
    holds(keep_free_block(b), "keep_free_block(block) refused a small block", invariant::kReuse,
          "nothing is kept: a thread keeps kept_per_thread(class) blocks of a small class");
  for (int i = 2; i >= 0; --i) {
    Block* taken = take_free_block(5);
    holds(taken == block[i],
          "three blocks were kept; taking number " + std::to_string(3 - i) +
              (taken ? " gave another block" : " gave none"),
          invariant::kReuse,
          !taken              ? "blocks are lost: each kept block links to the one below (next)"
          : taken == block[0] ? "the first one kept comes first: the last one is still in the "
                                "cache, so it must come first"
                              : "a block is given out twice: what is taken must leave the stack");
  }
  holds(take_free_block(5) == nullptr, "three blocks were kept, a fourth one came",
        invariant::kReuse, "a block is given out twice: what is taken must leave the stack");
  for (Block* b : block) return_block(b);
  before.put_back();
}

TASK_TEST(reuse, classes_stay_apart) {
  FreeBlocks of_3(3), of_9(9);
  Block* small = fresh_block(3);
  Block* larger = fresh_block(9);
  that(keep_free_block(small) && keep_free_block(larger), "keep_free_block refused a small block");
  Block* taken = take_free_block(3);
  holds(taken == small, "a block of class 3 was asked for; one of another class came",
        invariant::kReuse, "each size class has a stack of its own");
  that(take_free_block(9) == larger, "the block of class 9 is not in its class's stack",
       "each size class has a stack of its own");
  return_block(small);
  return_block(larger);
  of_3.put_back();
  of_9.put_back();
}

TASK_TEST(reuse, large_blocks_are_not_kept) {
  for (const int size_class : {kSmallClasses, kSmallClasses + 20, kAdopted}) {
    that(take_free_block(size_class) == nullptr, "take_free_block gave a block of a large class",
         "classes from kSmallClasses on have no stack here");
    Block block = {};
    block.size_class = size_class;
    that(!keep_free_block(&block), "keep_free_block kept a block of a large class",
         "classes from kSmallClasses on have no stack here");
  }
}

TASK_TEST(reuse, no_more_than_its_room) {
  constexpr int kClass = kSmallClasses - 1;  // 16 of them may stay
  const int room = kept_per_thread(kClass);
  FreeBlocks before(kClass);
  for (int round = 0; round < 3; ++round) {
    std::vector<Block*> blocks;
    for (int i = 0; i < room + 4; ++i) blocks.push_back(fresh_block(kClass));
    int kept = 0;
    std::vector<Block*> refused;
    for (Block* b : blocks)
      if (keep_free_block(b))
        ++kept;
      else
        refused.push_back(b);
    holds(kept == room,
          "a thread keeps " + std::to_string(room) + " blocks of this class; in round " +
              std::to_string(round + 1) + " it kept " + std::to_string(kept) + " of " +
              std::to_string(room + 4),
          invariant::kReuse,
          kept > room  ? "the room is never used up: a thread that only frees would collect "
                         "blocks without end"
          : round == 0 ? "nothing is kept: make_room gives an empty stack its room"
                       : "taking a block does not give its room back");
    std::set<Block*> taken;
    for (int i = 0; i < room; ++i) taken.insert(take_free_block(kClass));
    holds(static_cast<int>(taken.size()) == room && !taken.contains(nullptr),
          std::to_string(room) + " blocks were kept, fewer came back", invariant::kReuse,
          "blocks are lost: each kept block links to the one below (next)");
    for (Block* b : taken) return_block(b);
    for (Block* b : refused) return_block(b);
  }
  before.put_back();
}

TASK_TEST(reuse, each_thread_has_its_own) {
  FreeBlocks before(7);
  Block* mine = fresh_block(7);
  const std::string no_room =
      "a thread has no room until make_room gives it, once; then the block is kept";
  that(keep_free_block(mine), "the first block that a thread frees was refused", no_room);
  on_another_thread([&] {
    that(take_free_block(7) == nullptr, "a thread took the free block of another one",
         "the stacks are of one thread (t_free): no lock is needed");
    Block* theirs = fresh_block(7);
    holds(keep_free_block(theirs), "the first block that a new thread frees was refused",
          invariant::kReuse, no_room);
    that(take_free_block(7) == theirs, "a new thread does not get its own free block back");
    return_block(theirs);
  });
  that(take_free_block(7) == mine, "the block that this thread kept is gone");
  return_block(mine);
  before.put_back();
}

TASK_TEST(reuse, a_loop_asks_the_system_for_nothing) {
  const auto step = [] {
    std::vector<Storage> live;
    for (size_t bytes : {4, 100, 100, 3000, 40'000}) live.push_back(Storage::allocate(bytes));
  };
  step();
  const int64_t before = memory_stats().system_allocations;
  for (int i = 0; i < 20'000; ++i) step();
  const int64_t asked = memory_stats().system_allocations - before;
  holds(asked == 0,
        "a step was repeated 20000 times: the system was asked " + std::to_string(asked) +
            " times for memory",
        invariant::kReuse, "freed blocks are lost on the way to the next step");
}

}  // namespace tinytorch::check
