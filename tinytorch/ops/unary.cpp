// Element-wise operations of one input. A formula is written once, as a template over float, double
// and Vec<float>; this file is compiled for each instruction set. To add an operation: its struct,
// its row in the list below it, its function, its line in the table.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tinytorch/ops/unary.cpp"
#include "hwy/foreach_target.h"
#include "tinytorch/kernels/simd/rows-inl.h"
#include "tinytorch/ops/apply.h"

HWY_BEFORE_NAMESPACE();
namespace tinytorch::kernels::HWY_NAMESPACE {
namespace {

// fwd gives y from x; bwd gives dx from g and what was saved: x, or y where the comment says so.
struct Neg {
  template <class V>
  static V fwd(V x) {
    return -x;
  }
  template <class V>
  static V bwd(V g, V) {
    return -g;
  }
};
struct Exp {  // saves y
  template <class V>
  static V fwd(V x) {
    return exp(x);
  }
  template <class V>
  static V bwd(V g, V y) {
    return g * y;
  }
};
struct Log {
  template <class V>
  static V fwd(V x) {
    return log(x);
  }
  template <class V>
  static V bwd(V g, V x) {
    return g / x;
  }
};
struct Sqrt {  // saves y
  template <class V>
  static V fwd(V x) {
    return sqrt(x);
  }
  template <class V>
  static V bwd(V g, V y) {
    return g / (y + y);
  }
};
struct Rsqrt {  // saves y
  template <class V>
  static V fwd(V x) {
    return rsqrt(x);
  }
  template <class V>
  static V bwd(V g, V y) {
    return V(-0.5) * g * y * y * y;
  }
};
struct Tanh {  // saves y
  template <class V>
  static V fwd(V x) {
    return tanh(x);
  }
  template <class V>
  static V bwd(V g, V y) {
    return g * (V(1) - y * y);
  }
};
struct Sigmoid {  // saves y
  template <class V>
  static V fwd(V x) {
    return sigmoid(x);
  }
  template <class V>
  static V bwd(V g, V y) {
    return g * (y * (V(1) - y));
  }
};
struct Relu {  // saves y; a NaN stays
  template <class V>
  static V fwd(V x) {
    return max(x, V(0));
  }
  template <class V>
  static V bwd(V g, V y) {
    return where(y <= V(0), V(0), g);
  }
};
struct Silu {  // x sigmoid(x)
  template <class V>
  static V fwd(V x) {
    return x * sigmoid(x);
  }
  template <class V>
  static V bwd(V g, V x) {
    const V s = sigmoid(x);
    return g * fma(x * s, V(1) - s, s);
  }
};
struct Gelu {  // x Phi(x), Phi the normal distribution function (Hendrycks and Gimpel 2016)
  static constexpr double kInner = 0.70710678118654752;    // sqrt(1/2)
  static constexpr double kDensity = 0.39894228040143268;  // 1 / sqrt(2 pi)
  template <class V>
  static V fwd(V x) {
    return x * normal_cdf(x);
  }
  template <class V>
  static V bwd(V g, V x) {
    const V density = V(kDensity) * exp(V(-0.5) * x * x);
    return g * fma(x, density, normal_cdf(x));
  }
};
struct GeluTanh {  // 0.5 x (1 + tanh(u)), u = sqrt(2/pi) (x + 0.044715 x^3)
  static constexpr double kInner = 0.79788456080286536, kCube = 0.044715;
  template <class V>
  static V inner(V x) {
    return V(kInner) * x * fma(V(kCube), x * x, V(1));
  }
  template <class V>
  static V fwd(V x) {
    return x * fma(V(0.5), tanh(inner(x)), V(0.5));
  }
  template <class V>
  static V bwd(V g, V x) {
    const V t = tanh(inner(x));
    const V slope = V(kInner) * fma(V(3 * kCube), x * x, V(1));
    return g * fma(V(0.5) * x * (V(1) - t * t), slope, fma(V(0.5), t, V(0.5)));
  }
};
struct Square {
  template <class V>
  static V fwd(V x) {
    return x * x;
  }
  template <class V>
  static V bwd(V g, V x) {
    return g * (x + x);
  }
};
struct Clamp {  // a and b: the bounds
  template <class V>
  static V fwd(V x, const FormulaNumbers& p) {
    return clamp(x, V(p.a), V(p.b));
  }
  template <class V>
  static V bwd(V g, V x, const FormulaNumbers& p) {
    return where((x >= V(p.a)) & (x <= V(p.b)), g, V(0));
  }
};

}  // namespace
}  // namespace tinytorch::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <array>

