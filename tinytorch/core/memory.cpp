#include "tinytorch/core/memory.h"

#include <sys/mman.h>

#include <atomic>

#include "tinytorch/core/format.h"

namespace tinytorch {

namespace {

std::atomic<int64_t> reserved{0};
std::atomic<int64_t> calls{0};

// mmap only promises 4 KiB alignment: take one huge page more and cut off both ends.
void* map_aligned(size_t bytes, size_t alignment) {
  const size_t extra = alignment > 4096 ? alignment : 0;
  void* raw =
      mmap(nullptr, bytes + extra, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (raw == MAP_FAILED) return nullptr;
  char* base = static_cast<char*>(raw);
  if (!extra) return base;
  const size_t head = (alignment - reinterpret_cast<uintptr_t>(base) % alignment) % alignment;
  if (head) munmap(base, head);
  if (extra > head) munmap(base + head + bytes, extra - head);
  return base + head;
}

size_t whole_pages(size_t bytes) {
  const size_t page = bytes >= kHugePage ? kHugePage : 4096;
  return (bytes + page - 1) / page * page;
}

std::atomic<int64_t> live{0}, peak{0}, allocations{0};

void raise_to(std::atomic<int64_t>& value, int64_t candidate) {
  int64_t seen = value.load(std::memory_order_relaxed);
  while (seen < candidate && !value.compare_exchange_weak(seen, candidate)) {
  }
}

struct AddUpAtThreadEnd {
  ~AddUpAtThreadEnd() { add_up_thread_count(); }
};

}  // namespace

thread_local constinit ThreadCount t_count = {};

void add_up_thread_count() {
  if (!t_count.watched) {
    static thread_local AddUpAtThreadEnd at_end;
    static_cast<void>(at_end);
    t_count.watched = true;
  }
  if (t_count.allocations == 0 && t_count.live == 0) return;
  const int64_t before = live.fetch_add(t_count.live);
  raise_to(peak, before + t_count.highest);
  allocations.fetch_add(t_count.allocations, std::memory_order_relaxed);
  t_count.live = t_count.highest = t_count.allocations = 0;
}

MemoryStats memory_stats() {
  add_up_thread_count();
  return {live, peak, reserved, allocations, calls};
}

void reset_peak_memory() {
  add_up_thread_count();
  peak.store(live.load());
}

void* try_system_allocate(size_t bytes) {
  const size_t size = whole_pages(bytes ? bytes : 1);
  if (size < bytes) return nullptr;  // wrapped around
  void* data = map_aligned(size, size >= kHugePage ? kHugePage : 4096);
  if (!data) return nullptr;
#if defined(MADV_HUGEPAGE)
  if (size >= kHugePage) madvise(data, size, MADV_HUGEPAGE);
#endif
  reserved.fetch_add(static_cast<int64_t>(size), std::memory_order_relaxed);
  calls.fetch_add(1, std::memory_order_relaxed);
  return data;
}

void* system_allocate(size_t bytes) {
  if (void* data = try_system_allocate(bytes)) return data;
  raise<MemoryError>(
      "out of memory: the system refused {} bytes; {} are in use or kept for reuse. "
      "Hint: use a smaller batch or model.",
      bytes, reserved.load());
}

void system_release(void* data, size_t bytes) {
  if (!data) return;
  const size_t size = whole_pages(bytes ? bytes : 1);
  munmap(data, size);
  reserved.fetch_sub(static_cast<int64_t>(size), std::memory_order_relaxed);
}

}  // namespace tinytorch
