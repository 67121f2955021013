// Arithmetic, functions of one value, activations, products.
#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "tinytorch/onnx/node.h"
#include "tinytorch/ops/einsum.h"
#include "tinytorch/ops/math.h"
#include "tinytorch/ops/ops.h"
#include "tinytorch/ops/statistics.h"

namespace tinytorch::onnx {

namespace {

template <Tensor (*kOp)(const Tensor&)>
Tensors unary(const Node& n) {
  return {kOp(n.in(0))};
}
template <double (*kOp)(double)>
Tensors mapped(const Node& n) {
  return {map(n.in(0), kOp)};
}

// ONNX promotes nothing: operands have one dtype, which is the result's.
void check_same_dtype(const Node& n) {
  for (const Tensor& x : n.all())
    if (x.defined() && x.dtype() != n.in(0).dtype())
      raise<IoError>("inputs of {} and {}: ONNX has no promotion", dtype_name(n.in(0).dtype()),
                     dtype_name(x.dtype()));
}

Tensor plus(const Tensor& a, const Tensor& b) {
  return add(a, b);
}
Tensor minus(const Tensor& a, const Tensor& b) {
  return sub(a, b);
}

int64_t quotient(int64_t a, int64_t b) {
  if (b == 0) raise<IoError>("division of an integer by zero");
  return b == -1 ? static_cast<int64_t>(0 - static_cast<uint64_t>(a)) : a / b;
}
int64_t floor_mod(int64_t a, int64_t b) {
  if (b == 0) raise<IoError>("division of an integer by zero");
  if (b == -1) return 0;
  const int64_t r = a % b;
  return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}
int64_t truncated_mod(int64_t a, int64_t b) {
  if (b == 0) raise<IoError>("division of an integer by zero");
  return b == -1 ? 0 : a % b;
}

// Exact for any integers, unlike a way over doubles.
Tensor integers(const Tensor& a, const Tensor& b, int64_t (*f)(int64_t, int64_t)) {
  const Shape shape = broadcast_shapes(a.shape(), b.shape(), "broadcast");
  const Tensor wide_a = a.to(DType::kI64).expand(shape).contiguous();
  const Tensor wide_b = b.to(DType::kI64).expand(shape).contiguous();
  const Tensor y = empty(shape, DType::kI64);
  const int64_t *pa = wide_a.data<int64_t>(), *pb = wide_b.data<int64_t>();
  int64_t* to = y.data<int64_t>();
  for (int64_t i = 0; i < y.numel(); ++i) to[i] = f(pa[i], pb[i]);
  return y.to(a.dtype());
}

Tensor divide(const Tensor& a, const Tensor& b) {
  return is_floating(a.dtype()) ? div(a, b) : integers(a, b, quotient);
}

template <Tensor (*kOp)(const Tensor&, const Tensor&)>
Tensors binary(const Node& n) {
  check_same_dtype(n);
  return {kOp(n.in(0), n.in(1))};
}
template <Tensor (*kOp)(const Tensor&, const Tensor&)>
Tensors variadic(const Node& n) {
  check_same_dtype(n);
  Tensor y = n.in(0);
  for (int i = 1; i < n.count(); ++i) y = kOp(y, n.in(i));
  return {y};
}
Tensors mean_of(const Node& n) {
  return {variadic<plus>(n).front() / static_cast<double>(n.count())};
}

Tensors power(const Node& n) {
  const DType out = n.in(0).dtype();
  return {pow(n.in(0), n.in(1)).to(out)};
}

Tensors mod(const Node& n) {
  check_same_dtype(n);
  const bool truncated = n.integer("fmod", 0) != 0;
  if (!is_floating(n.in(0).dtype()))
    return {integers(n.in(0), n.in(1), truncated ? truncated_mod : floor_mod)};
  if (!truncated) raise<IoError>("fmod must be 1 for {}", dtype_name(n.in(0).dtype()));
  return {
      map(n.in(0), n.in(1), n.in(0).dtype(), [](double a, double b) { return std::fmod(a, b); })};
}

// As NumPy's: bits that leave are gone, also by more places than there are. ONNX has unsigned
// numbers alone; those of a file that has signed ones take their sign in from the left.
int64_t shift_amount(int64_t b) {
  if (b < 0) raise<IoError>("shift by {}: it must not be negative", b);
  return b;
}
int64_t shift_left(int64_t a, int64_t b) {
  return shift_amount(b) > 63 ? 0 : static_cast<int64_t>(static_cast<uint64_t>(a) << b);
}
int64_t shift_right(int64_t a, int64_t b) {
  return a >> std::min<int64_t>(shift_amount(b), 63);
}

Tensors shift(const Node& n) {
  check_same_dtype(n);
  const std::string direction = n.text("direction", "");
  if (direction != "LEFT" && direction != "RIGHT")
    raise<IoError>("direction '{}' is neither LEFT nor RIGHT", direction);
  return {integers(n.in(0), n.in(1), direction == "LEFT" ? shift_left : shift_right)};
}

// Bounds are attributes before opset 11 and inputs since then.
Tensors clip(const Node& n) {
  Tensor y = n.in(0);
  const auto bound = [&](const char* attribute, int input) {
    if (n.has(input)) return n.in(input);
    return n.given(attribute) ? scalar_tensor(n.real(attribute, 0), y.dtype()) : Tensor();
  };
  const Tensor low = bound("min", 1), high = bound("max", 2);
  if (low.defined()) y = maximum(y, low);
  if (high.defined()) y = minimum(y, high);
  return {y};
}

Tensors negate(const Node& n) {
  return {neg(n.in(0))};
}
Tensors gelu_of(const Node& n) {
  const std::string form = n.text("approximate", "none");
  return {gelu(n.in(0), form == "tanh" ? GeluForm::kTanh : GeluForm::kErf)};
}
Tensors leaky(const Node& n) {
  return {leaky_relu(n.in(0), n.real("alpha", 0.01))};
}
Tensors elu_of(const Node& n) {
  return {elu(n.in(0), n.real("alpha", 1))};
}
Tensors celu(const Node& n) {
  const double alpha = n.real("alpha", 1);
  return {elu(n.in(0) / alpha) * alpha};
}
Tensors selu_of(const Node& n) {
  const double alpha = n.real("alpha", 1.67326319217681884765625);
  return {elu(n.in(0), alpha) * n.real("gamma", 1.05070102214813232421875)};
}
Tensors prelu(const Node& n) {
  const Tensor &x = n.in(0), &slope = n.in(1);
  return {where(lt(x, 0), x * slope, x)};
}
Tensors thresholded(const Node& n) {
  const Tensor& x = n.in(0);
  return {where(gt(x, n.real("alpha", 1)), x, zeros({}, x.dtype()))};
}
Tensors softplus_of(const Node& n) {
  return {softplus(n.in(0))};
}
Tensors softsign(const Node& n) {
  return {n.in(0) / (abs(n.in(0)) + 1)};
}
Tensors hard_sigmoid(const Node& n) {
  return {clamp(n.in(0) * n.real("alpha", 0.2) + n.real("beta", 0.5), 0, 1)};
}
Tensors shrink(const Node& n) {
  const Tensor& x = n.in(0);
  const double bias = n.real("bias", 0), lambda = n.real("lambd", 0.5);
  const Tensor zero = zeros({}, x.dtype());
  return {where(lt(x, -lambda), x + bias, where(gt(x, lambda), x - bias, zero))};
}

Tensors cumulative_sum(const Node& n) {
  Tensor x = n.in(0);
  const int axis = axis_of(n, n.whole(1, 0), x.dim());
  const Tensor backwards = (x.size(axis) - 1) - arange(x.size(axis));
  const bool reverse = n.integer("reverse", 0) != 0;
  if (reverse) x = index_select(x, axis, backwards);
  Tensor y = cumsum(x, axis).to(x.dtype());
  if (n.integer("exclusive", 0)) y = y - x;
  return {reverse ? index_select(y, axis, backwards) : y};
}

Tensors einsum_of(const Node& n) {
  return {einsum(n.text("equation", ""), n.all())};
}

Tensors matmul_of(const Node& n) {
  return {matmul(n.in(0), n.in(1))};
}

Tensors gemm(const Node& n) {
  const Tensor a = n.integer("transA", 0) ? n.in(0).t() : n.in(0);
  const Tensor b = n.integer("transB", 0) ? n.in(1).t() : n.in(1);
  if (a.dim() != 2 || b.dim() != 2)
    raise<ShapeError>("{} and {} are no matrices", a.shape().str(), b.shape().str());
  const double alpha = n.real("alpha", 1), beta = n.real("beta", 1);
  Tensor y = matmul(a, b);
  if (alpha != 1) y = y * alpha;
  if (n.has(2) && beta != 0) y = y + (beta == 1 ? n.in(2) : n.in(2) * beta);
  return {y};
}

const OpRow kRows[] = {
    {"Add", 7, binary<plus>},
    {"Sub", 7, binary<minus>},
    {"Mul", 7, binary<mul>},
    {"Div", 7, binary<divide>},
    {"Sum", 8, variadic<plus>},
    {"Mean", 8, mean_of},
    {"Max", 8, variadic<maximum>},
    {"Min", 8, variadic<minimum>},
    {"Pow", 7, power},
    {"Mod", 10, mod},
    {"BitShift", 11, shift},
    {"Clip", 6, clip},
    {"Neg", 6, negate},
    {"Abs", 6, unary<abs>},
    {"Sign", 9, unary<sign>},
    {"Reciprocal", 6, unary<reciprocal>},
    {"Exp", 6, unary<exp>},
    {"Log", 6, unary<log>},
    {"Sqrt", 6, unary<sqrt>},
    {"Erf", 9, unary<erf>},
    {"Sin", 7, unary<sin>},
    {"Cos", 7, unary<cos>},
    {"Tan", 7, mapped<std::tan>},
    {"Asin", 7, mapped<std::asin>},
    {"Acos", 7, mapped<std::acos>},
    {"Atan", 7, mapped<std::atan>},
    {"Sinh", 9, mapped<std::sinh>},
    {"Cosh", 9, mapped<std::cosh>},
    {"Asinh", 9, mapped<std::asinh>},
    {"Acosh", 9, mapped<std::acosh>},
    {"Atanh", 9, mapped<std::atanh>},
    {"Floor", 6, mapped<std::floor>},
    {"Ceil", 6, mapped<std::ceil>},
    {"Round", 11, mapped<std::nearbyint>},  // halves to even, as the default rounding mode does
    {"Relu", 6, unary<relu>},
    {"Sigmoid", 6, unary<sigmoid>},
    {"Tanh", 6, unary<tanh>},
    {"Gelu", 20, gelu_of},
    {"LeakyRelu", 6, leaky},
    {"Elu", 6, elu_of},
    {"Celu", 12, celu},
    {"Selu", 6, selu_of},
    {"Mish", 18, unary<mish>},
    {"PRelu", 9, prelu},
    {"ThresholdedRelu", 10, thresholded},
    {"Softplus", 1, softplus_of},
    {"Softsign", 1, softsign},
    {"HardSigmoid", 6, hard_sigmoid},
    {"HardSwish", 14, unary<hardswish>},
    {"Shrink", 9, shrink},
    {"CumSum", 11, cumulative_sum},
    {"Einsum", 12, einsum_of},
    {"MatMul", 1, matmul_of},
    {"Gemm", 7, gemm},
};

}  // namespace

std::span<const OpRow> math_rows() {
  return kRows;
}

}  // namespace tinytorch::onnx
