#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "tinytorch/core/memory_stats.h"

namespace tinytorch {

// A piece of memory and who holds it. The header lies apart from the payload: a payload of a power
// of two stays in its size class and starts on a cache line. A block from the allocator keeps its
// payload while it is free, so that reuse costs a few instructions.
struct Block {
  std::atomic<int64_t> references;  // Storages that hold it
  std::atomic<uint32_t> version;    // in-place changes so far
  int32_t size_class;
  void* data;                   // 64-byte aligned unless adopted
  size_t bytes;                 // asked for
  size_t capacity;              // of the payload
  Block* next;                  // in a list of free blocks
  void (*drop)(void* context);  // adopted memory: called at the end; else nullptr
  void* context;  // what drop gets; of the allocator's blocks not null once they are exposed
};

// The tasks of storage.cpp.
Block* allocate_block(size_t bytes);     // held once, version 0, contents undefined
void retain(Block* block);               // one more holder
void release(Block* block);              // one less; the last one makes the block free
Block* take_free_block(int size_class);  // of this thread, or nullptr
bool keep_free_block(Block* block);      // false when this thread has enough of its class

// Counted handle on a block. Copying shares; the last handle frees. Handles of one block may live
// on several threads; a single handle belongs to one thread at a time.
class Storage {
 public:
  Storage() = default;
  // Memory for `bytes` (0 allowed), 64-byte aligned, contents undefined. Throws Error when none.
  static Storage allocate(size_t bytes) { return Storage(allocate_block(bytes)); }
  // Memory of someone else; drop(context) is called when the last handle is gone (may be nullptr).
  static Storage adopt(void* data, size_t bytes, void (*drop)(void* context), void* context);

  Storage(const Storage& other) : block_(other.block_) {
    if (block_) retain(block_);
  }
  Storage(Storage&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
  Storage& operator=(Storage other) noexcept {
    std::swap(block_, other.block_);
    return *this;
  }
  ~Storage() {
    if (block_) release(block_);
  }

  void* data() const { return block_ ? block_->data : nullptr; }
  size_t bytes() const { return block_ ? block_->bytes : 0; }
  int64_t use_count() const {
    return block_ ? block_->references.load(std::memory_order_acquire) : 0;
  }
  // Counts in-place changes of the contents, for autograd; 0 without a block.
  uint32_t version() const { return block_ ? block_->version.load(std::memory_order_relaxed) : 0; }
  void bump_version() const {
    if (block_) block_->version.store(version() + 1, std::memory_order_relaxed);
  }
  // Someone outside has the address and may write without counting a change: from expose() on, and
  // always for adopted memory that has an owner.
  void expose() const;
  bool exposed() const { return block_ && (block_->drop || block_->context); }
  explicit operator bool() const { return block_ != nullptr; }
  friend bool operator==(const Storage& a, const Storage& b) { return a.block_ == b.block_; }

 private:
  explicit Storage(Block* block) : block_(block) {}
  Block* block_ = nullptr;
};

}  // namespace tinytorch
