// Scratch memory of threads, and the spare buffers that they share.
#include <pthread.h>

#include <algorithm>
#include <mutex>

#include "tinytorch/core/memory.h"
#include "tinytorch/core/parallel.h"
#include "tinytorch/core/poison.h"

namespace tinytorch {

namespace {

constexpr int kSlots = static_cast<int>(Scratch::kCount);

// Trivial, so that it works before and after the thread's destructors: static destructors of the
// main thread may still run kernels. What is taken then is left to the end of the process.
struct Slot {
  void* data;
  size_t capacity;
};
thread_local constinit Slot t_slots[kSlots] = {};

// What one thread needed, the other threads of the pool will need too, some of them long after: a
// helper may sit out the first steps of a training. So that it need not ask the system then, a
// thread that needs more than any before it takes buffers of that size for the others as well, and
// a thread that ends leaves its buffers to the next. (A page that nobody writes to costs nothing.)
constexpr int kMostSpares = 256;
struct Shelf {
  size_t capacity;  // of its buffers: the most that any thread has needed
  int buffers;      // of this capacity, with the threads and spare
  int spares;
  void* spare[kMostSpares];
};
constinit Shelf g_shelves[kSlots] = {};
constinit std::mutex g_mutex;

void drop(void* data, size_t capacity) {
  unpoison(data, capacity);
  system_release(data, capacity);
}

// Spare buffers, until there is one for each of `threads`, as far as the system has memory.
void fill(Shelf& shelf, int threads) {
  while (shelf.capacity && shelf.buffers < threads && shelf.spares < kMostSpares) {
    void* data = try_system_allocate(shelf.capacity);
    if (!data) return;
    shelf.spare[shelf.spares++] = data;
    ++shelf.buffers;
  }
}

// At least twice as large as before, so that a growing demand costs few calls; whole huge pages
// from a quarter of one on.
void raise_capacity(Shelf& shelf, size_t bytes) {
  while (shelf.spares) drop(shelf.spare[--shelf.spares], shelf.capacity);
  const size_t wanted = std::max({bytes, 2 * shelf.capacity, size_t{64} << 10});
  const size_t page = wanted > kHugePage / 4 ? kHugePage : 4096;
  shelf.capacity = (wanted + page - 1) / page * page;
  shelf.buffers = 0;
}

// Leaves the slot empty. A buffer of an older, smaller size serves no more.
void give_back(Slot& slot, Shelf& shelf) {
  if (slot.capacity && slot.capacity == shelf.capacity && shelf.spares < kMostSpares)
    shelf.spare[shelf.spares++] = slot.data;
  else
    drop(slot.data, slot.capacity);
  slot = {};
}

// A child of fork() must not inherit a lock that another thread held.
void hold_across_fork() {
  static const int registered =
      pthread_atfork([] { g_mutex.lock(); }, [] { g_mutex.unlock(); }, [] { g_mutex.unlock(); });
  static_cast<void>(registered);
}

struct ReleaseAtThreadEnd {
  ~ReleaseAtThreadEnd() {
    const std::lock_guard<std::mutex> lock(g_mutex);
    for (int i = 0; i < kSlots; ++i) give_back(t_slots[i], g_shelves[i]);
  }
};

[[gnu::cold, gnu::noinline]] void grow(Slot& slot, Shelf& shelf, size_t bytes) {
  hold_across_fork();
  prepare_scratch_of_thread();
  const int threads = num_threads();
  const std::lock_guard<std::mutex> lock(g_mutex);
  if (bytes > shelf.capacity || !shelf.capacity) raise_capacity(shelf, bytes);
  give_back(slot, shelf);
  if (shelf.spares == 0) {
    slot.data = system_allocate(shelf.capacity);
    ++shelf.buffers;
  } else {
    slot.data = shelf.spare[--shelf.spares];
  }
  slot.capacity = shelf.capacity;
  fill(shelf, threads);
}

}  // namespace

void prepare_scratch_of_thread() {
  static thread_local ReleaseAtThreadEnd at_end;
  static_cast<void>(at_end);
}

void provide_scratch(int threads) {
  hold_across_fork();
  const std::lock_guard<std::mutex> lock(g_mutex);
  for (Shelf& shelf : g_shelves) fill(shelf, threads);
}

void* scratch_bytes(Scratch which, size_t bytes) {
  Slot& slot = t_slots[static_cast<int>(which)];
  if (bytes > slot.capacity || !slot.data) grow(slot, g_shelves[static_cast<int>(which)], bytes);
  // Under ASan a write behind what was asked for is found.
  unpoison(slot.data, bytes);
  poison(static_cast<char*>(slot.data) + bytes, slot.capacity - bytes);
  return slot.data;
}

}  // namespace tinytorch
