// Logic on truth values.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tinytorch/ops/logical.cpp"
#include "hwy/foreach_target.h"
#include "tinytorch/kernels/simd/rows-inl.h"
#include "tinytorch/ops/apply.h"

HWY_BEFORE_NAMESPACE();
namespace tinytorch::kernels::HWY_NAMESPACE {
namespace {

// Conditions only, so V is just the lane that a condition belongs to: f32.
struct And {
  template <class V>
  static MaskOf<V> fwd(MaskOf<V> a, MaskOf<V> b) {
    return a & b;
  }
};
struct Or {
  template <class V>
  static MaskOf<V> fwd(MaskOf<V> a, MaskOf<V> b) {
    return a | b;
  }
};
struct Xor {
  template <class V>
  static MaskOf<V> fwd(MaskOf<V> a, MaskOf<V> b) {
    return (a | b) & !(a & b);
  }
};
struct Not {
  template <class V>
  static MaskOf<V> fwd(MaskOf<V> a) {
    return !a;
  }
};

}  // namespace
}  // namespace tinytorch::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include "tinytorch/ops/common.h"
#include "tinytorch/ops/math.h"

namespace tinytorch {

namespace {

using kernels::PointwiseRows;
constexpr PointwiseRows kAnd = TINYTORCH_ROWS(And::fwd);
constexpr PointwiseRows kOr = TINYTORCH_ROWS(Or::fwd);
constexpr PointwiseRows kXor = TINYTORCH_ROWS(Xor::fwd);
constexpr PointwiseRows kNot = TINYTORCH_ROWS(Not::fwd);

Tensor apply(const char* op, const PointwiseRows& rows, const Tensor& a, const Tensor& b) {
  const NoGrad no_grad;
  const Tensor x = a.to(DType::kBool), y = b.to(DType::kBool);
  const Tensor* inputs[] = {&x, &y};
  return run_pointwise(op, rows, DType::kF32, DType::kBool, inputs);
}

}  // namespace

Tensor logical_and(const Tensor& a, const Tensor& b) {
  return apply("logical_and", kAnd, a, b);
}
Tensor logical_or(const Tensor& a, const Tensor& b) {
  return apply("logical_or", kOr, a, b);
}
Tensor logical_xor(const Tensor& a, const Tensor& b) {
  return apply("logical_xor", kXor, a, b);
}
Tensor logical_not(const Tensor& x) {
  const NoGrad no_grad;
  const Tensor truth = x.to(DType::kBool);
  const Tensor* inputs[] = {&truth};
  return run_pointwise("logical_not", kNot, DType::kF32, DType::kBool, inputs);
}

// ---- the table

namespace {

using Inputs = const std::vector<Tensor>&;

template <Tensor (*fn)(const Tensor&, const Tensor&)>
std::vector<Sample> samples(SampleMaker& m) {
  const auto run = [](Inputs t) { return fn(t[0], t[1]); };
  return {{"same shape", {m.mask({3, 13}), m.mask({3, 13})}, run},
          {"row", {m.mask({3, 5}), m.mask({5})}, run},
          {"scalars", {m.mask({}), m.mask({})}, run},
          {"empty", {m.mask({0, 3}), m.mask({3})}, run},
          {"numbers", {m.indices({12}, 2), Tensor::of({0, -0.5, 2})[1].expand({12})}, run}};
}
std::vector<Sample> not_samples(SampleMaker& m) {
  const auto run = [](Inputs t) { return logical_not(t[0]); };
  return {{"matrix", {m.mask({3, 13})}, run},
          {"numbers", {Tensor::of({0, -0.5, 2})}, run},
          {"scalar", {m.mask({})}, run},
          {"empty", {m.mask({0})}, run}};
}
Cost cost(const Sample& s, const Tensor& out) {
  return streaming_cost(s, out);
}
std::vector<ErrorCase> errors() {
  return {{"shapes", [] { logical_or(zeros({2}), zeros({3})); },
           "logical_or: shapes [2] and [3] do not broadcast"}};
}

const char* const kNoGradient = "none: truth values";
const OpInfo kTable[] = {
    {"logical_and", "logical_and(a, b)", "a and b", kNoGradient, "nothing", "pointwise",
     samples<logical_and>, cost, errors},
    {"logical_or", "logical_or(a, b)", "a or b", kNoGradient, "nothing", "pointwise",
     samples<logical_or>, cost, errors},
    {"logical_xor", "logical_xor(a, b)", "a or b, not both", kNoGradient, "nothing", "pointwise",
     samples<logical_xor>, cost, errors},
    {"logical_not", "logical_not(x)", "not x", kNoGradient, "nothing", "pointwise", not_samples,
     cost},
};

}  // namespace

std::span<const OpInfo> logical_ops() {
  return kTable;
}

}  // namespace tinytorch
#endif  // HWY_ONCE
