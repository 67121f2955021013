// The shared pool: free blocks of all threads, cut from large regions of system memory.
//
// A region is a row of blocks without gaps, each knowing its neighbours. A freed block stays whole
// in the list of its size class: the next request of that class takes the one freed last, which is
// likely still in the cache, and a loop that repeats its requests is served without any searching.
// Only when a class has run out are free neighbours merged, and a larger block is split. Small
// blocks are cut from slabs and keep their class for good.
#include <pthread.h>

#include <algorithm>
#include <mutex>
#include <new>

#include "tinytorch/core/buffer.h"
#include "tinytorch/core/format.h"
#include "tinytorch/core/memory.h"

namespace tinytorch {

namespace {

constexpr size_t kSlab = size_t{1} << 20;       // small blocks are cut from these
constexpr size_t kLeastRest = size_t{8} << 10;  // a smaller rest is not split off
// Regions grow with the pool. They are generous, so that a loop with fragments finds room in what
// the first steps took, also when one came out just large enough (kLeastSpare); pages that nothing
// was ever written to are not resident and cost nothing.
constexpr size_t kLeastRegion = size_t{32} << 20;
constexpr size_t kMostRegion = size_t{512} << 20;
constexpr size_t kLeastSpare = 4;  // a quarter of the pool's bytes is free at any time

constexpr size_t kBytesPerHeader = size_t{32} << 10;

// 128 bytes; what allocating touches is on the first line.
struct alignas(64) PoolBlock : Block {
  PoolBlock *left, *right;               // neighbours in the region, by address
  PoolBlock *list_next, *list_previous;  // in the free list of a large class
  PoolBlock* next_region;                // of a region's first block
  size_t region;                         // likewise: the region's bytes
  size_t serves;                         // the bytes that it was taken for, while it is used
  bool free;
};

char* begin_of(const PoolBlock* block) {
  return static_cast<char*>(block->data);
}

// The largest class that a payload of this capacity can serve.
int list_for(size_t capacity) {
  const int size_class = class_that_holds(capacity);
  return class_bytes(size_class) == capacity ? size_class : std::max(0, size_class - 1);
}

// All members are trivial or constant-initialised and never destroyed: storage may be allocated
// and released before main() and while static objects are destroyed.
class BlockPool {
 public:
  PoolBlock* take(int size_class);
  void give_back(PoolBlock* block);
  PoolBlock* take_header();
  void give_back_header(PoolBlock* block);
  void release_unused();
  void link_adopted(PoolBlock* block);
  void unlink_adopted(PoolBlock* block);
  std::vector<std::span<const std::byte>> tensor_memory() const;
  std::mutex mutex;  // held around every call

 private:
  PoolBlock* take_small(int size_class);
  PoolBlock* take_large(size_t bytes);
  PoolBlock* find(int size_class);
  void split(PoolBlock* block, size_t bytes);
  bool add_region(size_t bytes);
  bool add_headers(size_t count);
  void merge_neighbours();
  void cut_rest_of_slab();
  void push(PoolBlock* block);
  void remove(PoolBlock* block);
  PoolBlock* new_block_at(char* data, size_t capacity);

