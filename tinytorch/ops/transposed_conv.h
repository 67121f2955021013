#pragma once
// Convolution over sequences and its transpose, over images and sequences. Names and values are
// PyTorch's, and so is the order of arguments that are not in a struct.
#include "tinytorch/ops/ops.h"

namespace tinytorch {

// conv2d over x (n, c, l) with weight (o, c / groups, k): (n, o, l') with
// l' = (l + 2 padding - dilation (k - 1) - 1) / stride + 1. ShapeError, DTypeError.
Tensor conv1d(const Tensor& x, const Tensor& weight, const Tensor& bias = {}, int64_t stride = 1,
              int64_t padding = 0, int64_t dilation = 1, int64_t groups = 1);

struct ConvTransposeOptions {
  int64_t stride[2] = {1, 1}, padding[2] = {0, 0}, output_padding[2] = {0, 0};
  int64_t groups = 1;
  int64_t dilation[2] = {1, 1};
};
// The gradient of conv2d with respect to its input, as an operation: x (n, c, h, w), weight
// (c, o / groups, kh, kw), bias (o) or undefined; gives (n, o, h', w') with
// h' = (h - 1) stride - 2 padding + dilation (kh - 1) + output_padding + 1. output_padding, less
// than the stride or the dilation, adds rows and columns at the end. ShapeError, DTypeError.
Tensor conv_transpose2d(const Tensor& x, const Tensor& weight, const Tensor& bias = {},
                        const ConvTransposeOptions& options = {});
// The same over x (n, c, l) with weight (c, o / groups, k).
Tensor conv_transpose1d(const Tensor& x, const Tensor& weight, const Tensor& bias = {},
                        int64_t stride = 1, int64_t padding = 0, int64_t output_padding = 0,
                        int64_t groups = 1, int64_t dilation = 1);

}  // namespace tinytorch
