#pragma once
// Under the storage: size classes, free blocks shared by all threads, memory from the system.
// Internal.
#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "tinytorch/core/poison.h"
#include "tinytorch/core/storage.h"

namespace tinytorch {

// Payload sizes: multiples of 64 bytes up to 1 KiB, then eight steps a doubling, so that at most
// 12.5 % of a large block is wasted. Small classes (up to 64 KiB) are kept per thread, larger ones
// by the shared pool.
constexpr int kSmallClasses = 64;
constexpr int kClasses = 320;  // up to 2^48 bytes, more than a process can address
constexpr size_t kSmallLimit = size_t{64} << 10;

// The class of the smallest size that holds `bytes`.
constexpr int class_that_holds(size_t bytes) {
  const size_t last = (bytes - (bytes != 0)) / 64;  // index of the last line of 64 bytes
  if (last < 16) return static_cast<int>(last);
  const int shift = std::bit_width(last) - 4;  // leaves four bits: 8 to 15
  return shift * 8 + static_cast<int>(last >> shift);
}

// The class that serves a request. Under AddressSanitizer closed bytes follow each payload, so that
// a write behind it is found.
constexpr int size_class_of(size_t bytes) {
  return class_that_holds(kPoisoning && bytes < SIZE_MAX - 64 ? bytes + 64 : bytes);
}

// The size of a class: the largest payload it holds.
constexpr size_t class_bytes(int size_class) {
  const size_t c = static_cast<size_t>(size_class);
  return c < 8 ? (c + 1) * 64 : (c % 8 + 9) * 64 << (c / 8 - 1);
}

// How many free blocks of a small class a thread keeps for itself: about 1 MiB.
constexpr int kept_per_thread(int size_class) {
  return static_cast<int>(std::min((size_t{1} << 20) / class_bytes(size_class), size_t{1024}));
}

// A block of this class or a little larger from the shared pool, with undefined contents; Error
// when there is no memory left. Takes a lock: the slow path.
Block* new_block(int size_class);
void return_block(Block* block);  // to the shared pool; drops adopted memory
// A block, held once, around memory of someone else. Its class is kAdopted.
Block* adopt_block(void* data, size_t bytes, void (*drop)(void* context), void* context);
constexpr int kAdopted = kClasses;
void release_unused_memory();  // of the shared pool, to the system

// Storage statistics of one thread since they were last added to those of the process. Allocating
// from the thread's own free blocks touches no shared line; every call of the shared pool adds up.
struct ThreadCount {
  int64_t live, highest, allocations;
  bool watched;  // the end of this thread will add them up, too
};
extern thread_local constinit ThreadCount t_count;
void add_up_thread_count();

// Between these two calls a block belongs to a Storage. They keep the statistics and, under
// AddressSanitizer, open exactly `bytes` of the payload for access. (Adopted blocks are not
// counted.)
inline void begin_use(Block* block, size_t bytes) {
  block->bytes = bytes;
  block->context = nullptr;
  unpoison(block->data, bytes);
  ++t_count.allocations;
  t_count.live += static_cast<int64_t>(bytes);
  if (t_count.live > t_count.highest) {
    t_count.highest = t_count.live;
    if (bytes > kSmallLimit) add_up_thread_count();
  }
}

inline void end_use(Block* block) {
  poison(block->data, block->capacity);
  t_count.live -= static_cast<int64_t>(block->bytes);
}

// What this thread does with memory while the log lives, for a plan that repeats the kernels that
// it calls (ops/plan.h): which blocks it takes and gives back, and whether anyone but kernels may
// have read or written them. The latter by one rule: an address that a tensor gives out must become
// an argument of a kernel.
class BlockLog {
 public:
  BlockLog();
  ~BlockLog();
  BlockLog(const BlockLog&) = delete;
  BlockLog& operator=(const BlockLog&) = delete;
  static constexpr size_t kNever = SIZE_MAX;
  struct Entry {
    const Block* block;
    const void* data;
    size_t bytes;         // once it is given back
    size_t taken, freed;  // how many kernels were called before; kNever
  };
  const std::vector<Entry>& entries() const { return entries_; }
  // Memory that keeps its contents when the work is repeated: constants, copies of weights.
  const std::vector<Storage>& pinned() const { return pinned_; }
  const std::vector<Storage>& copied() const { return copied_; }  // what those are copies of
  // Why the work cannot be repeated, or nullptr.
  const char* refusal();
  void refuse(const char* why) {
    if (!refusal_) refusal_ = why;
  }

  void taken(const Block* block);
  void given_back(const Block* block);
  void pin(const Storage& storage);
  void copy_made(const Storage& of) { copied_.push_back(of); }
  void address_given(const Storage& storage);
  void address_passed(const void* address);
  void kernel_called(std::span<const uint64_t> args);

 private:
  struct Debt {  // addresses in this memory that no kernel has got yet
    const void* data;
    size_t bytes;
    int64_t count;
  };
  std::vector<Entry> entries_;
  std::vector<Debt> debts_;
  std::vector<Storage> pinned_, copied_;
  std::vector<uint64_t> checksums_;  // of pinned_
  size_t calls_ = 0;
  const char* refusal_ = nullptr;
};
extern thread_local constinit BlockLog* t_block_log;  // nullptr: nothing is logged
// Nothing is logged until its end: what kernels do inside.
class UnloggedScope {
 public:
  UnloggedScope() : before_(t_block_log) { t_block_log = nullptr; }
  ~UnloggedScope() { t_block_log = before_; }
  UnloggedScope(const UnloggedScope&) = delete;
  UnloggedScope& operator=(const UnloggedScope&) = delete;

 private:
  BlockLog* before_;
};
// These tell the log of this thread, if there is one.
inline void pin(const Storage& storage) {
  if (t_block_log) [[unlikely]]
    t_block_log->pin(storage);
}
inline void address_given(const Storage& storage) {
  if (t_block_log) [[unlikely]]
    t_block_log->address_given(storage);
}
// An address that was not given out so will be in the next kernel's arguments.
inline void address_passed(const void* address) {
  if (t_block_log) [[unlikely]]
    t_block_log->address_passed(address);
}
inline void refuse_plan(const char* why) {
  if (t_block_log) [[unlikely]]
    t_block_log->refuse(why);
}
void keep_no_free_blocks();  // of this thread, until keep_free_blocks()
void keep_free_blocks();
// Where tensors lie, of all threads: the regions of the pool and what was adopted.
std::vector<std::span<const std::byte>> tensor_memory();

// Memory straight from the system: page-aligned and zeroed, on huge pages from 2 MiB on (where the
// system grants them). Counted in memory_stats(). nullptr when the system has no more.
void* try_system_allocate(size_t bytes);
void* system_allocate(size_t bytes);  // the same; throws Error
void system_release(void* data, size_t bytes);

// Scratch (core/parallel.h). The pool provides for its threads before they start, and each of them
// does first what would otherwise allocate in its first use of scratch, whenever that is.
void provide_scratch(int threads);
void prepare_scratch_of_thread();

constexpr size_t kHugePage = size_t{2} << 20;

void remember_memory_baseline();  // called before the first block of the process

}  // namespace tinytorch
