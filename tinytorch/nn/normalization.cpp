#include "tinytorch/nn/normalization.h"

#include "tinytorch/core/format.h"

namespace tinytorch::nn {

BatchNorm1d::BatchNorm1d(int64_t features, double eps, double momentum)
    : eps_(eps), momentum_(momentum) {
  if (features < 1) raise<ConfigError>("BatchNorm1d({}): the size must be positive.", features);
  weight = register_parameter("weight", ones({features}));
  bias = register_parameter("bias", zeros({features}));
  running_mean = register_buffer("running_mean", zeros({features}));
  running_var = register_buffer("running_var", ones({features}));
  num_batches_tracked = register_buffer("num_batches_tracked", zeros({}, DType::kI64));
}

Tensor BatchNorm1d::forward(const Tensor& x) {
  if (x.dim() != 2 && x.dim() != 3)
    raise<ShapeError>("BatchNorm1d: input {} must be (n, features) or (n, features, length).",
                      x.shape().str());
  const Tensor y =
      batch_norm(x, running_mean, running_var, weight, bias, training(), momentum_, eps_);
  if (training()) ++*num_batches_tracked.data<int64_t>();
  return y;
}

GroupNorm::GroupNorm(int64_t groups, int64_t channels, double eps, bool affine)
    : groups_(groups), channels_(channels), eps_(eps) {
  if (groups < 1 || channels < 1 || channels % groups != 0)
    raise<ConfigError>("GroupNorm: {} groups do not divide {} channels.", groups, channels);
  weight = register_parameter("weight", affine ? ones({channels}) : Tensor());
  bias = register_parameter("bias", affine ? zeros({channels}) : Tensor());
}

Tensor GroupNorm::forward(const Tensor& x) {
  if (x.dim() < 2 || x.size(1) != channels_)
    raise<ShapeError>("GroupNorm: input {} must be (n, {}, ...).", x.shape().str(), channels_);
  return group_norm(x, groups_, weight, bias, eps_);
}

std::string GroupNorm::describe() const {
  return format_text("{} groups of {}", groups_, channels_);
}

RMSNorm::RMSNorm(const Shape& normalized_shape, std::optional<double> eps) : eps_(eps) {
  weight = register_parameter("weight", ones(normalized_shape));
}

Tensor RMSNorm::forward(const Tensor& x) {
  return rms_norm(x, weight.shape(), weight, eps_);
}

}  // namespace tinytorch::nn
