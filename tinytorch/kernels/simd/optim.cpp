#include "tinytorch/kernels/optim.h"

#include <algorithm>

#include "tinytorch/kernels/chunks.h"
#include "tinytorch/kernels/simd/isa.h"

#ifndef TINYTORCH_KERNELS_SIMD_OPTIM_ONCE
#define TINYTORCH_KERNELS_SIMD_OPTIM_ONCE
namespace tinytorch::kernels {
struct OptimTable {
  void (*sgd)(const ParamChunk<float>&, const SgdScalars<float>&);
  void (*adam)(const ParamChunk<float>&, const AdamScalars<float>&);
  double (*sum_squares)(const ParamChunk<float>&);
};
}  // namespace tinytorch::kernels
#endif

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tinytorch/kernels/simd/optim.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace tinytorch::kernels::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;
using D = hn::ScalableTag<float>;
constexpr int64_t kLanes = HWY_LANES(float);

// Calls step(p, g, s0, s1) for each vector of the chunk. The last numbers go through copies that
// are a whole vector long, so that they take the same instructions. s0 or s1 may be null.
template <class Step>
HWY_INLINE void for_each_vector(const ParamChunk<float>& c, Step step) {
  int64_t i = 0;
  auto at = [&](float* x) { return x ? x + i : nullptr; };
  for (; i + kLanes <= c.n; i += kLanes) step(c.p + i, c.g + i, at(c.s0), at(c.s1));
  if (i == c.n) return;
  HWY_ALIGN float tail[4][kLanes] = {};
  float* const from[4] = {c.p + i, c.g + i, at(c.s0), at(c.s1)};
  for (int a = 0; a < 4; ++a)
    if (from[a]) std::copy_n(from[a], c.n - i, tail[a]);
  step(tail[0], tail[1], tail[2], tail[3]);
  for (int a : {0, 2, 3})
    if (from[a]) std::copy_n(tail[a], c.n - i, from[a]);
}

template <bool kMomentum>
void sgd_chunk(const ParamChunk<float>& c, const SgdScalars<float>& s) {
  const D d;
  const auto minus_lr = hn::Set(d, s.minus_lr), momentum = hn::Set(d, s.momentum);
  const auto weight_decay = hn::Set(d, s.weight_decay);
  for_each_vector(c, [&](float* p, const float* g, float* s0, float*) {
    const auto x = hn::LoadU(d, p);
    auto step = hn::MulAdd(weight_decay, x, hn::LoadU(d, g));
    if constexpr (kMomentum) {
      const auto buffer = hn::MulAdd(momentum, hn::LoadU(d, s0), step);
      hn::StoreU(buffer, d, s0);
      step = s.nesterov ? hn::MulAdd(momentum, buffer, step) : buffer;
    }
    hn::StoreU(hn::MulAdd(minus_lr, step, x), d, p);
  });
}
void sgd(const ParamChunk<float>& c, const SgdScalars<float>& s) {
  s.momentum != 0 ? sgd_chunk<true>(c, s) : sgd_chunk<false>(c, s);
}

void adam(const ParamChunk<float>& c, const AdamScalars<float>& s) {
  const D d;
  const auto keep = hn::Set(d, s.keep), weight_decay = hn::Set(d, s.weight_decay);
  const auto beta1 = hn::Set(d, s.beta1), rest1 = hn::Set(d, s.rest1);
  const auto beta2 = hn::Set(d, s.beta2), rest2 = hn::Set(d, s.rest2);
  const auto minus_step = hn::Set(d, s.minus_step), inverse_root = hn::Set(d, s.inverse_root);
  const auto eps = hn::Set(d, s.eps);
  for_each_vector(c, [&](float* p, const float* grad, float* s0, float* s1) {
    const auto x = hn::LoadU(d, p);
    const auto g = hn::MulAdd(weight_decay, x, hn::LoadU(d, grad));
    const auto m = hn::MulAdd(beta1, hn::LoadU(d, s0), hn::Mul(rest1, g));
    const auto v = hn::MulAdd(beta2, hn::LoadU(d, s1), hn::Mul(hn::Mul(rest2, g), g));
    const auto denominator = hn::MulAdd(hn::Sqrt(v), inverse_root, eps);
    hn::StoreU(m, d, s0);
    hn::StoreU(v, d, s1);
    hn::StoreU(hn::MulAdd(minus_step, hn::Div(m, denominator), hn::Mul(x, keep)), d, p);
  });
}

double sum_squares(const ParamChunk<float>& c) {
  const hn::ScalableTag<double> d;
  const hn::Rebind<float, decltype(d)> half;  // as many floats as a vector has doubles
  constexpr int64_t kDoubles = HWY_LANES(double), kVectors = kSumLanes / kDoubles;
  hn::Vec<decltype(d)> sum[kVectors];
  for (auto& v : sum) v = hn::Zero(d);
  int64_t i = 0;
  for (; i + kSumLanes <= c.n; i += kSumLanes)
    for (int64_t j = 0; j < kVectors; ++j) {
      const auto g = hn::PromoteTo(d, hn::LoadU(half, c.g + i + j * kDoubles));
      sum[j] = hn::MulAdd(g, g, sum[j]);
    }
  HWY_ALIGN double lane[kSumLanes];
  for (int64_t j = 0; j < kVectors; ++j) hn::Store(sum[j], d, lane + j * kDoubles);
  // The square of a float is exact in double: fused or not, the sum is the same.
  for (int64_t j = 0; i + j < c.n; ++j) {
    const double g = static_cast<double>(c.g[i + j]);
    lane[j] += g * g;
  }
  double total = 0;
  for (double x : lane) total += x;
  return total;
}

}  // namespace

const OptimTable* GetOptimTable() {
  static const OptimTable table = {sgd, adam, sum_squares};
  return &table;
}

}  // namespace tinytorch::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tinytorch::kernels {

HWY_EXPORT(GetOptimTable);

namespace simd {

void sgd_step(const SgdArgs<float>& args) {
  const SgdScalars<float> scalars(args);
  const auto fn = TINYTORCH_DISPATCH(GetOptimTable)()->sgd;
  for_each_chunk(args.chunks, 0.3, [&](const ParamChunk<float>& c, int64_t) { fn(c, scalars); });
}

void adam_step(const AdamArgs<float>& args) {
  const AdamScalars<float> scalars(args);
  const auto fn = TINYTORCH_DISPATCH(GetOptimTable)()->adam;
  for_each_chunk(args.chunks, 0.8, [&](const ParamChunk<float>& c, int64_t) { fn(c, scalars); });
}

void sum_squares(const SumSquaresArgs<float>& args) {
  *args.result =
      sum_over_chunks(args.chunks, 0.15, TINYTORCH_DISPATCH(GetOptimTable)()->sum_squares);
}

}  // namespace simd
}  // namespace tinytorch::kernels
#endif
