#include <algorithm>

#include "tinytorch/core/memory.h"
#include "tinytorch/core/parallel.h"
#include "tinytorch/core/poison.h"

namespace tinytorch {

namespace {

// Trivial, so that it works before and after the thread's destructors: static destructors of the
// main thread may still run kernels. What is taken then is left to the end of the process.
struct Slot {
  void* data;
  size_t capacity;
};
thread_local constinit Slot t_slots[static_cast<int>(Scratch::kCount)] = {};

struct ReleaseAtThreadEnd {
  ~ReleaseAtThreadEnd() {
    for (Slot& slot : t_slots) {
      unpoison(slot.data, slot.capacity);
      system_release(slot.data, slot.capacity);
      slot = {};
    }
  }
};

// At least twice as large as before, so that a growing demand costs few calls; whole huge pages
// from a quarter of one on.
[[gnu::cold, gnu::noinline]] void grow(Slot& slot, size_t bytes) {
  static thread_local ReleaseAtThreadEnd at_end;
  static_cast<void>(at_end);
  const size_t wanted = std::max({bytes, 2 * slot.capacity, size_t{64} << 10});
  const size_t page = wanted > kHugePage / 4 ? kHugePage : 4096;
  const size_t capacity = (wanted + page - 1) / page * page;
  unpoison(slot.data, slot.capacity);
  system_release(slot.data, slot.capacity);
  slot = {};
  slot.data = system_allocate(capacity);
  slot.capacity = capacity;
}

}  // namespace

void* scratch_bytes(Scratch which, size_t bytes) {
  Slot& slot = t_slots[static_cast<int>(which)];
  if (bytes > slot.capacity) grow(slot, bytes);
  if (!slot.data) grow(slot, 1);
  // Under ASan a write behind what was asked for is found.
  unpoison(slot.data, bytes);
  poison(static_cast<char*>(slot.data) + bytes, slot.capacity - bytes);
  return slot.data;
}

}  // namespace tinytorch
