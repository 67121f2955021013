#include "tinytorch/core/error.h"

#include <atomic>

namespace tinytorch {

namespace {
constinit std::atomic<const char*> g_note{nullptr};
}

void note_not_implemented(const char* text) noexcept {
  const char* none = nullptr;
  g_note.compare_exchange_strong(none, text, std::memory_order_relaxed);
}

const char* take_not_implemented() noexcept {
  return g_note.exchange(nullptr, std::memory_order_relaxed);
}

}  // namespace tinytorch
