#pragma once
#include <atomic>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "tinytorch/kernels/call.h"

namespace tinytorch::kernels {

// A kernel is a function of one plain args struct. An operation has variants ("loops" is the
// readable oracle and always exists); a typed table in kernels/<op>.cpp lists them in code, best
// last. The last usable one is the default; TINYTORCH_KERNELS=matmul=loops,conv2d=simd or a scoped
// KernelOverride selects by hand. Threads and the instruction set
// (TINYTORCH_ISA=avx512|avx2|scalar) are no variants.

template <class Fn>
struct Variant {
  const char* name;  // "loops", "tiled", "simd"
  Fn* fn;
  const char* idea;  // one line for `tito kernels`
};

// The untyped part: what `tito kernels`, overrides and the tests need.
class KernelBase {
 public:
  KernelBase(const char* op, const char* const* names, const char* const* ideas, int count);
  const char* op() const { return op_; }
  int count() const { return count_; }
  const char* name(int i) const { return names_[i]; }
  const char* idea(int i) const { return ideas_[i]; }
  int chosen() const {  // index of the variant in force
    const int i = chosen_.load(std::memory_order_relaxed);
    return i >= 0 ? i : resolve();
  }
  std::string reason() const;  // why that one: "default", "TINYTORCH_KERNELS", "override"
  void select(int index);      // -1: back to environment or default
  int find(const std::string& variant) const;  // -1 when there is none

 private:
  int resolve() const;
  const char* op_;
  const char* const* names_;
  const char* const* ideas_;
  int count_;
  mutable std::atomic<int> chosen_{-1};
  bool overridden_ = false;
};

template <class Fn>
class Kernel;
template <class... Args>
class Kernel<void(Args...)> : public KernelBase {
 public:
  using Fn = void(Args...);
  template <int N>
  Kernel(const char* op, const Variant<Fn> (&variants)[N]) : Kernel(op, variants, N) {}
  void operator()(Args... args) const { call(fns_[chosen()], args...); }
  Fn* fn(int i) const { return fns_[i]; }

 private:
  static constexpr int kMax = 8;
  Kernel(const char* op, const Variant<Fn>* v, int n)
      : KernelBase(op, names_store_, ideas_store_, n) {
    for (int i = 0; i < n && i < kMax; ++i) {
      fns_[i] = v[i].fn;
      names_store_[i] = v[i].name;
      ideas_store_[i] = v[i].idea;
    }
  }
  Fn* fns_[kMax] = {};
  const char* names_store_[kMax] = {};
  const char* ideas_store_[kMax] = {};
};

// How often a variant was selected by hand so far: who keeps kernels must ask again after a change.
uint32_t kernel_selections();

// Every kernel table of the library, in the order of kernels/registry.cpp's list.
std::span<KernelBase* const> all_kernels();
KernelBase* find_kernel(const std::string& op);  // nullptr when there is none

// Selects a variant for the lifetime of the object (process-wide: for tests and benchmarks).
// ConfigError names the known operations or variants.
class KernelOverride {
 public:
  KernelOverride(const std::string& op, const std::string& variant);
  ~KernelOverride();
  KernelOverride(const KernelOverride&) = delete;
  KernelOverride& operator=(const KernelOverride&) = delete;

 private:
  KernelBase* kernel_;
  int previous_;
};

const char* simd_target();  // "AVX3", "AVX2", "SCALAR": what dynamic dispatch runs

}  // namespace tinytorch::kernels
