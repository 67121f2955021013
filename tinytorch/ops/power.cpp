// Powers: of a tensor to a number, to a tensor, of a number to a tensor.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tinytorch/ops/power.cpp"
#include "hwy/foreach_target.h"
#include "tinytorch/kernels/simd/math-inl.h"
#include "tinytorch/kernels/simd/rows-inl.h"
#include "tinytorch/ops/apply.h"

HWY_BEFORE_NAMESPACE();
namespace tinytorch::kernels::HWY_NAMESPACE {
namespace {

struct PowNumber {  // a: the exponent
  template <class V>
  static V fwd(V x, const FormulaNumbers& p) {
    if constexpr (std::is_integral_v<V>)
      return integer_power(x, static_cast<int64_t>(p.a));
    else
      return pow(x, V(p.a));
  }
  template <class V>
  static V bwd(V g, V x, const FormulaNumbers& p) {
    if (p.a == 0) return V(0);
    return g * (V(p.a) * pow(x, V(p.a - 1)));
  }
};
struct Pow {
  template <class V>
  static V fwd(V a, V b) {
    return pow(a, b);
  }
  template <class V>
  static V grad_base(V g, V a, V b) {
    return where(b == V(0), V(0), g * (b * pow(a, b - V(1))));
  }
  template <class V>
  static V grad_exponent(V g, V a, V b, V y) {
    return where((a == V(0)) & (b >= V(0)), V(0), g * (y * log(a)));
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

Tensor pow_number_again(const Tensor& g, const Tensor& x, const FormulaNumbers& p) {
  if (p.a == 0) return zeros(g.shape(), g.dtype());
  return g * (pow(x, p.a - 1) * p.a);
}

constexpr Unary kPowNumber = {"pow",
                              TINYTORCH_ROWS_INTEGER(PowNumber::fwd),
                              TINYTORCH_ROWS(PowNumber::bwd),
                              Keep::kInput,
                              1.0,
                              pow_number_again};
constexpr PointwiseRows kPow = TINYTORCH_ROWS_INTEGER(Pow::fwd);
constexpr PointwiseRows kGradBase = TINYTORCH_ROWS(Pow::grad_base);
constexpr PointwiseRows kGradExponent = TINYTORCH_ROWS(Pow::grad_exponent);

// The gradients in the dtype of g; again: in differentiable operations.
Tensor gradient_of_base(const Tensor& g, const Tensor& a, const Tensor& b, bool again) {
  if (again) return where(eq(b, 0), scalar_tensor(0, g.dtype()), g * (b * pow(a, b - 1)));
  const Tensor* inputs[] = {&g, &a, &b};
  return run_pointwise("pow", kGradBase, g.dtype(), g.dtype(), inputs, nullptr, 1.0);
}
Tensor gradient_of_exponent(const Tensor& g, const Tensor& a, const Tensor& b, const Tensor& y,
                            bool again) {
  if (again)
    return where(logical_and(eq(a, 0), ge(b, 0)), scalar_tensor(0, g.dtype()), g * (y * log(a)));
  const Tensor* inputs[] = {&g, &a, &b, &y};
  return run_pointwise("pow", kGradExponent, g.dtype(), g.dtype(), inputs, nullptr, 0.6);
}

}  // namespace

Tensor pow(const Tensor& x, Scalar exponent) {
  if (!is_floating(x.dtype()) && !exponent.is_floating && exponent.integer < 0)
    raise<DTypeError>("pow: {} to the power {} is no integer. Hint: to(DType::kF32).", describe(x),
                      exponent.integer);
  const Tensor base = with_scalar(x, exponent).first;
  // The powers that are used all the time, by simpler formulas, as PyTorch does it.
  if (exponent.value == 2) return square(base);
  if (exponent.value == 0.5) return sqrt(base);
  if (exponent.value == -1) return reciprocal(base);
  return apply_unary(kPowNumber, base, {exponent.value});
}

Tensor pow(const Tensor& base, const Tensor& exponent) {
  const DType joint = result_type(base, exponent);
  const DType dtype = joint == DType::kBool ? DType::kI64 : joint;
  Tensor out = run_binary("pow", kPow, base, exponent, dtype, dtype);
  if (needs_grad(base, exponent))
    set_gradient(
        "pow", out, {&base, &exponent},
        [base = Saved(base), exponent = Saved(exponent), out = Saved::output(out)](GradContext& c) {
          const Tensor x = base.get(c), e = exponent.get(c);
          const DType in = c.grad().dtype() == DType::kBF16 ? DType::kF32 : c.grad().dtype();
          const Tensor g = c.grad().to(in), a = x.to(in), b = e.to(in);
          if (c.needs(0)) c.set(0, gradient_like(gradient_of_base(g, a, b, c.create_graph()), x));
          if (c.needs(1))
            c.set(1, gradient_like(
                         gradient_of_exponent(g, a, b, out.get(c).to(in), c.create_graph()), e));
        },
        Formula::kComposed);
  return out;
}

Tensor pow(Scalar base, const Tensor& exponent) {
  const auto [e, b] = with_scalar(exponent, base);
  return pow(b, e);
}

// ---- the table

namespace {

using Inputs = const std::vector<Tensor>&;

template <int kTimes10>
Tensor power(Inputs t) {
  return pow(t[0], kTimes10 / 10.0);
}
std::vector<Sample> pow_samples(SampleMaker& m) {
  const auto both = [](Inputs t) { return pow(t[0], t[1]); };
  return {{"to 1.7", {m.uniform({3, 5}, 0.2, 3)}, power<17>},
          {"to -2.5", {m.uniform({19}, 0.3, 3)}, power<-25>},
          {"to 3", {m.uniform({2, 3}, -2, 2)}, power<30>},
          {"to 1", {m.distinct({5})}, power<10>},
          {"to 2", {m.uniform({5}, -2, 2)}, power<20>},
          {"to 0.5", {m.uniform({5}, 0.2, 2)}, power<5>},
          {"to -1", {m.uniform({5}, 0.2, 2)}, power<-10>},
          {"to 0", {m.uniform({2, 2}, -2, 2)}, power<0>},
          {"scalar", {m.uniform({}, 0.2, 2)}, power<17>},
          {"empty", {m.uniform({0, 3}, 0.2, 2)}, power<17>},
          {"integers", {m.indices({7}, 9)}, [](Inputs t) { return pow(t[0], 3); }},
          {"tensors", {m.uniform({3, 5}, 0.3, 2), m.uniform({3, 5}, -2, 2)}, both},
          {"row", {m.uniform({3, 4}, 0.3, 2), m.uniform({4}, -2, 2)}, both},
          {"scalar tensor first", {m.uniform({}, 0.3, 2), m.uniform({2, 3}, -2, 2)}, both},
          {"tensors, empty", {m.uniform({0, 3}, 0.3, 2), m.uniform({3}, -2, 2)}, both},
          {"tensors of integers", {m.indices({12}, 5), m.indices({12}, 4)}, both},
          {"of 2.5", {m.uniform({7}, -2, 2)}, [](Inputs t) { return pow(2.5, t[0]); }}};
}
Cost cost(const Sample& s, const Tensor& out) {
  return streaming_cost(s, out, 35);
}
std::vector<ErrorCase> pow_errors() {
  return {{"negative", [] { pow(ones({2}, DType::kI64), -2); },
           "pow: i64 [2] to the power -2 is no integer"},
          {"shapes", [] { pow(zeros({2}), zeros({3})); }, "do not broadcast"}};
}

const OpInfo kTable[] = {
    {"pow", "pow(x, e), pow(a, b), pow(2, b)", "a^b", "g b a^(b - 1), g a^b log(a)",
     "a; with a tensor as exponent also b and the output", "pointwise", pow_samples, cost,
     pow_errors},
};

}  // namespace

std::span<const OpInfo> power_ops() {
  return kTable;
}

}  // namespace tinytorch
#endif  // HWY_ONCE
