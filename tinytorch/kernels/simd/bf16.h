#pragma once
#include <cstdint>

// Which units of this CPU multiply bf16: kTiles has AMX (16 x 16 sums in one register, 16 times
// the rate of f32), kDot has AVX512_BF16 (twice the rate of f32), kNone has neither.

namespace tinytorch::kernels {

enum class Bf16Unit { kNone, kDot, kTiles };

// Asked once. Linux lends the tile registers to a process that asks for them (arch_prctl).
// TINYTORCH_ISA below avx512 gives kNone.
Bf16Unit bf16_unit();
const char* bf16_unit_name();  // "AMX", "AVX512_BF16", "none"

// `rounds` times 2^18 bf16 multiply-adds out of the first-level cache, as fast as the unit goes.
// Returns the operations done, two for each multiply-add; 0 where there is no unit.
int64_t bf16_burst(int64_t rounds);

// For tests: `unit` from now on where the CPU has it and TINYTORCH_ISA leaves it. False, without a
// change, elsewhere.
bool set_bf16_unit(Bf16Unit unit);

}  // namespace tinytorch::kernels