  Block* small_[kSmallClasses] = {};         // stacks of free small blocks
  PoolBlock* lists_[kClasses] = {};          // free large blocks, by the class they can serve
  uint64_t listed_[kClasses / 64 + 1] = {};  // bit c: lists_[c] is not empty
  PoolBlock* regions_ = nullptr;             // first block of each region, linked by next_region
  PoolBlock* adopted_ = nullptr;             // linked by list_next
  PoolBlock* headers_ = nullptr;             // unused headers, linked by list_next
  char* slab_ = nullptr;                     // the uncut part of the newest slab
  size_t slab_left_ = 0;
  size_t region_bytes_ = 0;  // in all regions
  // Bytes that large blocks were taken for. Not their capacities, which depend on how the pieces
  // happen to lie: a loop that repeats its requests comes to the same sum each time.
  size_t used_bytes_ = 0;
  bool freed_since_merge_ = false;
};

bool BlockPool::add_headers(size_t count) {
  auto* batch = static_cast<PoolBlock*>(try_system_allocate(count * sizeof(PoolBlock)));
  if (!batch) return false;
  for (size_t i = 0; i < count; ++i) give_back_header(new (batch + i) PoolBlock{});
  return true;
}

PoolBlock* BlockPool::take_header() {
  if (!headers_ && !add_headers(1024))
    raise<Error>("out of memory: the system has none for the blocks' own headers.");
  PoolBlock* block = headers_;
  headers_ = block->list_next;
  return block;
}

void BlockPool::give_back_header(PoolBlock* block) {
  block->list_next = headers_;
  headers_ = block;
}

PoolBlock* BlockPool::new_block_at(char* data, size_t capacity) {
  PoolBlock* block = take_header();
  block->data = data;
  block->capacity = capacity;
  block->size_class = list_for(capacity);
  block->drop = nullptr;
  block->left = block->right = nullptr;
  block->free = false;
  poison(data, capacity);
  return block;
}

void BlockPool::push(PoolBlock* block) {
  const int list = list_for(block->capacity);
  block->free = true;
  block->list_previous = nullptr;
  block->list_next = lists_[list];
  if (block->list_next) block->list_next->list_previous = block;
  lists_[list] = block;
  listed_[list / 64] |= uint64_t{1} << list % 64;
}

void BlockPool::remove(PoolBlock* block) {
  const int list = list_for(block->capacity);
  (block->list_previous ? block->list_previous->list_next : lists_[list]) = block->list_next;
  if (block->list_next) block->list_next->list_previous = block->list_previous;
  if (!lists_[list]) listed_[list / 64] &= ~(uint64_t{1} << list % 64);
  block->free = false;
}

// A free block of the smallest class that serves, or nullptr.
PoolBlock* BlockPool::find(int size_class) {
  uint64_t mask = ~uint64_t{0} << size_class % 64;
  for (int word = size_class / 64; word <= kClasses / 64; ++word, mask = ~uint64_t{0})
    if (const uint64_t bits = listed_[word] & mask)
      return lists_[word * 64 + std::countr_zero(bits)];
  return nullptr;
}

// Cuts the block to `bytes` and files the rest, if there is enough of it. Does not throw, for the
// block is in no list: without a header for the rest it stays whole.
void BlockPool::split(PoolBlock* block, size_t bytes) {
  const size_t rest = block->capacity - bytes;
  if (rest < std::max(kLeastRest, bytes / 16)) return;
  if (!headers_ && !add_headers(1024)) return;
  PoolBlock* right = new_block_at(begin_of(block) + bytes, rest);
  right->left = block;
  right->right = block->right;
  if (right->right) right->right->left = right;
  block->right = right;
  block->capacity = bytes;
  block->size_class = list_for(bytes);
  push(right);
}

// Makes one block of each row of free neighbours.
void BlockPool::merge_neighbours() {
  freed_since_merge_ = false;
  for (PoolBlock* first = regions_; first; first = first->next_region)
    for (PoolBlock* block = first; block; block = block->right) {
      if (!block->free || !block->right || !block->right->free) continue;
      remove(block);
      while (PoolBlock* gone = block->right) {
        if (!gone->free) break;
        remove(gone);
        block->capacity += gone->capacity;
        block->right = gone->right;
        if (block->right) block->right->left = block;
        give_back_header(gone);
      }
      block->size_class = list_for(block->capacity);
      push(block);
    }
}

// False when the system has no more; does not throw.
bool BlockPool::add_region(size_t bytes) {
  const size_t wanted = std::max(bytes, std::clamp(region_bytes_ / 2, kLeastRegion, kMostRegion));
  const size_t size = (wanted + kHugePage - 1) / kHugePage * kHugePage;
  void* data = try_system_allocate(size);
  if (!data) return false;
  if (!add_headers(size / kBytesPerHeader)) {  // now, so that later splits need not ask the system
    system_release(data, size);
    return false;
  }
  PoolBlock* block = new_block_at(static_cast<char*>(data), size);
  block->next_region = regions_;
  block->region = size;
  regions_ = block;
  region_bytes_ += size;
  push(block);
  return true;
}

PoolBlock* BlockPool::take_large(size_t bytes) {
  const int size_class = class_that_holds(bytes);
  PoolBlock* block = lists_[size_class];
  if (!block) {
    // Walks over all blocks, 0.1 us in practice: what is left in fragments costs more.
    if (freed_since_merge_) merge_neighbours();
    block = find(size_class);
  }
  if (!block && add_region(bytes)) block = find(size_class);
  if (!block) {
    release_unused();  // regions of the wrong size make room
    if (add_region(bytes)) block = find(size_class);
  }
  if (!block) return nullptr;
  remove(block);
  split(block, bytes);
  block->serves = bytes;
  used_bytes_ += bytes;
  if (region_bytes_ - used_bytes_ < region_bytes_ / kLeastSpare) add_region(0);
  return block;
}

// The rest of a slab becomes small blocks, so that nothing of it is lost.
void BlockPool::cut_rest_of_slab() {
  while (slab_left_ >= 64) {
    const int size_class = std::min(list_for(slab_left_), kSmallClasses - 1);
    PoolBlock* block = new_block_at(slab_, class_bytes(size_class));
    slab_ += block->capacity;
    slab_left_ -= block->capacity;
    give_back(block);
  }
}

PoolBlock* BlockPool::take_small(int size_class) {
  if (Block* block = small_[size_class]) {
    small_[size_class] = block->next;
    return static_cast<PoolBlock*>(block);
  }
  const size_t bytes = class_bytes(size_class);
  if (slab_left_ < bytes) {
    cut_rest_of_slab();  // first, for it may throw: nothing is taken yet
    PoolBlock* slab = take_large(kSlab);
    if (!slab) return nullptr;
    slab_ = begin_of(slab);
    slab_left_ = slab->capacity;
  }
  PoolBlock* block = new_block_at(slab_, bytes);
  slab_ += bytes;
  slab_left_ -= bytes;
  return block;
}

PoolBlock* BlockPool::take(int size_class) {
  return size_class < kSmallClasses ? take_small(size_class) : take_large(class_bytes(size_class));
}

void BlockPool::give_back(PoolBlock* block) {
  if (block->size_class < kSmallClasses) {
    block->next = small_[block->size_class];
    small_[block->size_class] = block;
  } else {
    freed_since_merge_ = true;
    used_bytes_ -= block->serves;
    push(block);
  }
}

void BlockPool::release_unused() {
  merge_neighbours();
  PoolBlock* kept = nullptr;
  while (PoolBlock* first = regions_) {
    regions_ = first->next_region;
    if (first->free && !first->right) {
      remove(first);
      unpoison(first->data, first->capacity);
      region_bytes_ -= first->capacity;
      system_release(first->data, first->capacity);
      give_back_header(first);
    } else {
      first->next_region = kept;
      kept = first;
    }
  }
  regions_ = kept;
}

void BlockPool::link_adopted(PoolBlock* block) {
  block->list_previous = nullptr;
  block->list_next = adopted_;
  if (adopted_) adopted_->list_previous = block;
  adopted_ = block;
}

void BlockPool::unlink_adopted(PoolBlock* block) {
  (block->list_previous ? block->list_previous->list_next : adopted_) = block->list_next;
  if (block->list_next) block->list_next->list_previous = block->list_previous;
}

std::vector<std::span<const std::byte>> BlockPool::tensor_memory() const {
  std::vector<std::span<const std::byte>> found;
  const auto add = [&](const void* data, size_t bytes) {
    found.emplace_back(static_cast<const std::byte*>(data), bytes);
  };
  for (const PoolBlock* first = regions_; first; first = first->next_region)
    add(first->data, first->region);
  for (const PoolBlock* block = adopted_; block; block = block->list_next)
    add(block->data, block->bytes);
  return found;
}

constinit BlockPool g_pool;

// A child of fork() must not inherit a lock that another thread held.
void hold_across_fork() {
  static const int registered = pthread_atfork(
      [] { g_pool.mutex.lock(); }, [] { g_pool.mutex.unlock(); }, [] { g_pool.mutex.unlock(); });
  static_cast<void>(registered);
}

}  // namespace

Block* new_block(int size_class) {
  hold_across_fork();
  remember_memory_baseline();
  add_up_thread_count();
  Block* block = nullptr;
  if (size_class < kClasses) {
    const std::lock_guard<std::mutex> lock(g_pool.mutex);
    block = g_pool.take(size_class);
  }
  if (!block)
    raise<MemoryError>(
        "out of memory: the system has no {} bytes more for a tensor ({} are live). "
        "Hint: use a smaller batch or model.",
        size_class < kClasses ? class_bytes(size_class) : SIZE_MAX, memory_stats().live_bytes);
  if (t_block_log) t_block_log->taken(block);
  return block;
}

void return_block(Block* block) {
  if (t_block_log) t_block_log->given_back(block);
  auto* mine = static_cast<PoolBlock*>(block);
  if (block->size_class == kAdopted) {
    t_count.live += static_cast<int64_t>(block->bytes);  // end_use took off what was never added
    if (block->drop) block->drop(block->context);
    const std::lock_guard<std::mutex> lock(g_pool.mutex);
    g_pool.unlink_adopted(mine);
    g_pool.give_back_header(mine);
  } else {
    add_up_thread_count();
    const std::lock_guard<std::mutex> lock(g_pool.mutex);
    g_pool.give_back(mine);
  }
}

Buffer::Buffer(size_t bytes) : block_(new_block(size_class_of(bytes))), data_(block_->data) {
  begin_use(block_, bytes);
}

Buffer::~Buffer() {
  end_use(block_);
  return_block(block_);
}

Block* adopt_block(void* data, size_t bytes, void (*drop)(void* context), void* context) {
  refuse_plan("memory of others is taken as a tensor");
  hold_across_fork();
  const std::lock_guard<std::mutex> lock(g_pool.mutex);
  PoolBlock* block = g_pool.take_header();
  g_pool.link_adopted(block);
  block->references.store(1, std::memory_order_relaxed);
  block->version.store(0, std::memory_order_relaxed);
  block->size_class = kAdopted;
  block->data = data;
  block->bytes = bytes;
  block->capacity = 0;  // none of ours
  block->drop = drop;
  block->context = context;
  return block;
}

std::vector<std::span<const std::byte>> tensor_memory() {
  const std::lock_guard<std::mutex> lock(g_pool.mutex);
  return g_pool.tensor_memory();
}

void release_unused_memory() {
  const std::lock_guard<std::mutex> lock(g_pool.mutex);
  g_pool.release_unused();
}

}  // namespace tinytorch
