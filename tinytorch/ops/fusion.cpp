#include "tinytorch/ops/fusion.h"

#include <atomic>

namespace tinytorch {

namespace {
std::atomic<bool> g_fusion{true};
}

bool fusion_enabled() {
  return g_fusion.load(std::memory_order_relaxed);
}
void set_fusion(bool on) {
  g_fusion.store(on, std::memory_order_relaxed);
}

}  // namespace tinytorch
