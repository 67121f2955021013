#pragma once
#include "tinytorch/core/tensor.h"

namespace tinytorch {

enum class Interpolation : uint8_t { kNearest, kBilinear };

// Images (n, c, h, w) in another size (n, c, out_h, out_w). Nearest: pixel i of the result is pixel
// floor(i in / out), reckoned in f32 as PyTorch does. Bilinear: of the two nearest in each
// direction, weighted by distance; with align_corners the centres of the corner pixels coincide,
// else the images' edges do. ShapeError for other shapes or sizes below 1.
Tensor interpolate(const Tensor& x, int64_t out_h, int64_t out_w,
                   Interpolation mode = Interpolation::kNearest, bool align_corners = false);
// The same by a factor: out = floor(in * scale), and positions follow the factor given, as with
// PyTorch's scale_factor.
Tensor interpolate_by(const Tensor& x, double scale_h, double scale_w,
                      Interpolation mode = Interpolation::kNearest, bool align_corners = false);

}  // namespace tinytorch
