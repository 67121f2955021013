// Memory of tensors: blocks that are counted, and kept for reuse when they are free.
//
// Asking the system for memory is slow: each new page costs a fault (0.4 us a KB). So a freed block
// is kept, and the next request of the same size class takes it again: a training loop asks the
// system for nothing after its first steps. Small blocks are kept by the thread that freed them,
// without locks; large ones by the shared pool (block_pool.cpp).
#include "tinytorch/core/storage.h"

#include "tinytorch/core/memory.h"

namespace tinytorch {

// tito:begin 1.0
// tito:end 1.0

namespace {

// The free small blocks of one thread: a stack for each size class, linked by Block::next. Trivial,
// so that it costs no check to reach and still works while static objects are destroyed.
struct FreeStack {
  Block* top;
  int room;  // how many more it may take
};
struct FreeBlocks {
  FreeStack of_class[kSmallClasses];
  bool watched;  // the end of this thread will return them, or has done so
};
thread_local constinit FreeBlocks t_free = {};

void return_free_blocks() {
  for (FreeStack& stack : t_free.of_class)
    while (Block* block = stack.top) {
      stack.top = block->next;
      ++stack.room;
      return_block(block);
    }
}

struct AtThreadEnd {
  ~AtThreadEnd() {
    return_free_blocks();
    for (FreeStack& stack : t_free.of_class) stack.room = 0;
  }
};

// Gives the stacks their room when this thread needs them first. False when there is none left.
[[gnu::cold, gnu::noinline]] bool make_room() {
  if (t_free.watched) return false;
  static thread_local AtThreadEnd at_end;
  static_cast<void>(at_end);
  t_free.watched = true;
  keep_free_blocks();
  return true;
}

}  // namespace

void keep_free_blocks() {
  for (int c = 0; c < kSmallClasses; ++c) t_free.of_class[c].room = kept_per_thread(c);
}

void keep_no_free_blocks() {
  make_room();  // the end of this thread is watched from now on
  return_free_blocks();
  for (FreeStack& stack : t_free.of_class) stack.room = 0;
}

// A block of at least `bytes`, held once. Every field that a former life left behind is set again.
Block* allocate_block(size_t bytes) {
  // tito:begin 1.1
  const int size_class = size_class_of(bytes);
  Block* block = take_free_block(size_class);
  if (!block) block = new_block(size_class);
  block->references.store(1, std::memory_order_relaxed);
  block->version.store(0, std::memory_order_relaxed);
  begin_use(block, bytes);
  return block;
  // tito:end 1.1
}

// No order is needed: the caller holds the block already, so it cannot vanish meanwhile.
void retain(Block* block) {
  // tito:begin 1.2a
  block->references.fetch_add(1, std::memory_order_relaxed);
  // tito:end 1.2a
}

// The last holder must see all that the others wrote before they let go (acquire), and they must
// have finished writing (release). A holder that reads 1 is alone and needs no atomic subtraction.
void release(Block* block) {
  // tito:begin 1.2b
  if (block->references.load(std::memory_order_acquire) != 1 &&
      block->references.fetch_sub(1, std::memory_order_acq_rel) != 1)
    return;
  end_use(block);
  if (!keep_free_block(block)) return_block(block);
  // tito:end 1.2b
}

// Pops the stack of this class. Large classes have none: the shared pool keeps them.
Block* take_free_block(int size_class) {
  // tito:begin 1.3a
  if (size_class >= kSmallClasses) return nullptr;
  FreeStack& stack = t_free.of_class[size_class];
  Block* block = stack.top;
  if (block) {
    stack.top = block->next;
    ++stack.room;
  }
  return block;
  // tito:end 1.3a
}

// Pushes a free block, so that the next request of its class on this thread takes it while it is
// still in the cache. It does not matter which thread allocated it. Too many are not kept: a thread
// that only frees what others allocate would collect them without end.
bool keep_free_block(Block* block) {
  // tito:begin 1.3b
  const int size_class = block->size_class;
  if (size_class >= kSmallClasses) return false;
  FreeStack& stack = t_free.of_class[size_class];
  if (stack.room == 0) return make_room() && keep_free_block(block);
  block->next = stack.top;
  stack.top = block;
  --stack.room;
  return true;
  // tito:end 1.3b
}

Storage Storage::adopt(void* data, size_t bytes, void (*drop)(void* context), void* context) {
  return Storage(adopt_block(data, bytes, drop, context));
}

void Storage::expose() const {
  refuse_plan("the address of a tensor's memory is given away");
  if (block_ && !block_->drop) block_->context = block_;
}

void empty_cache() {
  return_free_blocks();
  release_unused_memory();
}

}  // namespace tinytorch
