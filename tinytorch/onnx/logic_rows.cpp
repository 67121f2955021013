// Comparisons, logic, choices, dtypes.
#include <cmath>

#include "tinytorch/onnx/node.h"
#include "tinytorch/ops/math.h"
#include "tinytorch/ops/ops.h"

namespace tinytorch::onnx {

namespace {

template <Tensor (*kOp)(const Tensor&, const Tensor&)>
Tensors binary(const Node& n) {
  return {kOp(n.in(0), n.in(1))};
}

Tensors logical_not_of(const Node& n) {
  return {logical_not(n.in(0))};
}

Tensors is_nan(const Node& n) {
  return {ne(n.in(0), n.in(0))};
}

Tensors is_inf(const Node& n) {
  const Tensor& x = n.in(0);
  Tensor y = zeros(x.shape(), DType::kBool);
  if (n.integer("detect_positive", 1)) y = logical_or(y, eq(x, HUGE_VAL));
  if (n.integer("detect_negative", 1)) y = logical_or(y, eq(x, -HUGE_VAL));
  return {y};
}

Tensors where_of(const Node& n) {
  return {where(n.in(0), n.in(1), n.in(2))};
}

Tensors cast(const Node& n) {
  if (!n.given("to")) raise<IoError>("attribute to is left out");
  return {n.in(0).to(dtype_of_onnx(n.integer("to", 0)))};
}

Tensors cast_like(const Node& n) {
  return {n.in(0).to(n.in(1).dtype())};
}

Tensors identity(const Node& n) {
  return {n.in(0)};
}

const OpRow kRows[] = {
    {"Equal", 7, binary<eq>},
    {"Greater", 7, binary<gt>},
    {"GreaterOrEqual", 12, binary<ge>},
    {"Less", 7, binary<lt>},
    {"LessOrEqual", 12, binary<le>},
    {"And", 7, binary<logical_and>},
    {"Or", 7, binary<logical_or>},
    {"Xor", 7, binary<logical_xor>},
    {"Not", 1, logical_not_of},
    {"IsNaN", 9, is_nan},
    {"IsInf", 10, is_inf},
    {"Where", 9, where_of},
    {"Cast", 6, cast},
    {"CastLike", 15, cast_like},
    {"Identity", 1, identity},
};

}  // namespace

std::span<const OpRow> logic_rows() {
  return kRows;
}

}  // namespace tinytorch::onnx
