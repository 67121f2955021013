// More functions of one input, written as those of unary.cpp: formula, function, table line.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tinytorch/ops/unary_math.cpp"
#include "hwy/foreach_target.h"
#include "tinytorch/kernels/simd/math-inl.h"
#include "tinytorch/kernels/simd/rows-inl.h"
#include "tinytorch/ops/apply.h"

HWY_BEFORE_NAMESPACE();
namespace tinytorch::kernels::HWY_NAMESPACE {
namespace {

struct Abs {
  template <class V>
  static V fwd(V x) {
    return abs(x);
  }
  template <class V>
  static V bwd(V g, V x) {
    return g * sign(x);
  }
};
struct Sign {
  template <class V>
  static V fwd(V x) {
    return sign(x);
  }
  template <class V>
  static V bwd(V, V) {
    return V(0);
  }
};
struct Sin {
  template <class V>
  static V fwd(V x) {
    return sin(x);
  }
  template <class V>
  static V bwd(V g, V x) {
    return g * cos(x);
  }
};
struct Cos {
  template <class V>
  static V fwd(V x) {
    return cos(x);
  }
  template <class V>
  static V bwd(V g, V x) {
    return -(g * sin(x));
  }
};
struct Reciprocal {  // saves y
  template <class V>
  static V fwd(V x) {
    return V(1) / x;
  }
  template <class V>
  static V bwd(V g, V y) {
    return -(g * y * y);
  }
};
struct Log1p {
  template <class V>
  static V fwd(V x) {
    return log1p(x);
  }
  template <class V>
  static V bwd(V g, V x) {
    return g / (x + V(1));
  }
};
struct Expm1 {  // saves y
  template <class V>
  static V fwd(V x) {
    return expm1(x);
  }
  template <class V>
  static V bwd(V g, V y) {
    return fma(g, y, g);
  }
};
struct Erf {
  static constexpr double kSlope = 1.1283791670955126;  // 2 / sqrt(pi)
  template <class V>
  static V fwd(V x) {
    return erf(x);
  }
  template <class V>
  static V bwd(V g, V x) {
    return g * V(kSlope) * exp(-x * x);
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
Tensor abs_again(const Tensor& g, const Tensor& x, const Numbers&) {
  return g * sign(x);
}
Tensor sign_again(const Tensor& g, const Tensor&, const Numbers&) {
  return zeros(g.shape(), g.dtype());
}
Tensor sin_again(const Tensor& g, const Tensor& x, const Numbers&) {
  return g * cos(x);
}
Tensor cos_again(const Tensor& g, const Tensor& x, const Numbers&) {
  return neg(g * sin(x));
}
Tensor reciprocal_again(const Tensor& g, const Tensor& y, const Numbers&) {
  return neg(g * square(y));
}
Tensor log1p_again(const Tensor& g, const Tensor& x, const Numbers&) {
  return g / (x + 1);
}
Tensor expm1_again(const Tensor& g, const Tensor& y, const Numbers&) {
  return g * (y + 1);
}
Tensor erf_again(const Tensor& g, const Tensor& x, const Numbers&) {
  return g * exp(neg(square(x))) * kernels::HWY_NAMESPACE::Erf::kSlope;
}

#define TINYTORCH_UNARY(Formula) TINYTORCH_ROWS(Formula::fwd), TINYTORCH_ROWS(Formula::bwd)
constexpr Unary kAbs = {
    "abs",    TINYTORCH_ROWS_INTEGER(Abs::fwd), TINYTORCH_ROWS(Abs::bwd), Keep::kInput, 0.15,
    abs_again};
constexpr Unary kSign = {
    "sign",    TINYTORCH_ROWS_INTEGER(Sign::fwd), TINYTORCH_ROWS(Sign::bwd), Keep::kInput, 0.15,
    sign_again};
constexpr Unary kSin = {"sin", TINYTORCH_UNARY(Sin), Keep::kInput, 0.6, sin_again};
constexpr Unary kCos = {"cos", TINYTORCH_UNARY(Cos), Keep::kInput, 0.6, cos_again};
constexpr Unary kReciprocal = {"reciprocal", TINYTORCH_UNARY(Reciprocal), Keep::kOutput, 0.3,
                               reciprocal_again};
constexpr Unary kLog1p = {"log1p", TINYTORCH_UNARY(Log1p), Keep::kInput, 0.5, log1p_again};
constexpr Unary kExpm1 = {"expm1", TINYTORCH_UNARY(Expm1), Keep::kOutput, 0.5, expm1_again};
constexpr Unary kErf = {"erf", TINYTORCH_UNARY(Erf), Keep::kInput, 0.4, erf_again};

}  // namespace

Tensor abs(const Tensor& x) {
  return apply_unary(kAbs, x);
}
Tensor sign(const Tensor& x) {
  return apply_unary(kSign, x);
}
Tensor sin(const Tensor& x) {
  return apply_unary(kSin, x);
}
Tensor cos(const Tensor& x) {
  return apply_unary(kCos, x);
}
Tensor reciprocal(const Tensor& x) {
  return apply_unary(kReciprocal, x);
}
Tensor log1p(const Tensor& x) {
  return apply_unary(kLog1p, x);
}
Tensor expm1(const Tensor& x) {
  return apply_unary(kExpm1, x);
}
Tensor erf(const Tensor& x) {
  return apply_unary(kErf, x);
}

// ---- the table

namespace {

using Inputs = const std::vector<Tensor>&;

template <Tensor (*fn)(const Tensor&)>
std::vector<Sample> samples_in(SampleMaker& m, double low, double high) {
  const auto run = [](Inputs t) { return fn(t[0]); };
  return {{"matrix", {m.uniform({3, 5}, low, high)}, run},
          {"long", {m.uniform({37}, low, high)}, run},
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
template <Tensor (*fn)(const Tensor&)>
std::vector<Sample> angle_samples(SampleMaker& m) {
  std::vector<Sample> list = samples<fn>(m);
  list.push_back({"far", {m.uniform({9}, -90, 90)}, [](Inputs t) { return fn(t[0]); }});
  return list;
}
template <Tensor (*fn)(const Tensor&)>
std::vector<Sample> kinked_samples(SampleMaker& m) {
  const auto run = [](Inputs t) { return fn(t[0]); };
  std::vector<Sample> list = samples_in<fn>(m, 0.1, 3);
  list.push_back({"both signs", {m.distinct({4, 7})}, run});
  list.push_back({"integers", {Tensor::of({-3, 0, 5}, Shape{3}, DType::kI64)}, run});
  return list;
}
std::vector<Sample> log1p_samples(SampleMaker& m) {
  std::vector<Sample> list = samples_in<log1p>(m, -0.8, 3);
  list.push_back({"near 0", {m.uniform({9}, -1e-4, 1e-4)}, [](Inputs t) { return log1p(t[0]); }});
  return list;
}
std::vector<Sample> expm1_samples(SampleMaker& m) {
  std::vector<Sample> list = samples<expm1>(m);
  list.push_back({"near 0", {m.uniform({9}, -1e-4, 1e-4)}, [](Inputs t) { return expm1(t[0]); }});
  return list;
}
template <int flops>
Cost cost(const Sample& s, const Tensor& out) {
  return streaming_cost(s, out, flops);
}

const OpInfo kTable[] = {
    {"abs", "abs(x)", "|x|", "g sign(x)", "x", "pointwise", kinked_samples<abs>, cost<1>},
    {"sign", "sign(x)", "-1, 0 or 1", "0", "x", "pointwise", kinked_samples<sign>, cost<2>},
    {"sin", "sin(x)", "sine", "g cos(x)", "x", "pointwise", angle_samples<sin>, cost<15>},
    {"cos", "cos(x)", "cosine", "-g sin(x)", "x", "pointwise", angle_samples<cos>, cost<15>},
    {"reciprocal", "reciprocal(x)", "1 / x", "-g y^2", "its output", "pointwise",
     positive_samples<reciprocal>, cost<1>},
    {"log1p", "log1p(x)", "log(1 + x)", "g / (1 + x)", "x", "pointwise", log1p_samples, cost<14>},
    {"expm1", "expm1(x)", "e^x - 1", "g (y + 1)", "its output", "pointwise", expm1_samples,
     cost<12>},
    {"erf", "erf(x)", "2/sqrt(pi) integral of e^(-t^2)", "g 2/sqrt(pi) e^(-x^2)", "x", "pointwise",
     samples<erf>, cost<15>},
};

}  // namespace

std::span<const OpInfo> unary_math_ops() {
  return kTable;
}

}  // namespace tinytorch
#endif  // HWY_ONCE
