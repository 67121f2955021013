#pragma once
#include <cstdint>
#include <functional>

namespace tinytorch {

// Runs `rounds` rounds of independent f32 multiply-adds in registers, as many at a time as keep the
// vector units of one core busy, on the widest vectors of this CPU. Returns the number of
// floating-point operations done (two for each multiply-add).
int64_t multiply_add_burst(int64_t rounds);

// Reads n floats (64-byte aligned, n a multiple of 512) once and returns a sum of them, as fast as
// vector loads can.
float read_burst(const float* data, int64_t n);

// Calls fn(0) ... fn(threads - 1), each on a thread of its own and all at the same time: none
// starts before the last one is there. (The pool makes no such promise.)
void run_together(int threads, const std::function<void(int)>& fn);

}  // namespace tinytorch
