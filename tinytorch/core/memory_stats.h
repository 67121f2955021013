#pragma once
#include <cstdint>

namespace tinytorch {

// Memory of tensors, in bytes. "Live" is what tensors asked for; "reserved" is what was taken from
// the system for them and for scratch, in use or kept for reuse.
struct MemoryStats {
  int64_t live_bytes = 0;
  int64_t peak_bytes = 0;  // highest live_bytes since the start or reset_peak_memory()
  int64_t reserved_bytes = 0;
  int64_t allocations = 0;         // Storage::allocate calls since the start
  int64_t system_allocations = 0;  // of which the system had to be asked (scratch included)
};

// Exact for the calling thread, for threads that have ended and for blocks of more than 64 KiB.
// What other running threads do with the smaller blocks they keep for themselves is added up late.
MemoryStats memory_stats();
void reset_peak_memory();

// Gives cached memory back to the system: the calling thread's small blocks and every region of the
// shared pool in which nothing lives.
void empty_cache();

// Resident memory of the process as the system sees it; 0 where the system does not say.
int64_t resident_bytes();
int64_t peak_resident_bytes();

// Resident memory just before the first tensor of the process (now, if there is none yet), and how
// far the process has risen above it: what every report calls peak_memory_bytes.
int64_t memory_baseline_bytes();
int64_t peak_memory_bytes();

}  // namespace tinytorch
