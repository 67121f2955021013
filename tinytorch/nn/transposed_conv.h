#pragma once
// Convolution over sequences, and transposed convolution over images. Parameters, their names and
// their starting values are PyTorch's: U(-b, b), b = 1 / sqrt(fan_in of the weight as it stands).
#include "tinytorch/nn/module.h"
#include "tinytorch/ops/transposed_conv.h"

namespace tinytorch::nn {

// Over sequences (n, in, l). weight (out, in / groups, kernel), bias (out).
class Conv1d : public Module {
 public:
  struct Options {
    int64_t stride = 1, padding = 0, dilation = 1, groups = 1;
    bool bias = true;
  };
  Conv1d(int64_t in_channels, int64_t out_channels, int64_t kernel_size)
      : Conv1d(in_channels, out_channels, kernel_size, Options{}) {}
  Conv1d(int64_t in_channels, int64_t out_channels, int64_t kernel_size, const Options& options);
  Tensor forward(const Tensor& x) override;
  std::string describe() const override;
  const char* kind() const override { return "Conv1d"; }
  const Options& options() const { return options_; }
  Tensor weight, bias;

 private:
  Options options_;
};

// Over images (n, in, h, w). weight (in, out / groups, kernel, kernel), bias (out).
class ConvTranspose2d : public Module {
 public:
  struct Options {
    int64_t stride = 1, padding = 0, output_padding = 0, groups = 1;
    bool bias = true;
    int64_t dilation = 1;
  };
  ConvTranspose2d(int64_t in_channels, int64_t out_channels, int64_t kernel_size)
      : ConvTranspose2d(in_channels, out_channels, kernel_size, Options{}) {}
  ConvTranspose2d(int64_t in_channels, int64_t out_channels, int64_t kernel_size,
                  const Options& options);
  Tensor forward(const Tensor& x) override;
  std::string describe() const override;
  const char* kind() const override { return "ConvTranspose2d"; }
  const Options& options() const { return options_; }
  Tensor weight, bias;

 private:
  Options options_;
};

}  // namespace tinytorch::nn
