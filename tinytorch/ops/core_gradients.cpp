// The gradients of ten core operations (module 4). Each follows from one rule: the gradient of an
// input has the input's shape, and every path from it to the loss adds its share.
#include "tinytorch/ops/core_gradients.h"

#include "tinytorch/kernels/cross_entropy.h"
#include "tinytorch/ops/common.h"

namespace tinytorch::gradients {

// tito:begin 4.0
// tito:end 4.0

Tensor add(const Tensor& g, const Shape& x) {
  // tito:begin 4.20
  return sum_to(g, x);
  // tito:end 4.20
}

Tensor mul(const Tensor& g, const Tensor& other, const Shape& x) {
  // tito:begin 4.21
  return sum_to(g * other, x);
  // tito:end 4.21
}

// C = A B, so dA = dC B^T and dB = A^T dC. The transposes are views.
Tensor matmul_a(const Tensor& g, const Tensor& b) {
  // tito:begin 4.22
  return matmul(g, b.transpose(-2, -1));
  // tito:end 4.22
}

Tensor matmul_b(const Tensor& g, const Tensor& a) {
  // tito:begin 4.23
  return matmul(a.transpose(-2, -1), g);
  // tito:end 4.23
}

Tensor relu(const Tensor& g, const Tensor& y) {
  // tito:begin 4.24
  return activation_gradient(Fused::kRelu, g, y);
  // tito:end 4.24
}

Tensor sum(const Tensor& g, const Shape& x, std::span<const int> dims, bool keepdim) {
  // tito:begin 4.25
  Tensor with_dims = g;
  if (!keepdim)
    for (const int d : dims) with_dims = with_dims.unsqueeze(d);  // dims are in rising order
  return with_dims.expand(x);
  // tito:end 4.25
}

Tensor expand(const Tensor& g, const Shape& x) {
  // tito:begin 4.26
  return sum_to(g, x);
  // tito:end 4.26
}

Tensor view(const Tensor& g, const Shape& x) {
  // tito:begin 4.27
  return g.reshape(x);
  // tito:end 4.27
}

Tensor cross_entropy(const Tensor& logits, const Tensor& target, const Tensor& stats,
                     const Tensor& weight, int64_t ignore_index, double label_smoothing) {
  // tito:begin 4.28
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
  // tito:end 4.28
}

}  // namespace tinytorch::gradients
