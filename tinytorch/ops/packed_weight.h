#pragma once
// The copies of weights that InferenceMode keeps. Internal.
#include "tinytorch/core/tensor.h"
#include "tinytorch/kernels/conv.h"
#include "tinytorch/kernels/packed_product.h"

namespace tinytorch {

// A copy of a weight in the order of kernels/packed_product.h or of simd::pack_conv_weight(), and
// which state of it was copied.
struct PackedWeight : RefCounted {
  Storage data;
  kernels::WeightFormat format;
  int64_t groups;  // of the convolution; 0: for products
  uint32_t version;
  static void destroy(PackedWeight* packed);
};

// The copy of weight (out, in) for a product with `rows` rows: made when there is none that is
// still true. Null where linear() reads the weight itself: outside InferenceMode, with more rows,
// for small or strided weights or other dtypes, and with another variant of "matmul" than simd.
Ref<PackedWeight> packed_weight(const Tensor& weight, int64_t rows);
// The same, always in f32, of a convolution's weight for the kernel whose chosen variant is `simd`.
Ref<PackedWeight> packed_conv_weight(const Tensor& weight, const kernels::ConvGeometry& g,
                                     bool simd);

}  // namespace tinytorch
