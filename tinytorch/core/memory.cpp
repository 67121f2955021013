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

}  // namespace

void* system_allocate(size_t bytes) {
  const size_t size = whole_pages(bytes ? bytes : 1);
  void* data = size >= bytes ? map_aligned(size, size >= kHugePage ? kHugePage : 4096) : nullptr;
  if (!data)
    raise<Error>(
        "out of memory: the system refused {} bytes ({} are in use by tensors and scratch). "
        "Hint: use a smaller batch or model.",
        bytes, reserved.load());
#if defined(MADV_HUGEPAGE)
  if (size >= kHugePage) madvise(data, size, MADV_HUGEPAGE);
#endif
  reserved.fetch_add(static_cast<int64_t>(size), std::memory_order_relaxed);
  calls.fetch_add(1, std::memory_order_relaxed);
  return data;
}

void system_release(void* data, size_t bytes) noexcept {
  if (!data) return;
  const size_t size = whole_pages(bytes ? bytes : 1);
  munmap(data, size);
  reserved.fetch_sub(static_cast<int64_t>(size), std::memory_order_relaxed);
}

}  // namespace tinytorch
