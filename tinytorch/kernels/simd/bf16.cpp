#include "tinytorch/kernels/simd/bf16.h"

#include <atomic>

#include "tinytorch/kernels/simd/isa.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace tinytorch::kernels {

namespace {

#if defined(__x86_64__)
// Bits of CPUID as in Intel's "Architecture Instruction Set Extensions" manual, chapter 1.
bool has_avx512_bf16() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a >> 5 & 1);
}
bool has_amx_bf16() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (d >> 22 & 1) && (d >> 24 & 1);
}
bool may_use_tiles() {
  constexpr long kRequest = 0x1023, kTileData = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
  return syscall(SYS_arch_prctl, kRequest, kTileData) == 0;
}
Bf16Unit detect() {
  if (!has_avx512_bf16()) return Bf16Unit::kNone;
  return has_amx_bf16() && may_use_tiles() ? Bf16Unit::kTiles : Bf16Unit::kDot;
}
#else
Bf16Unit detect() {
  return Bf16Unit::kNone;
}
#endif

Bf16Unit best_unit() {
  static const Bf16Unit unit = detect();
  return unit;
}

std::atomic<int> limit{static_cast<int>(Bf16Unit::kTiles)};

}  // namespace

Bf16Unit bf16_unit() {
  if (current_isa() != Isa::kAvx512) return Bf16Unit::kNone;
  const auto highest = static_cast<Bf16Unit>(limit.load(std::memory_order_relaxed));
  return best_unit() < highest ? best_unit() : highest;
}

const char* bf16_unit_name() {
  constexpr const char* kNames[] = {"none", "AVX512_BF16", "AMX"};
  return kNames[static_cast<int>(bf16_unit())];
}

bool set_bf16_unit(Bf16Unit unit) {
  if (unit != Bf16Unit::kNone && (current_isa() != Isa::kAvx512 || best_unit() < unit))
    return false;
  limit.store(static_cast<int>(unit), std::memory_order_relaxed);
  return true;
}

}  // namespace tinytorch::kernels
