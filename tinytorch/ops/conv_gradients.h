#pragma once
// The gradients of conv2d as operations that are differentiable themselves. Both are linear in each
// of their operands, and each other's gradients together with conv2d. Internal: no public header
// includes it.
#include "tinytorch/ops/ops.h"

namespace tinytorch {

// Of the input x: conv2d's transpose. g (n, o, oh, ow), weight (o, c / groups, kh, kw); `x` is the
// shape (n, c, h, w) of which conv2d makes (oh, ow).
Tensor conv2d_input_gradient(const Tensor& g, const Tensor& weight, const Shape& x,
                             const ConvOptions& options);
// Of the weight of shape `weight`.
Tensor conv2d_weight_gradient(const Tensor& g, const Tensor& x, const Shape& weight,
                              const ConvOptions& options);

}  // namespace tinytorch
