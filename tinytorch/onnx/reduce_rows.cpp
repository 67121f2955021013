// Reductions over axes, which are an attribute, or an input in later opsets.
#include <algorithm>
#include <numeric>

#include "tinytorch/onnx/node.h"
#include "tinytorch/ops/math.h"
#include "tinytorch/ops/ops.h"
#include "tinytorch/ops/statistics.h"

namespace tinytorch::onnx {

namespace {

Numbers reduced_axes(const Node& n) {
  const int rank = n.in(0).dim();
  Numbers axes = n.has_numbers("axes", 1) ? n.either("axes", 1) : Numbers();
  for (int64_t& axis : axes) axis = axis_of(n, axis, rank);
  if (axes.empty() && n.integer("noop_with_empty_axes", 0) == 0) {
    axes.resize(static_cast<size_t>(rank));
    std::iota(axes.begin(), axes.end(), 0);
  }
  return axes;
}

Tensor sum_over(const Tensor& x, const Numbers& axes) {
  return axes.empty() ? x : sum(x, axes, true).to(x.dtype());
}
Tensor r_sum(const Tensor& x, const Numbers& axes) {
  return sum_over(x, axes);
}
Tensor r_mean(const Tensor& x, const Numbers& axes) {
  return axes.empty() ? x : mean(x, axes, true);
}
Tensor r_l1(const Tensor& x, const Numbers& axes) {
  return sum_over(abs(x), axes);
}
Tensor r_l2(const Tensor& x, const Numbers& axes) {
  return sqrt(sum_over(square(x), axes));
}
Tensor r_sum_square(const Tensor& x, const Numbers& axes) {
  return sum_over(square(x), axes);
}
Tensor r_log_sum(const Tensor& x, const Numbers& axes) {
  return log(sum_over(x, axes));
}
Tensor r_log_sum_exp(const Tensor& x, const Numbers& axes) {
  return axes.empty() ? x : logsumexp(x, axes, true);
}
Tensor r_max(const Tensor& x, const Numbers& axes) {
  return axes.empty() ? x : amax(x, axes, true);
}
Tensor r_min(const Tensor& x, const Numbers& axes) {
  return axes.empty() ? x : amin(x, axes, true);
}
Tensor r_prod(const Tensor& x, const Numbers& axes) {
  Tensor y = x;
  for (const int64_t axis : axes) y = prod(y, axis, true);
  return y.to(x.dtype());
}

template <Tensor (*kOp)(const Tensor&, const Numbers&)>
Tensors reduce(const Node& n) {
  const Tensor& x = n.in(0);
  const Numbers axes = reduced_axes(n);
  const Tensor y = kOp(x, axes);
  if (n.integer("keepdims", 1)) return {y};
  Shape shape;
  for (int d = 0; d < x.dim(); ++d)
    if (std::find(axes.begin(), axes.end(), d) == axes.end()) shape.push_back(x.shape()[d]);
  return {y.reshape(shape)};
}

template <Tensor (*kOp)(const Tensor&, int64_t, bool)>
Tensors arg_extreme(const Node& n) {
  const Tensor& x = n.in(0);
  const int axis = axis_of(n, n.integer("axis", 0), x.dim());
  const bool keep = n.integer("keepdims", 1) != 0;
  if (n.integer("select_last_index", 0) == 0) return {kOp(x, axis, keep)};
  const int64_t last = x.size(axis) - 1;
  const Tensor backwards = last - arange(last + 1);
  return {last - kOp(index_select(x, axis, backwards), axis, keep)};
}

const OpRow kRows[] = {
    {"ReduceSum", 1, reduce<r_sum>},        {"ReduceMean", 1, reduce<r_mean>},
    {"ReduceMax", 1, reduce<r_max>},        {"ReduceMin", 1, reduce<r_min>},
    {"ReduceProd", 1, reduce<r_prod>},      {"ReduceL1", 1, reduce<r_l1>},
    {"ReduceL2", 1, reduce<r_l2>},          {"ReduceSumSquare", 1, reduce<r_sum_square>},
    {"ReduceLogSum", 1, reduce<r_log_sum>}, {"ReduceLogSumExp", 1, reduce<r_log_sum_exp>},
    {"ArgMax", 1, arg_extreme<argmax>},     {"ArgMin", 1, arg_extreme<argmin>},
};

}  // namespace

std::span<const OpRow> reduce_rows() {
  return kRows;
}

}  // namespace tinytorch::onnx
