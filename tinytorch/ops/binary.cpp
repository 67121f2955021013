// Element-wise operations of two or three inputs: arithmetic, comparisons, where. Dtypes are
// promoted, shapes broadcast. Formulas as in unary.cpp.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tinytorch/ops/binary.cpp"
#include "hwy/foreach_target.h"
#include "tinytorch/kernels/simd/rows-inl.h"
#include "tinytorch/ops/apply.h"

HWY_BEFORE_NAMESPACE();
namespace tinytorch::kernels::HWY_NAMESPACE {
namespace {

struct Add {
  template <class V>
  static V fwd(V a, V b) {
    return a + b;
  }
};
struct AddScaled {  // a + alpha b
  template <class V>
  static V fwd(V a, V b, const FormulaNumbers& p) {
    return fma(V(p.a), b, a);
  }
};
struct Sub {
  template <class V>
  static V fwd(V a, V b) {
    return a - b;
  }
};
struct Mul {
  template <class V>
  static V fwd(V a, V b) {
    return a * b;
  }
};
struct Div {
  template <class V>
  static V fwd(V a, V b) {
    return a / b;
  }
};
struct Eq {
  template <class V>
  static MaskOf<V> fwd(V a, V b) {
    return a == b;
  }
};
struct Ne {
  template <class V>
  static MaskOf<V> fwd(V a, V b) {
    return a != b;
  }
};
struct Lt {
  template <class V>
  static MaskOf<V> fwd(V a, V b) {
    return a < b;
  }
};
struct Le {
  template <class V>
  static MaskOf<V> fwd(V a, V b) {
    return a <= b;
  }
};
struct Where {
  template <class V>
  static V fwd(MaskOf<V> m, V a, V b) {
    return where(m, a, b);
  }
};

}  // namespace
}  // namespace tinytorch::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <array>

#include "tinytorch/core/autograd_impl.h"
#include "tinytorch/ops/common.h"

