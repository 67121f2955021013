// The gradients of ten core operations (module 4). Each follows from one rule: the gradient of an
// input has the input's shape, and every path from it to the loss adds its share.
#include "tinytorch/ops/core_gradients.h"

#include "tinytorch/kernels/cross_entropy.h"
#include "tinytorch/ops/common.h"

namespace tinytorch::gradients {

// tito:begin 4.0
// tito:end 4.0

// Expanding repeats elements, so their gradients add up: g summed over the dimensions that came at
// the left and over those that grew from 1. The gradient of a broadcast operand is the same.
Tensor expand(const Tensor& g, const Shape& x) {
  // tito:begin 4.7a
  if (g.shape() == x) return g;
  const int added = g.dim() - x.rank();
  int64_t dims[kMaxDims];
  size_t count = 0;
  for (int d = 0; d < g.dim(); ++d)
    if (d < added || (x[d - added] == 1 && g.shape()[d] != 1)) dims[count++] = d;
  if (count == 0) return g.reshape(x);  // only dimensions of size 1 were added
  return tinytorch::sum(g, {dims, count}, true).reshape(x);
  // tito:end 4.7a
}

Tensor add(const Tensor& g, const Shape& x) {
  // tito:begin 4.7b
  return expand(g, x);
  // tito:end 4.7b
}

Tensor mul(const Tensor& g, const Tensor& other, const Shape& x) {
  // tito:begin 4.7c
  return expand(g * other, x);
  // tito:end 4.7c
}

// `dims`: the dimensions of x that were summed, in rising order (all of them after x.sum()); they
// have size 1 in g with keepdim and are missing without.
Tensor sum(const Tensor& g, const Shape& x, std::span<const int> dims, bool keepdim) {
  // tito:begin 4.7d
  Tensor with_dims = g;
  if (!keepdim)
    for (const int d : dims) with_dims = with_dims.unsqueeze(d);
  return with_dims.expand(x);
  // tito:end 4.7d
}

Tensor view(const Tensor& g, const Shape& x) {
  // tito:begin 4.7e
  return g.reshape(x);
  // tito:end 4.7e
}

// C = A B for matrices, or for batches of them. The gradient of each factor is a product, too.
Tensor matmul_a(const Tensor& g, const Tensor& b) {
  // tito:begin 4.8a
  return matmul(g, b.transpose(-2, -1));  // dA = dC B^T; the transpose is a view
  // tito:end 4.8a
}

Tensor matmul_b(const Tensor& g, const Tensor& a) {
  // tito:begin 4.8b
  return matmul(a.transpose(-2, -1), g);  // dB = A^T dC
  // tito:end 4.8b
}

// The rows of these two stand in kernels/loops/gradient_rows.cpp; here only the call.
Tensor relu(const Tensor& g, const Tensor& y) {
  return activation_gradient(Fused::kRelu, g, y);
}

Tensor cross_entropy(const Tensor& logits, const Tensor& target, const Tensor& stats,
                     const Tensor& weight, int64_t ignore_index, double label_smoothing) {
  const int64_t rows = logits.shape()[0], classes = logits.shape()[1];
  Tensor dx = empty(logits.shape(), logits.dtype());
  const Tensor each = weight.numel() == 1 ? Tensor() : weight.contiguous();
  with_float(logits.dtype(), "cross_entropy", [&](auto type) {
    using T = decltype(type);
    kernels::CrossEntropyGradArgs<T> args;
    args.rows = rows, args.classes = classes;
    args.logits = logits.data<T>(), args.logits_stride = classes;
    args.stats = stats.data<T>(), args.target = target.data<int64_t>();
    args.ignore_index = ignore_index, args.label_smoothing = static_cast<T>(label_smoothing);
    args.scale = each.defined() ? T(1) : *weight.data<T>();
    args.row_scale = each.defined() ? each.data<T>() : nullptr;
    args.dlogits = dx.data<T>(), args.dlogits_stride = classes;
    kernels::cross_entropy_grad(args);
  });
  return dx;
}

}  // namespace tinytorch::gradients
