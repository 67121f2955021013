#pragma once
// Normalisation beside batch_norm and layer_norm (ops/ops.h). Names, argument order and values are
// PyTorch's; the variance is the biased one.
#include <optional>

#include "tinytorch/ops/ops.h"

namespace tinytorch {

// x (n, channels, ...): each sample's channels in `groups` groups of neighbours, each normalised
// over its channels and places; then times weight plus bias, both (channels) or undefined.
// ShapeError when the groups do not divide the channels. Source: Wu and He 2018.
Tensor group_norm(const Tensor& x, int64_t groups, const Tensor& weight = {},
                  const Tensor& bias = {}, double eps = 1e-5);
// x / sqrt(mean(x^2) + eps) over the last dimensions, times weight (normalized_shape or undefined).
// Without eps: the distance from 1 to the next number of x's dtype. Source: Zhang and Sennrich
// 2019.
Tensor rms_norm(const Tensor& x, const Shape& normalized_shape, const Tensor& weight = {},
                std::optional<double> eps = {});
// x (n, channels, places...): each channel of each sample normalised over its places, and the
// running statistics (undefined: none kept) moved by `momentum` towards the means over the samples
// of their means and unbiased variances. Without use_input_stats the running statistics are used,
// as batch_norm does in evaluation. weight and bias (channels) or undefined. ShapeError for a
// single place, whose variance is 0. Source: Ulyanov, Vedaldi, Lempitsky 2016.
Tensor instance_norm(const Tensor& x, const Tensor& running_mean = {},
                     const Tensor& running_var = {}, const Tensor& weight = {},
                     const Tensor& bias = {}, bool use_input_stats = true, double momentum = 0.1,
                     double eps = 1e-5);

}  // namespace tinytorch
