#pragma once
// The gradients of ten core operations. They stand together because students write them (module 4);
// every other gradient stands beside its forward. The loops of relu, cross_entropy, conv2d and
// max_pool2d are in kernels/loops (gradient_rows.cpp, conv_backward.cpp). `g` is the gradient of
// the output; each function gives the gradient of one input (or of both, where they share work).
#include <span>
#include <utility>

#include "tinytorch/ops/ops.h"

namespace tinytorch::gradients {

Tensor add(const Tensor& g, const Shape& x);  // of either input, shape x
Tensor mul(const Tensor& g, const Tensor& other, const Shape& x);
Tensor matmul_a(const Tensor& g, const Tensor& b);  // 2-d or batched, same batch shape
Tensor matmul_b(const Tensor& g, const Tensor& a);
Tensor relu(const Tensor& g, const Tensor& y);  // y: the output of relu
Tensor sum(const Tensor& g, const Shape& x, std::span<const int> dims, bool keepdim);
Tensor expand(const Tensor& g, const Shape& x);
Tensor view(const Tensor& g, const Shape& x);
// of the mean, sum or each loss of rows of logits: weight[i] is what row i's loss counts
Tensor cross_entropy(const Tensor& logits, const Tensor& target, const Tensor& log_sum,
                     const Tensor& weight, int64_t ignore_index, double label_smoothing);
Tensor conv2d_input(const Tensor& g, const Tensor& weight, const Shape& x,
                    const ConvOptions& options);
// gradient of the weight; writes the bias' gradient into *bias when it is not null
Tensor conv2d_weight(const Tensor& g, const Tensor& x, const Shape& weight,
                     const ConvOptions& options, Tensor* bias);
Tensor max_pool2d(const Tensor& g, const Tensor& index, const Shape& x, const PoolOptions& options);

}  // namespace tinytorch::gradients
