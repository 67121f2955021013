#pragma once
#include <cstdint>

#include "tinytorch/kernels/registry.h"

namespace tinytorch::kernels {

// Number i of a fill depends on (seed, offset, i) alone: core/philox.h has the numbering. Callers
// get the offset from Generator::reserve(n). All arrays are contiguous.
struct RandomRange {
  int64_t n = 0;
  uint64_t seed = 0, offset = 0;
};

// y[i] uniform in [low, high): low + u (high - low), kept below high when rounding would reach it.
template <class T>
struct UniformArgs {
  using OnlyOnce = void;
  RandomRange range;
  T* y = nullptr;
  double low = 0, high = 1;
};

// y[i] normal with this mean and standard deviation (Box-Muller, computed in double).
template <class T>
struct NormalArgs {
  using OnlyOnce = void;
  RandomRange range;
  T* y = nullptr;
  double mean = 0, std = 1;
};

// y[i] uniform in [low, high).
struct IntegersArgs {
  using OnlyOnce = void;
  RandomRange range;
  int64_t* y = nullptr;
  int64_t low = 0, high = 1;
};

// y[i] true with probability p (to 2^-24).
struct BernoulliArgs {
  using OnlyOnce = void;
  RandomRange range;
  bool* y = nullptr;
  double p = 0.5;
};

// y[i] = keep(i) ? x[i] / (1 - p) : 0, keep(i) with probability 1 - p (to 2^-24). Computed as a
// product with the rounded 1 / (1 - p). The gradient is the same kernel with x = dy, y = dx and the
// same range: the mask is made again, never stored, and is the same one for f32 and f64. y may be
// x. 0 <= p <= 1.
template <class T>
struct DropoutArgs {
  using OnlyOnce = void;
  RandomRange range;
  const T* x = nullptr;
  T* y = nullptr;
  double p = 0.5;
};

extern Kernel<void(const UniformArgs<float>&)> uniform_f32;  // "uniform"
extern Kernel<void(const DropoutArgs<float>&)> dropout_f32;  // "dropout"

void uniform(const UniformArgs<float>& args);
void uniform(const UniformArgs<double>& args);
void normal(const NormalArgs<float>& args);
void normal(const NormalArgs<double>& args);
void integers(const IntegersArgs& args);
void bernoulli(const BernoulliArgs& args);
void dropout(const DropoutArgs<float>& args);
void dropout(const DropoutArgs<double>& args);

namespace loops {
template <class T>
void uniform(const UniformArgs<T>& args);
template <class T>
void dropout(const DropoutArgs<T>& args);
}  // namespace loops

// Bit-equal with loops on every instruction set.
namespace simd {
void uniform(const UniformArgs<float>& args);
void dropout(const DropoutArgs<float>& args);
}  // namespace simd

// A mask bit is set where the upper 24 bits of its word are at least this: probability 1 - p.
inline uint32_t mask_threshold(double p) {
  const double scaled = p * 0x1p24;
  const auto floor = static_cast<uint32_t>(scaled);
  return floor < scaled ? floor + 1 : floor;
}

}  // namespace tinytorch::kernels
