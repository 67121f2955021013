#include "tinytorch/kernels/simd/isa.h"

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "tinytorch/core/format.h"
#include "tinytorch/kernels/registry.h"

// Highway's own list of targets of this build: the probe below is compiled once for each.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tinytorch/kernels/simd/isa.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace tinytorch::kernels::HWY_NAMESPACE {
int64_t probe() {
  return HWY_TARGET;
}
}  // namespace tinytorch::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tinytorch::kernels {

constinit std::atomic<int> chosen_isa{-1};

namespace {

HWY_EXPORT(probe);

struct Target {
  const char* name;
  Isa isa;
  int64_t bits;  // 0: not compiled in
};
// Supersets such as AVX3_DL are not compiled: their machines run the AVX3 code.
constexpr Target kTargets[] = {
    {"avx512", Isa::kAvx512, HWY_TARGETS& HWY_AVX3},
    {"avx2", Isa::kAvx2, HWY_TARGETS& HWY_AVX2},
    {"neon", Isa::kNeon, HWY_TARGETS& HWY_NEON},
    {"scalar", Isa::kScalar, HWY_TARGETS&(HWY_SCALAR | HWY_EMU128)},
};

// Restricts Highway to `targets` (0: no restriction) and notes what it picks then.
void restrict_to(int64_t targets) {
  hwy::SetSupportedTargetsForTest(targets);
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
  const int64_t running = HWY_DYNAMIC_DISPATCH(probe)();
  for (const Target& target : kTargets)
    if (target.bits & running)
      return chosen_isa.store(static_cast<int>(target.isa), std::memory_order_relaxed);
  raise<Error>("Highway runs its target {}, which the kernels were not written for.",
               hwy::TargetName(running));
}

// The CPU's targets without a restriction, asked once.
int64_t cpu_targets() {
  static const int64_t targets = hwy::SupportedTargets();
  return targets;
}

const Target* find_target(const char* name) {
  for (const Target& t : kTargets)
    if (t.bits && t.name == std::string(name) && (t.bits & cpu_targets())) return &t;
  return nullptr;
}

bool apply_environment() {
  cpu_targets();
  const char* want = std::getenv("TINYTORCH_ISA");
  if (!want || !*want) {
    restrict_to(0);
    return true;
  }
  const Target* target = find_target(want);
  if (!target) {
    std::string known;
    for (const Target& t : kTargets)
      if (find_target(t.name)) known += (known.empty() ? "" : ", ") + std::string(t.name);
    raise<ConfigError>("TINYTORCH_ISA: '{}' is not available here. This machine has: {}.", want,
                       known);
  }
  restrict_to(target->bits);
  return true;
}

}  // namespace

void apply_isa() {
  static const bool applied = apply_environment();
  (void)applied;
}

bool set_isa(const char* name) {
  apply_isa();
  if (!name) return apply_environment();
  const Target* target = find_target(name);
  if (target) restrict_to(target->bits);
  return target != nullptr;
}

const char* simd_target() {
  switch (current_isa()) {
    case Isa::kAvx512:
      return "AVX3";
    case Isa::kAvx2:
      return "AVX2";
    case Isa::kNeon:
      return "NEON";
    case Isa::kScalar:
      return "SCALAR";
  }
  return "";
}

}  // namespace tinytorch::kernels
#endif