#include "tinytorch/ops/common.h"
#include "tinytorch/ops/math.h"

namespace tinytorch {

namespace {

using kernels::PointwiseRows;

// The plain rows that students write take the place of the generated ones.
constexpr PointwiseRows by_hand(PointwiseRows rows, kernels::RowFn f32, kernels::RowFn f64) {
  rows.loops[static_cast<int>(DType::kF32)] = f32;
  rows.loops[static_cast<int>(DType::kF64)] = f64;
  return rows;
}

// The gradients in differentiable operations, from g and what was saved.
using Numbers = FormulaNumbers;
namespace formula = kernels::HWY_NAMESPACE;
Tensor neg_again(const Tensor& g, const Tensor&, const Numbers&) {
  return neg(g);
}
Tensor exp_again(const Tensor& g, const Tensor& y, const Numbers&) {
  return g * y;
}
Tensor log_again(const Tensor& g, const Tensor& x, const Numbers&) {
  return g / x;
}
Tensor sqrt_again(const Tensor& g, const Tensor& y, const Numbers&) {
  return g / (y * 2);
}
Tensor rsqrt_again(const Tensor& g, const Tensor& y, const Numbers&) {
  return g * square(y) * y * -0.5;
}
Tensor tanh_again(const Tensor& g, const Tensor& y, const Numbers&) {
  return g * (1 - square(y));
}
Tensor sigmoid_again(const Tensor& g, const Tensor& y, const Numbers&) {
  return g * (y * (1 - y));
}
Tensor relu_again(const Tensor& g, const Tensor& y, const Numbers&) {
  return relu_gradient(g, y);
}
Tensor silu_again(const Tensor& g, const Tensor& x, const Numbers&) {
  const Tensor s = sigmoid(x);
  return g * (s * (x * (1 - s) + 1));
}
Tensor gelu_again(const Tensor& g, const Tensor& x, const Numbers&) {
  const Tensor phi = erf(x * formula::Gelu::kInner) * 0.5 + 0.5;
  return g * (x * exp(square(x) * -0.5) * formula::Gelu::kDensity + phi);
}
Tensor gelu_tanh_again(const Tensor& g, const Tensor& x, const Numbers&) {
  const Tensor cube = square(x) * formula::GeluTanh::kCube;
  const Tensor t = tanh(x * (cube + 1) * formula::GeluTanh::kInner);
  const Tensor slope = (cube * 3 + 1) * formula::GeluTanh::kInner;
  return g * (x * (1 - square(t)) * slope + t + 1) * 0.5;
}
Tensor square_again(const Tensor& g, const Tensor& x, const Numbers&) {
  return g * (x * 2);
}
Tensor clamp_again(const Tensor& g, const Tensor& x, const Numbers& p) {
  const Tensor zero = scalar_tensor(0, g.dtype());
  return where(ge(x, p.a), where(le(x, p.b), g, zero), zero);
}

#define TINYTORCH_UNARY(Formula) TINYTORCH_ROWS(Formula::fwd), TINYTORCH_ROWS(Formula::bwd)
constexpr Unary kNeg = {
    "neg",    TINYTORCH_ROWS_INTEGER(Neg::fwd), TINYTORCH_ROWS(Neg::bwd), Keep::kInput, 0.15,
    neg_again};
constexpr Unary kExp = {"exp",
                        by_hand(TINYTORCH_ROWS(Exp::fwd), kernels::loops::exp_row<float>,
                                kernels::loops::exp_row<double>),
                        TINYTORCH_ROWS(Exp::bwd),
                        Keep::kOutput,
                        0.3,
                        exp_again};
constexpr Unary kLog = {"log", TINYTORCH_UNARY(Log), Keep::kInput, 0.3, log_again};
constexpr Unary kSqrt = {"sqrt", TINYTORCH_UNARY(Sqrt), Keep::kOutput, 0.3, sqrt_again};
constexpr Unary kRsqrt = {"rsqrt", TINYTORCH_UNARY(Rsqrt), Keep::kOutput, 0.5, rsqrt_again};
constexpr Unary kTanh = {"tanh", TINYTORCH_UNARY(Tanh), Keep::kOutput, 0.4, tanh_again};
constexpr Unary kSigmoid = {"sigmoid", TINYTORCH_UNARY(Sigmoid), Keep::kOutput, 0.4, sigmoid_again};
constexpr Unary kRelu = {"relu",
                         by_hand(TINYTORCH_ROWS_INTEGER(Relu::fwd), kernels::loops::relu_row<float>,
                                 kernels::loops::relu_row<double>),
                         by_hand(TINYTORCH_ROWS(Relu::bwd), kernels::loops::relu_grad_row<float>,
                                 kernels::loops::relu_grad_row<double>),
                         Keep::kOutput,
                         0.15,
                         relu_again};
constexpr Unary kSilu = {"silu", TINYTORCH_UNARY(Silu), Keep::kInput, 0.4, silu_again};
constexpr Unary kGelu = {"gelu", TINYTORCH_UNARY(Gelu), Keep::kInput, 0.6, gelu_again};
constexpr Unary kGeluTanh = {"gelu_tanh", TINYTORCH_UNARY(GeluTanh), Keep::kInput, 0.6,
                             gelu_tanh_again};
constexpr Unary kSquare = {"square",
                           TINYTORCH_ROWS_INTEGER(Square::fwd),
                           TINYTORCH_ROWS(Square::bwd),
                           Keep::kInput,
                           0.15,
                           square_again};
constexpr Unary kClamp = {"clamp", TINYTORCH_UNARY(Clamp), Keep::kInput, 0.15, clamp_again, false};

}  // namespace

Tensor neg(const Tensor& x) {
  return apply_unary(kNeg, x);
}
Tensor exp(const Tensor& x) {
  return apply_unary(kExp, x);
}
Tensor log(const Tensor& x) {
  return apply_unary(kLog, x);
}
Tensor sqrt(const Tensor& x) {
  return apply_unary(kSqrt, x);
}
Tensor rsqrt(const Tensor& x) {
  return apply_unary(kRsqrt, x);
}
Tensor tanh(const Tensor& x) {
  return apply_unary(kTanh, x);
}
Tensor sigmoid(const Tensor& x) {
  return apply_unary(kSigmoid, x);
}
Tensor relu(const Tensor& x) {
  return apply_unary(kRelu, x);
}
Tensor silu(const Tensor& x) {
  return apply_unary(kSilu, x);
}
Tensor square(const Tensor& x) {
  return apply_unary(kSquare, x);
}
Tensor gelu(const Tensor& x, GeluForm form) {
  return apply_unary(form == GeluForm::kErf ? kGelu : kGeluTanh, x);
}
Tensor clamp(const Tensor& x, double low, double high) {
  if (!(low <= high)) raise<ConfigError>("clamp: the bounds {} and {} are no range.", low, high);
  return apply_unary(kClamp, x, {low, high});
}

Tensor activated(const Tensor& x, Fused activation) {
  switch (activation) {
    case Fused::kNone:
      break;
    case Fused::kRelu:
      return relu(x);
    case Fused::kGelu:
      return gelu(x);
    case Fused::kGeluTanh:
      return gelu(x, GeluForm::kTanh);
  }
  return x;
}

Tensor gelu_gradient(const Tensor& g, const Tensor& x, GeluForm form) {
  return unary_gradient(form == GeluForm::kErf ? kGelu : kGeluTanh, g, x, {});
}
Tensor activation_gradient(Fused activation, const Tensor& g, const Tensor& kept) {
  switch (activation) {
    case Fused::kNone:
      break;
    case Fused::kRelu:
      return unary_gradient(kRelu, g, kept, {});
    case Fused::kGelu:
      return gelu_gradient(g, kept, GeluForm::kErf);
    case Fused::kGeluTanh:
      return gelu_gradient(g, kept, GeluForm::kTanh);
  }
  return g;
}

Tensor Tensor::exp() const {
  return tinytorch::exp(*this);
}
Tensor Tensor::log() const {
  return tinytorch::log(*this);
}
Tensor Tensor::sqrt() const {
  return tinytorch::sqrt(*this);
}
Tensor Tensor::relu() const {
  return tinytorch::relu(*this);
}
Tensor Tensor::tanh() const {
  return tinytorch::tanh(*this);
}
Tensor Tensor::sigmoid() const {
  return tinytorch::sigmoid(*this);
}
Tensor operator-(const Tensor& a) {
  return neg(a);
}

// ---- the table

namespace {

using Inputs = const std::vector<Tensor>&;

// Any shape; `low` and `high` bound the values.
template <Tensor (*fn)(const Tensor&)>
std::vector<Sample> samples_in(SampleMaker& m, double low, double high) {
  const auto run = [](Inputs t) { return fn(t[0]); };
  return {{"matrix", {m.uniform({3, 5}, low, high)}, run},
          {"channels_last",
           {m.uniform({2, 3, 2, 2}, low, high).contiguous(MemoryFormat::kChannelsLast)},
           run},
          {"long", {m.uniform({77}, low, high)}, run},
          {"scalar", {m.uniform({}, low, high)}, run},
          {"empty", {m.uniform({0, 3}, low, high)}, run}};
}
template <Tensor (*fn)(const Tensor&)>
std::vector<Sample> samples(SampleMaker& m) {
  return samples_in<fn>(m, -3, 3);
}
template <Tensor (*fn)(const Tensor&)>
std::vector<Sample> positive_samples(SampleMaker& m) {
  return samples_in<fn>(m, 0.2, 4);
}
std::vector<Sample> relu_samples(SampleMaker& m) {
  const auto run = [](Inputs t) { return relu(t[0]); };
  return {{"matrix", {m.distinct({3, 5})}, run},
          {"long", {m.distinct({77})}, run},
          {"empty", {m.distinct({0})}, run}};
}
std::vector<Sample> gelu_samples(SampleMaker& m) {
  return {
      {"erf", {m.uniform({3, 7}, -4, 4)}, [](Inputs t) { return gelu(t[0]); }},
      {"tanh", {m.uniform({3, 7}, -4, 4)}, [](Inputs t) { return gelu(t[0], GeluForm::kTanh); }},
      {"far out", {m.uniform({20}, -12, 12)}, [](Inputs t) { return gelu(t[0]); }}};
}
std::vector<Sample> clamp_samples(SampleMaker& m) {
  return {{"-0.2 to 0.31", {m.distinct({4, 5})}, [](Inputs t) { return clamp(t[0], -0.2, 0.31); }},
          {"one side", {m.distinct({9})}, [](Inputs t) { return clamp(t[0], -0.1, 1e9); }}};
}
template <int flops>
Cost cost(const Sample& s, const Tensor& out) {
  return streaming_cost(s, out, flops);
}
std::vector<ErrorCase> clamp_errors() {
  return {{"bounds", [] { clamp(zeros({2}), 2, 1); }, "are no range"},
          {"integers", [] { clamp(zeros({2}, DType::kI64), 0, 1); }, "no kernel for i64"}};
}

const OpInfo kTable[] = {
    {"neg", "neg(x)", "-x", "-g", "nothing", "pointwise", samples<neg>, cost<1>},
    {"exp", "exp(x)", "e^x", "g y", "its output", "pointwise", samples<exp>, cost<10>},
    {"log", "log(x)", "natural logarithm", "g / x", "x", "pointwise", positive_samples<log>,
     cost<10>},
    {"sqrt", "sqrt(x)", "square root", "g / (2 y)", "its output", "pointwise",
     positive_samples<sqrt>, cost<1>},
    {"rsqrt", "rsqrt(x)", "1 / sqrt(x)", "-g y^3 / 2", "its output", "pointwise",
     positive_samples<rsqrt>, cost<2>},
    {"tanh", "tanh(x)", "hyperbolic tangent", "g (1 - y^2)", "its output", "pointwise",
     samples<tanh>, cost<15>},
    {"sigmoid", "sigmoid(x)", "1 / (1 + e^-x)", "g y (1 - y)", "its output", "pointwise",
     samples<sigmoid>, cost<12>},
    {"relu", "relu(x)", "max(x, 0)", "0 where y <= 0, else g", "its output", "pointwise",
     relu_samples, cost<1>},
    {"gelu", "gelu(x, form)", "x Phi(x), exactly or by tanh", "g (Phi(x) + x phi(x))", "x",
     "pointwise", gelu_samples, cost<20>},
    {"silu", "silu(x)", "x sigmoid(x)", "g s (1 + x (1 - s)), s = sigmoid(x)", "x", "pointwise",
     samples<silu>, cost<14>},
    {"square", "square(x)", "x^2", "2 g x", "x", "pointwise", samples<square>, cost<1>},
    {"clamp", "clamp(x, low, high)", "x limited to [low, high]",
     "g inside and on the bounds, else 0", "x", "pointwise", clamp_samples, cost<2>, clamp_errors},
};

}  // namespace

std::span<const OpInfo> unary_ops() {
  return kTable;
}

}  // namespace tinytorch
#endif  // HWY_ONCE
