// Activations beyond those of unary.cpp, written as they are.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tinytorch/ops/activation.cpp"
#include "hwy/foreach_target.h"
#include "tinytorch/kernels/simd/math-inl.h"
#include "tinytorch/kernels/simd/rows-inl.h"
#include "tinytorch/ops/apply.h"

HWY_BEFORE_NAMESPACE();
namespace tinytorch::kernels::HWY_NAMESPACE {
namespace {

struct LeakyRelu {  // a: the slope below 0
  template <class V>
  static V fwd(V x, const FormulaNumbers& p) {
    return where(x > V(0), x, V(p.a) * x);
  }
  template <class V>
  static V bwd(V g, V x, const FormulaNumbers& p) {
    return where(x > V(0), g, V(p.a) * g);
  }
};
struct Elu {  // a: alpha (Clevert, Unterthiner, Hochreiter 2016)
  template <class V>
  static V fwd(V x, const FormulaNumbers& p) {
    return where(x > V(0), x, V(p.a) * expm1(x));
  }
  template <class V>
  static V bwd(V g, V x, const FormulaNumbers& p) {
    return where(x > V(0), g, g * (V(p.a) * exp(x)));
  }
};
struct Softplus {  // a: beta, b: threshold. Written so that e^ never overflows.
  template <class V>
  static V fwd(V x, const FormulaNumbers& p) {
    const V t = V(p.a) * x;
    return where(t > V(p.b), x, (max(t, V(0)) + log1p(exp(-abs(t)))) / V(p.a));
  }
  template <class V>
  static V bwd(V g, V x, const FormulaNumbers& p) {
    const V t = V(p.a) * x;
    return where(t > V(p.b), g, g * sigmoid(t));
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

using Numbers = FormulaNumbers;
Tensor leaky_relu_again(const Tensor& g, const Tensor& x, const Numbers& p) {
  return where(gt(x, 0), g, g * p.a);
}
Tensor elu_again(const Tensor& g, const Tensor& x, const Numbers& p) {
  // where() takes the slope of e^x above 0 times 0, so e^x must not be infinite there
  return where(gt(x, 0), g, g * (exp(minimum(x, scalar_tensor(0, x.dtype()))) * p.a));
}
Tensor softplus_again(const Tensor& g, const Tensor& x, const Numbers& p) {
  const Tensor t = x * p.a;
  return where(gt(t, p.b), g, g * sigmoid(t));
}

#define TINYTORCH_UNARY(Formula) TINYTORCH_ROWS(Formula::fwd), TINYTORCH_ROWS(Formula::bwd)
constexpr Unary kLeakyRelu = {"leaky_relu", TINYTORCH_UNARY(LeakyRelu), Keep::kInput,
                              0.15,         leaky_relu_again,           false};
constexpr Unary kElu = {"elu", TINYTORCH_UNARY(Elu), Keep::kInput, 0.5, elu_again, false};
constexpr Unary kSoftplus = {
    "softplus", TINYTORCH_UNARY(Softplus), Keep::kInput, 0.7, softplus_again, false};

}  // namespace

Tensor leaky_relu(const Tensor& x, double negative_slope) {
  return apply_unary(kLeakyRelu, x, {negative_slope});
}
Tensor elu(const Tensor& x, double alpha) {
  return apply_unary(kElu, x, {alpha});
}
Tensor softplus(const Tensor& x, double beta, double threshold) {
  if (beta == 0) raise<ConfigError>("softplus: beta is 0. Hint: 1 gives log(1 + e^x).");
  return apply_unary(kSoftplus, x, {beta, threshold});
}
Tensor selu(const Tensor& x) {
  return elu(x, 1.6732632423543772) * 1.0507009873554805;
}
Tensor mish(const Tensor& x) {
  return x * tanh(softplus(x));
}
Tensor hardsigmoid(const Tensor& x) {
  return clamp(x * (1.0 / 6) + 0.5, 0, 1);
}
Tensor hardswish(const Tensor& x) {
  return x * hardsigmoid(x);
}

// ---- the table

namespace {

using Inputs = const std::vector<Tensor>&;

template <Tensor (*fn)(const Tensor&)>
std::vector<Sample> samples(SampleMaker& m) {
  const auto run = [](Inputs t) { return fn(t[0]); };
  return {{"matrix", {m.distinct({4, 5})}, run},
          {"wide", {m.uniform({31}, -6, 6)}, run},
          {"scalar", {m.uniform({}, -2, 2)}, run},
          {"empty", {m.uniform({0, 3}, -2, 2)}, run}};
}
Tensor leaky_relu_plain(const Tensor& x) {
  return leaky_relu(x);
}
Tensor elu_plain(const Tensor& x) {
  return elu(x);
}
Tensor softplus_plain(const Tensor& x) {
  return softplus(x);
}
std::vector<Sample> leaky_relu_samples(SampleMaker& m) {
  std::vector<Sample> list = samples<leaky_relu_plain>(m);
  list.push_back(
      {"slope 0.3", {m.distinct({3, 3})}, [](Inputs t) { return leaky_relu(t[0], 0.3); }});
  return list;
}
std::vector<Sample> elu_samples(SampleMaker& m) {
  std::vector<Sample> list = samples<elu_plain>(m);
  list.push_back(
      {"alpha 0.5", {m.uniform({3, 3}, -3, 3)}, [](Inputs t) { return elu(t[0], 0.5); }});
  list.push_back({"far out", {m.uniform({9}, -90, 90)}, [](Inputs t) { return elu(t[0]); }});
  return list;
}
std::vector<Sample> softplus_samples(SampleMaker& m) {
  std::vector<Sample> list = samples<softplus_plain>(m);
  list.push_back({"beta 2, threshold 3", {m.uniform({9}, -3, 3)}, [](Inputs t) {
                    return softplus(t[0], 2, 3);
                  }});
  list.push_back({"far out", {m.uniform({9}, -90, 90)}, [](Inputs t) { return softplus(t[0]); }});
  return list;
}
template <int flops>
Cost cost(const Sample& s, const Tensor& out) {
  return streaming_cost(s, out, flops);
}
std::vector<ErrorCase> integer_errors() {
  return {{"integers", [] { leaky_relu(zeros({2}, DType::kI64)); }, "no kernel for i64"}};
}
std::vector<ErrorCase> softplus_errors() {
  return {{"beta", [] { softplus(zeros({2}), 0); }, "softplus: beta is 0"}};
}

const OpInfo kTable[] = {
    {"leaky_relu", "leaky_relu(x, negative_slope)", "x, below 0 slope x", "g, below 0 slope g", "x",
     "pointwise", leaky_relu_samples, cost<2>, integer_errors},
    {"elu", "elu(x, alpha)", "x, below 0 alpha (e^x - 1)", "g, below 0 g alpha e^x", "x",
     "pointwise", elu_samples, cost<12>},
    {"selu", "selu(x)", "1.0507 elu(x, 1.6733)", "as elu", "as elu", "pointwise", samples<selu>,
     cost<13>},
    {"softplus", "softplus(x, beta, threshold)",
     "log(1 + e^(beta x)) / beta; x where beta x > threshold",
     "g sigmoid(beta x); g above the threshold", "x", "pointwise", softplus_samples, cost<30>,
     softplus_errors},
    {"mish", "mish(x)", "x tanh(softplus(x))", "of its parts", "of its parts", "pointwise",
     samples<mish>, cost<46>},
    {"hardsigmoid", "hardsigmoid(x)", "x/6 + 1/2 in [0, 1]", "g/6 in [-3, 3], else 0", "x/6 + 1/2",
     "pointwise", samples<hardsigmoid>, cost<4>, nullptr, 1e-6, true,
     "gradient g/6, not 0, at -3 and 3"},
    {"hardswish", "hardswish(x)", "x hardsigmoid(x)", "of its parts", "of its parts", "pointwise",
     samples<hardswish>, cost<5>},
};

}  // namespace

std::span<const OpInfo> activation_ops() {
  return kTable;
}

}  // namespace tinytorch
#endif  // HWY_ONCE
