#pragma once
// Normalisations beside BatchNorm2d and LayerNorm. Parameters, buffers and their names are
// PyTorch's.
#include <optional>

#include "tinytorch/nn/module.h"
#include "tinytorch/ops/normalization.h"

namespace tinytorch::nn {

// Over rows (n, features) or sequences (n, features, l). Buffers as BatchNorm2d.
class BatchNorm1d : public Module {
 public:
  explicit BatchNorm1d(int64_t features, double eps = 1e-5, double momentum = 0.1);
  Tensor forward(const Tensor& x) override;
  std::string describe() const override { return std::to_string(weight.numel()); }
  const char* kind() const override { return "BatchNorm1d"; }
  double eps() const { return eps_; }
  Tensor weight, bias, running_mean, running_var, num_batches_tracked;

 private:
  double eps_, momentum_;
};

// Over groups of channels of each sample (n, channels, ...). Without `affine` there are no
// parameters.
class GroupNorm : public Module {
 public:
  GroupNorm(int64_t groups, int64_t channels, double eps = 1e-5, bool affine = true);
  Tensor forward(const Tensor& x) override;
  std::string describe() const override;
  const char* kind() const override { return "GroupNorm"; }
  int64_t groups() const { return groups_; }
  double eps() const { return eps_; }
  Tensor weight, bias;

 private:
  int64_t groups_, channels_;
  double eps_;
};

// By the root mean square of the last dimensions; eps as in rms_norm.
class RMSNorm : public Module {
 public:
  explicit RMSNorm(const Shape& normalized_shape, std::optional<double> eps = {});
  Tensor forward(const Tensor& x) override;
  std::string describe() const override { return weight.shape().str(); }
  const char* kind() const override { return "RMSNorm"; }
  std::optional<double> eps() const { return eps_; }
  Tensor weight;

 private:
  std::optional<double> eps_;
};

}  // namespace tinytorch::nn
