#pragma once
#include <atomic>

// Which instruction set the SIMD kernels run on. Highway compiles each SIMD file once for each
// target and picks at run time; this header restricts that pick and is the only place that knows
// it.

namespace tinytorch::kernels {

// The compiled targets, best first; an index into tables with one entry for each.
enum class Isa { kAvx512, kAvx2, kNeon, kScalar };
inline constexpr int kIsaCount = 4;

// Applies TINYTORCH_ISA=avx512|avx2|neon|scalar on its first call; must precede a dynamic dispatch
// (TINYTORCH_DISPATCH does so). ConfigError when the value is unknown or this CPU lacks it.
void apply_isa();

extern constinit std::atomic<int> chosen_isa;  // an Isa; -1 before the first apply_isa()
inline Isa current_isa() {                     // what dynamic dispatch runs now
  if (chosen_isa.load(std::memory_order_relaxed) < 0) apply_isa();
  return static_cast<Isa>(chosen_isa.load(std::memory_order_relaxed));
}

// For tests: restricts the targets from now on; nullptr goes back to TINYTORCH_ISA or the best one.
// Returns false, without a change, when this CPU or this build does not have the target.
bool set_isa(const char* name);

}  // namespace tinytorch::kernels

// The function pointer for the chosen target of a function that HWY_EXPORT has exported. Costs a
// few loads; keep no copy of what it returns, or set_isa() has no effect on that copy.
#define TINYTORCH_DISPATCH(function) \
  (::tinytorch::kernels::apply_isa(), HWY_DYNAMIC_DISPATCH(function))
