#pragma once
#include "tinytorch/nn/module.h"
#include "tinytorch/ops/ops.h"

namespace tinytorch::nn {

// y = x W^T + b over the last dimension. weight (out, in), bias (out).
class Linear : public Module {
 public:
  Linear(int64_t in_features, int64_t out_features, bool bias = true);
  Tensor forward(const Tensor& x) override { return forward(x, Fused::kNone); }
  Tensor forward(const Tensor& x, Fused activation);
  std::string describe() const override;
  // Shares another module's parameter of the same shape (GPT's head and its token embedding).
  void tie_weight(const Tensor& shared);
  const char* kind() const override { return "Linear"; }
  Tensor weight, bias;  // bias undefined when there is none

 private:
  void reset_parameters();  // U(-1/sqrt(in), 1/sqrt(in)) for both, as PyTorch
};

// A multi-layer perceptron: Linear, ReLU, Linear, ... over sizes {in, hidden..., out}. Everything
// behind the batch dimension is flattened first. Parameters are named as a Sequential's.
class Mlp : public Sequential {
 public:
  explicit Mlp(const std::vector<int64_t>& sizes);
  Tensor forward(const Tensor& x) override;
  const char* kind() const override { return "Mlp"; }
};

}  // namespace tinytorch::nn
