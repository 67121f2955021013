// The larger and the smaller of two tensors, element by element.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tinytorch/ops/extremes.cpp"
#include "hwy/foreach_target.h"
#include "tinytorch/kernels/simd/rows-inl.h"
#include "tinytorch/ops/apply.h"

HWY_BEFORE_NAMESPACE();
namespace tinytorch::kernels::HWY_NAMESPACE {
namespace {

struct Maximum {
  template <class V>
  static V fwd(V a, V b) {
    return max(a, b);
  }
  template <class V>
  static V grad(V g, V a, V b) {  // of a; a NaN gives g to both, as in PyTorch
    return where(a < b, V(0), where(a == b, V(0.5) * g, g));
  }
};
struct Minimum {
  template <class V>
  static V fwd(V a, V b) {
    return min(a, b);
  }
  template <class V>
  static V grad(V g, V a, V b) {
    return where(a > b, V(0), where(a == b, V(0.5) * g, g));
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

struct Extreme {
  const char* name;
  PointwiseRows fwd, grad;
  Tensor (*loses)(const Tensor& a, const Tensor& b);  // where a is not the result
};
constexpr Extreme kMaximum = {"maximum", TINYTORCH_ROWS_ALL(Maximum::fwd),
                              TINYTORCH_ROWS(Maximum::grad), lt};
constexpr Extreme kMinimum = {"minimum", TINYTORCH_ROWS_ALL(Minimum::fwd),
                              TINYTORCH_ROWS(Minimum::grad), gt};

// The gradient of `a`, before it is summed to a's shape.
Tensor gradient(const Extreme& op, const Tensor& g, const Tensor& a, const Tensor& b, bool again) {
  if (again) return where(op.loses(a, b), scalar_tensor(0, g.dtype()), where(eq(a, b), g * 0.5, g));
  const DType in = g.dtype() == DType::kBF16 ? DType::kF32 : g.dtype();
  const Tensor gradient = g.to(in), x = a.to(in), y = b.to(in);
  const Tensor* inputs[] = {&gradient, &x, &y};
  return run_pointwise(op.name, op.grad, in, in, inputs);
}

Tensor apply(const Extreme& op, const Tensor& a, const Tensor& b) {
  const DType dtype = result_type(a, b);
  Tensor out = run_binary(op.name, op.fwd, a, b, dtype, dtype);
  if (needs_grad(a, b))
    set_gradient(
        op.name, out, {&a, &b},
        [&op, a = Saved(a), b = Saved(b)](GradContext& c) {
          const Tensor x = a.get(c), y = b.get(c), &g = c.grad();
          if (c.needs(0)) c.set(0, gradient_like(gradient(op, g, x, y, c.create_graph()), x));
          if (c.needs(1)) c.set(1, gradient_like(gradient(op, g, y, x, c.create_graph()), y));
        },
        Formula::kComposed);
  return out;
}

}  // namespace

Tensor maximum(const Tensor& a, const Tensor& b) {
  return apply(kMaximum, a, b);
}
Tensor minimum(const Tensor& a, const Tensor& b) {
  return apply(kMinimum, a, b);
}

// ---- the table

namespace {

using Inputs = const std::vector<Tensor>&;

template <Tensor (*fn)(const Tensor&, const Tensor&)>
std::vector<Sample> samples(SampleMaker& m) {
  const auto run = [](Inputs t) { return fn(t[0], t[1]); };
  return {{"same shape", {m.distinct({3, 5}), m.uniform({3, 5}, -0.2, 0.2)}, run},
          {"row", {m.distinct({3, 5}), m.uniform({5}, -0.2, 0.2)}, run},
          {"column with row", {m.distinct({4, 1}), m.uniform({1, 3}, -0.05, 0.05)}, run},
          {"with a scalar tensor", {m.distinct({2, 3}), m.uniform({}, -0.01, 0.01)}, run},
          {"empty", {m.normal({0, 3}), m.normal({3})}, run},
          {"integers", {m.indices({21}, 4), m.indices({21}, 4)}, run}};
}
Cost cost(const Sample& s, const Tensor& out) {
  return streaming_cost(s, out);
}
std::vector<ErrorCase> errors() {
  return {{"shapes", [] { maximum(zeros({2, 3}), zeros({2, 4})); },
           "maximum: shapes [2, 3] and [2, 4] do not broadcast"}};
}

const OpInfo kTable[] = {
    {"maximum", "maximum(a, b)", "the larger of a and b",
     "g where a > b, g / 2 where equal, else 0", "a, b", "pointwise", samples<maximum>, cost,
     errors},
    {"minimum", "minimum(a, b)", "the smaller of a and b",
     "g where a < b, g / 2 where equal, else 0", "a, b", "pointwise", samples<minimum>, cost,
     errors},
};

}  // namespace

std::span<const OpInfo> extremes_ops() {
  return kTable;
}

}  // namespace tinytorch
#endif  // HWY_ONCE