namespace tinytorch {

namespace {

using kernels::PointwiseRows;

constexpr PointwiseRows by_hand(PointwiseRows rows, kernels::RowFn f32, kernels::RowFn f64) {
  rows.loops[static_cast<int>(DType::kF32)] = f32;
  rows.loops[static_cast<int>(DType::kF64)] = f64;
  return rows;
}

constexpr PointwiseRows kAdd =
    by_hand(TINYTORCH_ROWS_INTEGER(Add::fwd), kernels::loops::add_row<float>,
            kernels::loops::add_row<double>);
constexpr PointwiseRows kAddScaled = TINYTORCH_ROWS_INTEGER(AddScaled::fwd);
constexpr PointwiseRows kSub = TINYTORCH_ROWS_INTEGER(Sub::fwd);
constexpr PointwiseRows kMul =
    by_hand(TINYTORCH_ROWS_INTEGER(Mul::fwd), kernels::loops::mul_row<float>,
            kernels::loops::mul_row<double>);
constexpr PointwiseRows kDiv = TINYTORCH_ROWS(Div::fwd);
constexpr PointwiseRows kEq = TINYTORCH_ROWS_ALL(Eq::fwd);
constexpr PointwiseRows kNe = TINYTORCH_ROWS_ALL(Ne::fwd);
constexpr PointwiseRows kLt = TINYTORCH_ROWS_ALL(Lt::fwd);
constexpr PointwiseRows kLe = TINYTORCH_ROWS_ALL(Le::fwd);
constexpr PointwiseRows kWhere = TINYTORCH_ROWS_ALL(Where::fwd);

Tensor compare(const char* op, const PointwiseRows& rows, const Tensor& a, const Tensor& b) {
  return run_binary(op, rows, a, b, result_type(a, b), DType::kBool);
}

// a += alpha b and the like: in place, on the graph when there is one.
Tensor& apply_in_place(Tensor& a, const char* op, const PointwiseRows& rows, const Tensor& b,
                       const FormulaNumbers* params = nullptr) {
  if (broadcast_shapes(a.shape(), b.shape(), op) != a.shape())
    raise<ShapeError>("{}: {} does not fit into {} in place.", op, describe(b), describe(a));
  const DType joint = result_type(a, b);
  if (joint != a.dtype())
    raise<DTypeError>("{}: {} in place with {} would need {}. Hint: use the out-of-place form.", op,
                      describe(a), describe(b), dtype_name(joint));
  begin_in_place(a, op, b);
  if (a.dtype() == DType::kBF16) {
    const Tensor sum = run_binary(op, rows, a, b, DType::kBF16, DType::kBF16, params);
    const NoGrad no_grad;
    a.copy_(sum);
    return a;
  }
  const Tensor y = [&] {
    const NoGrad no_grad;
    return b.to(a.dtype());
  }();
  const Tensor* inputs[] = {&a, &y};
  run_pointwise_into(op, rows, a.dtype(), a, inputs, params);
  return a;
}

void record_product(Tensor& out, const Tensor& a, const Tensor& b) {
  set_gradient(
      "mul", out, {&a, &b},
      [a = Saved(a), b = Saved(b)](GradContext& c) {
        const Tensor x = a.get(c), y = b.get(c);
        if (c.needs(0)) c.set(0, gradients::mul(c.grad(), y, x.shape()).to(x.dtype()));
        if (c.needs(1)) c.set(1, gradients::mul(c.grad(), x, y.shape()).to(y.dtype()));
      },
      Formula::kComposed);
}

// The gradient of a + alpha b with respect to b, from that with respect to a.
Tensor scaled(const Tensor& g, double alpha) {
  return alpha == 1 ? g : alpha == -1 ? neg(g) : g * Scalar(alpha);
}

// a b where both have the shape and dtype of the product. A factor is kept only for the other's
// gradient.
void record_equal_product(Tensor& out, const Tensor& a, const Tensor& b) {
  set_gradient(
      "mul", out, {&a, &b},
      [a = b.requires_grad() ? Saved(a) : Saved(),
       b = a.requires_grad() ? Saved(b) : Saved()](GradContext& c) {
        const Tensor& g = c.grad();
        if (c.needs(0)) c.set(0, gradients::mul(g, b.get(c), g.shape()));
        if (c.needs(1)) c.set(1, gradients::mul(g, a.get(c), g.shape()));
      },
      Formula::kComposed);
}

// Recording a + alpha b needs the shapes and dtypes of the inputs only.
void record_sum(Tensor& out, const char* name, const Tensor& a, const Tensor& b, double alpha) {
  set_gradient(
      name, out, {&a, &b},
      [as = a.shape(), bs = b.shape(), ad = a.dtype(), bd = b.dtype(), alpha](GradContext& c) {
        if (c.needs(0)) c.set(0, gradients::add(c.grad(), as).to(ad));
        if (c.needs(1)) c.set(1, scaled(gradients::add(c.grad(), bs).to(bd), alpha));
      },
      Formula::kComposed);
}
// a + b where both have the shape and dtype of the sum: then not even these.
void record_equal_sum(Tensor& out, const Tensor& a, const Tensor& b) {
  set_gradient(
      "add", out, {&a, &b},
      [](GradContext& c) {
        const Tensor& g = c.grad();
        if (c.needs(0)) c.set(0, gradients::add(g, g.shape()));
        if (c.needs(1)) c.set(1, gradients::add(g, g.shape()));
      },
      Formula::kComposed);
}

void check_alpha(const char* op, const Tensor& a, const Tensor& b, double alpha) {
  if (alpha != std::floor(alpha) && !is_floating(result_type(a, b)))
    raise<DTypeError>("{}: alpha {} is no whole number, {} and {} are.", op, alpha, describe(a),
                      describe(b));
}

Tensor add_scaled(const char* name, const Tensor& a, const Tensor& b, double alpha) {
  if (alpha != 1) check_alpha(name, a, b, alpha);
  const PointwiseRows& rows = alpha == 1 ? kAdd : alpha == -1 ? kSub : kAddScaled;
  const FormulaNumbers params{alpha};
  Tensor out = run_binary(name, rows, a, b, &params);
  if (needs_grad(a, b)) record_sum(out, name, a, b, alpha);
  return out;
}

}  // namespace

Tensor add(const Tensor& a, const Tensor& b, Scalar alpha) {
  return add_scaled("add", a, b, alpha.value);
}
Tensor sub(const Tensor& a, const Tensor& b, Scalar alpha) {
  if (alpha.value != 1) check_alpha("sub", a, b, alpha.value);
  return add_scaled("sub", a, b, -alpha.value);
}

Tensor mul(const Tensor& a, const Tensor& b) {
  Tensor out = run_dense(kMul, a, b);
  if (out.defined()) {
    if (needs_grad(a, b)) record_equal_product(out, a, b);
    return out;
  }
  const DType joint = result_type(a, b);
  out = run_binary("mul", kMul, a, b, joint, joint);
  if (needs_grad(a, b)) record_product(out, a, b);
  return out;
}

Tensor div(const Tensor& a, const Tensor& b) {
  const DType joint = result_type(a, b), dtype = is_floating(joint) ? joint : DType::kF32;
  Tensor out = run_binary("div", kDiv, a, b, dtype, dtype);
  if (needs_grad(a, b))
    set_gradient(
        "div", out, {&a, &b},
        [a = Saved(a), b = Saved(b)](GradContext& c) {
          const Tensor x = a.get(c), y = b.get(c), &g = c.grad();
          if (c.needs(0)) c.set(0, gradient_like(g / y, x));
          if (c.needs(1)) c.set(1, gradient_like(neg(g * x) / (y * y), y));
        },
        Formula::kComposed);
  return out;
}

Tensor eq(const Tensor& a, const Tensor& b) {
  return compare("eq", kEq, a, b);
}
Tensor ne(const Tensor& a, const Tensor& b) {
  return compare("ne", kNe, a, b);
}
Tensor lt(const Tensor& a, const Tensor& b) {
  return compare("lt", kLt, a, b);
}
Tensor le(const Tensor& a, const Tensor& b) {
  return compare("le", kLe, a, b);
}
Tensor gt(const Tensor& a, const Tensor& b) {
  return compare("gt", kLt, b, a);
}
Tensor ge(const Tensor& a, const Tensor& b) {
  return compare("ge", kLe, b, a);
}

#define TINYTORCH_WITH_SCALAR(name)        \
  Tensor name(const Tensor& a, Scalar s) { \
    const auto [x, y] = with_scalar(a, s); \
    return name(x, y);                     \
  }
TINYTORCH_WITH_SCALAR(eq)
TINYTORCH_WITH_SCALAR(ne)
TINYTORCH_WITH_SCALAR(lt)
TINYTORCH_WITH_SCALAR(le)
TINYTORCH_WITH_SCALAR(gt)
TINYTORCH_WITH_SCALAR(ge)
TINYTORCH_WITH_SCALAR(operator+)
TINYTORCH_WITH_SCALAR(operator-)
TINYTORCH_WITH_SCALAR(operator*)
#undef TINYTORCH_WITH_SCALAR

Tensor operator+(const Tensor& a, const Tensor& b) {
  Tensor out = run_dense(kAdd, a, b);  // the usual case in the fewest steps
  if (!out.defined()) {
    out = add_scaled("add", a, b, 1);
    return out;
  }
  if (needs_grad(a, b)) record_equal_sum(out, a, b);
  return out;
}
Tensor operator-(const Tensor& a, const Tensor& b) {
  return sub(a, b);
}
Tensor operator*(const Tensor& a, const Tensor& b) {
  return mul(a, b);
}
Tensor operator/(const Tensor& a, const Tensor& b) {
  return div(a, b);
}
Tensor operator+(Scalar a, const Tensor& b) {
  return b + a;
}
Tensor operator*(Scalar a, const Tensor& b) {
  return b * a;
}
Tensor operator-(Scalar a, const Tensor& b) {
  const auto [x, s] = with_scalar(b, a);
  return s - x;
}

// Division is in floats: a scalar that the integers beside it cannot hold (-1 or 300 in u8) must
// not become one of them first.
static std::pair<Tensor, Tensor> floats_with_scalar(const Tensor& a, Scalar s) {
  if (is_floating(a.dtype())) return with_scalar(a, s);
  return {a.to(DType::kF32), scalar_tensor(s, DType::kF32)};
}
Tensor operator/(const Tensor& a, Scalar b) {
  const auto [x, s] = floats_with_scalar(a, b);
  return x / s;
}
Tensor operator/(Scalar a, const Tensor& b) {
  const auto [x, s] = floats_with_scalar(b, a);
  return s / x;
}

Tensor where(const Tensor& mask, const Tensor& a, const Tensor& b) {
  if (mask.dtype() != DType::kBool)
    raise<DTypeError>("where: the mask {} must be bool. Hint: a comparison gives one.",
                      describe(mask));
  const DType dtype = result_type(a, b), in = dtype == DType::kBF16 ? DType::kF32 : dtype;
  Tensor out = [&] {
    const NoGrad no_grad;
    const Tensor x = a.to(in), y = b.to(in);
    const Tensor* inputs[] = {&mask, &x, &y};
    return run_pointwise("where", kWhere, in, in, inputs).to(dtype);
  }();
  if (needs_grad(a, b))
    set_gradient(
        "where", out, {&a, &b},
        [mask = Saved(mask), as = a.shape(), bs = b.shape(), ad = a.dtype(),
         bd = b.dtype()](GradContext& c) {
          const Tensor m = mask.get(c), zero = scalar_tensor(0, c.grad().dtype());
          if (c.needs(0)) c.set(0, sum_to(where(m, c.grad(), zero), as).to(ad));
          if (c.needs(1)) c.set(1, sum_to(where(m, zero, c.grad()), bs).to(bd));
        },
        Formula::kComposed);
  return out;
}

// ---- in place

Tensor& Tensor::add_(const Tensor& o, Scalar alpha) {
  const bool recording = needs_grad(*this, o);
  if (recording) begin_recorded_write(*this, o, "add_");
  const Tensor before = recording ? *this : Tensor();
  if (alpha.value != 1) check_alpha("add_", *this, o, alpha.value);
  const FormulaNumbers params{alpha.value};
  alpha.value == 1 ? apply_in_place(*this, "add_", kAdd, o)
                   : apply_in_place(*this, "add_", kAddScaled, o, &params);
  if (recording) record_sum(*this, "add_", before, o, alpha.value);
  return *this;
}
Tensor& Tensor::add_(Scalar s) {
  return add_(with_scalar(*this, s).second);
}
Tensor& Tensor::sub_(const Tensor& o) {
  return add_(o, -1);
}
Tensor& Tensor::mul_(const Tensor& o) {
  if (!needs_grad(*this, o)) return apply_in_place(*this, "mul_", kMul, o);
  begin_recorded_write(*this, o, "mul_");
  begin_in_place(*this, "mul_", o);
  const Tensor product = tinytorch::mul(clone(), o);  // the gradient needs the value before
  {
    const NoGrad no_grad;
    copy_(product);
  }
  return adopt_graph(product);
}
Tensor& Tensor::mul_(Scalar s) {
  return mul_(with_scalar(*this, s).second);
}
Tensor& Tensor::div_(const Tensor& o) {
  if (!needs_grad(*this, o)) return apply_in_place(*this, "div_", kDiv, o);
  begin_recorded_write(*this, o, "div_");
  begin_in_place(*this, "div_", o);
  const Tensor quotient = tinytorch::div(clone(), o);  // the gradient needs the value before
  {
    const NoGrad no_grad;
    copy_(quotient);
  }
  return adopt_graph(quotient);
}

// ---- the table

namespace {

using Inputs = const std::vector<Tensor>&;
using BinaryFn = Tensor (*)(const Tensor&, const Tensor&);
Tensor add_plain(const Tensor& a, const Tensor& b) {
  return add(a, b);
}
Tensor sub_plain(const Tensor& a, const Tensor& b) {
  return sub(a, b);
}

template <BinaryFn fn>
std::vector<Sample> samples(SampleMaker& m) {
  const auto run = [](Inputs t) { return fn(t[0], t[1]); };
  return {{"same shape", {m.normal({3, 5}), m.uniform({3, 5}, 0.5, 2)}, run},
          {"row", {m.normal({3, 5}), m.uniform({5}, 0.5, 2)}, run},
          {"column times row", {m.normal({4, 1}), m.uniform({1, 3}, 0.5, 2)}, run},
          {"with a scalar tensor", {m.normal({2, 3}), m.uniform({}, 0.5, 2)}, run},
          {"scalar tensor first", {m.normal({}), m.uniform({2, 3}, 0.5, 2)}, run},
          {"two orders",
           {m.normal({2, 3, 2, 2}),
            m.uniform({2, 3, 2, 2}, 0.5, 2).contiguous(MemoryFormat::kChannelsLast)},
           run},
          {"empty", {m.normal({0, 3}), m.uniform({3}, 0.5, 2)}, run}};
}
std::vector<Sample> add_samples(SampleMaker& m) {
  std::vector<Sample> list = samples<add_plain>(m);
  list.push_back({"alpha 2.5", {m.normal({3, 2}), m.normal({2})}, [](Inputs t) {
                    return add(t[0], t[1], 2.5);
                  }});
  list.push_back({"number", {m.normal({3})}, [](Inputs t) { return t[0] + 1.5; }});
  list.push_back({"the same twice", {m.normal({3})}, [](Inputs t) { return t[0] + t[0]; }});
  list.push_back({"in place", {m.normal({3}), m.normal({3})}, [](Inputs t) {
                    Tensor y = t[0] * 2.0;
                    y.add_(t[1]);
                    return y;
                  }});
  return list;
}
std::vector<Sample> sub_samples(SampleMaker& m) {
  std::vector<Sample> list = samples<sub_plain>(m);
  list.push_back({"from a number", {m.normal({3})}, [](Inputs t) { return 1.5 - t[0]; }});
  return list;
}
std::vector<Sample> mul_samples(SampleMaker& m) {
  std::vector<Sample> list = samples<mul>(m);
  list.push_back({"square", {m.normal({3})}, [](Inputs t) { return t[0] * t[0]; }});
  list.push_back({"number", {m.normal({3})}, [](Inputs t) { return t[0] * -0.5; }});
  list.push_back({"in place", {m.normal({3}), m.normal({3})}, [](Inputs t) {
                    Tensor y = t[0] + 1.0;
                    y.mul_(t[1]);
                    return y;
                  }});
  return list;
}
std::vector<Sample> div_samples(SampleMaker& m) {
  std::vector<Sample> list = samples<div>(m);
  list.push_back(
      {"number by tensor", {m.uniform({3}, 0.5, 2)}, [](Inputs t) { return 2.0 / t[0]; }});
  list.push_back({"in place", {m.normal({3}), m.uniform({3}, 0.5, 2)}, [](Inputs t) {
                    Tensor y = t[0] + 1.0;
                    y.div_(t[1]);
                    return y;
                  }});
  return list;
}
template <BinaryFn fn>
std::vector<Sample> compare_samples(SampleMaker& m) {
  const auto run = [](Inputs t) { return fn(t[0], t[1]); };
  return {{"same shape", {m.uniform({4, 5}, -1, 1), m.uniform({4, 5}, -1, 1)}, run},
          {"row", {m.uniform({4, 5}, -1, 1), m.uniform({5}, -1, 1)}, run},
          {"indices", {m.indices({40}, 3), m.indices({40}, 3)}, run}};
}
std::vector<Sample> where_samples(SampleMaker& m) {
  const auto run = [](Inputs t) { return where(t[0], t[1], t[2]); };
  return {{"same shape", {m.mask({3, 5}), m.normal({3, 5}), m.normal({3, 5})}, run},
          {"broadcast", {m.mask({3, 1}), m.normal({5}), m.normal({})}, run}};
}
Cost cost(const Sample& s, const Tensor& out) {
  return streaming_cost(s, out);
}
std::vector<ErrorCase> add_errors() {
  return {
      {"shapes", [] { add(zeros({2, 3}), zeros({2, 4})); },
       "add: shapes [2, 3] and [2, 4] do not broadcast: dim 1 is 3 in the first and 4 in the "
       "second"},
      {"in place", [] { zeros({3}).add_(zeros({2, 3})); }, "does not fit into f32 [3] in place"},
      {"in place, expanded", [] { zeros({1}).expand({4}).add_(1); },
       "add_: several elements of f32 [4] (strides [0], offset 0) lie in one place"},
      {"in place, shifted",
       [] {
         const Tensor x = zeros({4});
         x.narrow(0, 1, 3).add_(x.narrow(0, 0, 3));
       },
       "add_: f32 [3] (strides [1], offset 1) is changed while f32 [3] (strides [1], offset 0)"},
      {"in place, dtype", [] { zeros({3}, DType::kI64).add_(zeros({3})); }, "would need f32"}};
}
std::vector<ErrorCase> shape_errors() {
  return {{"shapes", [] { mul(zeros({2}), zeros({3})); }, "do not broadcast"}};
}
std::vector<ErrorCase> where_errors() {
  return {{"mask", [] { where(zeros({2}), zeros({2}), zeros({2})); }, "must be bool"}};
}

const char* const kNoGradient = "none: piecewise constant";
const OpInfo kTable[] = {
    {"add", "add(a, b, alpha), a + b, a.add_(b)", "a + alpha b", "g, alpha g", "nothing",
     "pointwise", add_samples, cost, add_errors},
    {"sub", "sub(a, b, alpha), a - b", "a - alpha b", "g, -alpha g", "nothing", "pointwise",
     sub_samples, cost, shape_errors},
    {"mul", "mul(a, b), a * b, a.mul_(b)", "a b", "g b, g a", "a, b", "pointwise", mul_samples,
     cost, shape_errors},
    {"div", "div(a, b), a / b, a.div_(b)", "a / b; integers give f32", "g / b, -g a / b^2", "a, b",
     "pointwise", div_samples, cost, shape_errors},
    {"eq", "eq(a, b)", "a == b", kNoGradient, "nothing", "pointwise", compare_samples<eq>, cost,
     shape_errors},
    {"ne", "ne(a, b)", "a != b", kNoGradient, "nothing", "pointwise", compare_samples<ne>, cost,
     shape_errors},
    {"lt", "lt(a, b)", "a < b", kNoGradient, "nothing", "pointwise", compare_samples<lt>, cost,
     shape_errors},
    {"le", "le(a, b)", "a <= b", kNoGradient, "nothing", "pointwise", compare_samples<le>, cost,
     shape_errors},
    {"gt", "gt(a, b)", "a > b", kNoGradient, "nothing", "pointwise", compare_samples<gt>, cost,
     shape_errors},
    {"ge", "ge(a, b)", "a >= b", kNoGradient, "nothing", "pointwise", compare_samples<ge>, cost,
     shape_errors},
    {"where", "where(mask, a, b)", "a where mask, else b", "g where mask, g where not", "mask",
     "pointwise", where_samples, cost, where_errors},
};

}  // namespace

std::span<const OpInfo> binary_ops() {
  return kTable;
}

}  // namespace tinytorch
#endif  // HWY_ONCE
