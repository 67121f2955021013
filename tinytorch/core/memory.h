#pragma once
#include <cstddef>
#include <cstdint>

namespace tinytorch {

// Memory straight from the system, for storage blocks and scratch: page-aligned and zeroed; on huge
// pages from 2 MiB on (where the system grants them). Every call is counted in memory_stats().
// Throws Error when the system has no more.
void* system_allocate(size_t bytes);
void system_release(void* data, size_t bytes) noexcept;

constexpr size_t kHugePage = size_t{2} << 20;

}  // namespace tinytorch
