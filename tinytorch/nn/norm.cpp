#include "tinytorch/nn/norm.h"

#include "tinytorch/core/format.h"

namespace tinytorch::nn {

BatchNorm2d::BatchNorm2d(int64_t channels, double eps, double momentum)
    : eps_(eps), momentum_(momentum) {
  weight = register_parameter("weight", ones({channels}));
  bias = register_parameter("bias", zeros({channels}));
  running_mean = register_buffer("running_mean", zeros({channels}));
  running_var = register_buffer("running_var", ones({channels}));
  num_batches_tracked = register_buffer("num_batches_tracked", zeros({}, DType::kI64));
}

Tensor BatchNorm2d::forward(const Tensor& x, const Tensor& residual, Fused activation) {
  if (x.dim() != 4)
    raise<ShapeError>("BatchNorm2d: input {} must be (n, c, h, w).", x.shape().str());
  const Tensor y = batch_norm(x, running_mean, running_var, weight, bias, training(), momentum_,
                              eps_, residual, activation);
  if (training()) ++*num_batches_tracked.data<int64_t>();
  return y;
}

LayerNorm::LayerNorm(const Shape& normalized_shape, double eps, bool with_bias) : eps_(eps) {
  weight = register_parameter("weight", ones(normalized_shape));
  bias = register_parameter("bias", with_bias ? zeros(normalized_shape) : Tensor());
}

}  // namespace tinytorch::nn
