#include "tinytorch/kernels/registry.h"

#include <cstdlib>
#include <cstring>

#include "tinytorch/core/format.h"

namespace tinytorch::kernels {

namespace {

// The value for `op` in TINYTORCH_KERNELS ("matmul=loops,conv2d=simd"; "all=loops" for every
// operation), or an empty string. A later entry wins over an earlier one.
std::string environment_choice(const char* op) {
  const char* list = std::getenv("TINYTORCH_KERNELS");
  std::string found;
  while (list && *list) {
    const char* end = std::strchr(list, ',');
    const std::string item(list, end ? static_cast<size_t>(end - list) : std::strlen(list));
    const size_t eq = item.find('=');
    if (eq == std::string::npos)
      raise<ConfigError>("TINYTORCH_KERNELS: '{}' is not OPERATION=VARIANT.", item);
    const std::string key = item.substr(0, eq);
    if (key != "all" && !find_kernel(key))
      raise<ConfigError>("TINYTORCH_KERNELS: there is no operation '{}'. See: tito kernels", key);
    if (key == op || key == "all") found = item.substr(eq + 1);
    list = end ? end + 1 : nullptr;
  }
  return found;
}

std::atomic<uint32_t> g_selections{0};

std::string known_variants(const KernelBase& kernel) {
  std::string text;
  for (int i = 0; i < kernel.count(); ++i) text += (i ? ", " : "") + std::string(kernel.name(i));
  return text;
}

}  // namespace

uint32_t kernel_selections() {
  return g_selections.load(std::memory_order_relaxed);
}

KernelBase::KernelBase(const char* op, const char* const* names, const char* const* ideas,
                       int count)
    : op_(op), names_(names), ideas_(ideas), count_(count) {}

int KernelBase::find(const std::string& variant) const {
  for (int i = 0; i < count_; ++i)
    if (variant == names_[i]) return i;
  return -1;
}

int KernelBase::resolve() const {
  int index = count_ - 1;
  if (const std::string want = environment_choice(op_); !want.empty()) {
    index = find(want);
    if (index < 0)
      raise<ConfigError>("TINYTORCH_KERNELS: operation '{}' has no variant '{}'. Known: {}.", op_,
                         want, known_variants(*this));
  }
  chosen_.store(index, std::memory_order_relaxed);
  return index;
}

void KernelBase::select(int index) {
  g_selections.fetch_add(1, std::memory_order_relaxed);
  overridden_ = index >= 0;
  chosen_.store(index, std::memory_order_relaxed);
}

std::string KernelBase::reason() const {
  if (overridden_) return "override";
  return environment_choice(op_).empty() ? "default" : "TINYTORCH_KERNELS";
}

KernelBase* find_kernel(const std::string& op) {
  for (KernelBase* kernel : all_kernels())
    if (op == kernel->op()) return kernel;
  return nullptr;
}

KernelOverride::KernelOverride(const std::string& op, const std::string& variant)
    : kernel_(find_kernel(op)) {
  if (!kernel_) raise<ConfigError>("there is no kernel '{}'. See: tito kernels", op);
  const int index = kernel_->find(variant);
  if (index < 0)
    raise<ConfigError>("kernel '{}' has no variant '{}'. Known: {}.", op, variant,
                       known_variants(*kernel_));
  previous_ = kernel_->reason() == "override" ? kernel_->chosen() : -1;
  kernel_->select(index);
}

KernelOverride::~KernelOverride() {
  kernel_->select(previous_);
}

}  // namespace tinytorch::kernels
