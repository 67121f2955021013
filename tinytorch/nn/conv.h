#pragma once
#include "tinytorch/nn/module.h"
#include "tinytorch/ops/ops.h"

namespace tinytorch::nn {

// 2-d convolution over images (n, in, h, w). weight (out, in / groups, kh, kw), bias (out).
class Conv2d : public Module {
 public:
  struct Options {
    int64_t stride = 1, padding = 0, dilation = 1, groups = 1;
    bool bias = true;
  };
  Conv2d(int64_t in_channels, int64_t out_channels, int64_t kernel_size)
      : Conv2d(in_channels, out_channels, kernel_size, Options{}) {}
  Conv2d(int64_t in_channels, int64_t out_channels, int64_t kernel_size, const Options& options);
  Tensor forward(const Tensor& x) override { return forward(x, Fused::kNone); }
  Tensor forward(const Tensor& x, Fused activation);
  // With 2x2 max pooling behind the activation; undefined where the result is too small to pool.
  Tensor forward_pooled(const Tensor& x, Fused activation);
  std::string describe() const override;
  const char* kind() const override { return "Conv2d"; }
  const ConvOptions& options() const { return options_; }
  Tensor weight, bias;

 private:
  void reset_parameters();
  ConvOptions options_;
};

class MaxPool2d : public Module {
 public:
  explicit MaxPool2d(int64_t kernel, int64_t stride = 0, int64_t padding = 0);
  Tensor forward(const Tensor& x) override;
  const char* kind() const override { return "MaxPool2d"; }
  const PoolOptions& options() const { return options_; }
  bool halves() const;  // 2x2 windows side by side: what a convolution can do in its own pass

 private:
  PoolOptions options_;
};

class AvgPool2d : public Module {
 public:
  explicit AvgPool2d(int64_t kernel, int64_t stride = 0, int64_t padding = 0);
  Tensor forward(const Tensor& x) override;
  const char* kind() const override { return "AvgPool2d"; }
  const PoolOptions& options() const { return options_; }

 private:
  PoolOptions options_;
};

class AdaptiveAvgPool2d : public Module {
 public:
  explicit AdaptiveAvgPool2d(int64_t out) : out_(out) {}
  Tensor forward(const Tensor& x) override { return adaptive_avg_pool2d(x, out_, out_); }
  const char* kind() const override { return "AdaptiveAvgPool2d"; }
  int64_t output_size() const { return out_; }

 private:
  int64_t out_;
};

}  // namespace tinytorch::nn
