#pragma once
#include "tinytorch/nn/module.h"
#include "tinytorch/ops/ops.h"

namespace tinytorch::nn {

// Normalises each channel over batch and image. Buffers running_mean, running_var and
// num_batches_tracked (i64), as in PyTorch.
class BatchNorm2d : public Module {
 public:
  explicit BatchNorm2d(int64_t channels, double eps = 1e-5, double momentum = 0.1);
  Tensor forward(const Tensor& x) override { return forward(x, {}, Fused::kNone); }
  // relu(norm(x) + residual) in one pass
  Tensor forward(const Tensor& x, const Tensor& residual, Fused activation);
  std::string describe() const override { return std::to_string(weight.numel()); }
  const char* kind() const override { return "BatchNorm2d"; }
  double eps() const { return eps_; }
  Tensor weight, bias, running_mean, running_var, num_batches_tracked;

 private:
  double eps_, momentum_;
};

// Normalises over the last dimensions.
class LayerNorm : public Module {
 public:
  explicit LayerNorm(const Shape& normalized_shape, double eps = 1e-5, bool with_bias = true);
  Tensor forward(const Tensor& x) override {
    return layer_norm(x, weight.shape(), weight, bias, eps_);
  }
  std::string describe() const override { return weight.shape().str(); }
  const char* kind() const override { return "LayerNorm"; }
  double eps() const { return eps_; }
  Tensor weight, bias;

 private:
  double eps_;
};

}  // namespace tinytorch::nn
