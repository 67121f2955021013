#pragma once
// The copies of weights that InferenceMode keeps. Internal.
#include "tinytorch/core/tensor.h"
#include "tinytorch/kernels/packed_product.h"

namespace tinytorch {

// A copy of a weight in the order of kernels/packed_product.h, and which state of it was copied.
struct PackedWeight : RefCounted {
  Storage data;
  kernels::WeightFormat format;
  uint32_t version;
  static void destroy(PackedWeight* packed);
};

// The copy of weight (out, in) for a product with `rows` rows: made when there is none that is
// still true. Null where linear() reads the weight itself: outside InferenceMode, with more rows,
// for small or strided weights or other dtypes, and with another variant of "matmul" than simd.
Ref<PackedWeight> packed_weight(const Tensor& weight, int64_t rows);

}  // namespace tinytorch
