#pragma once
// Products of one to four rows with a weight that stays the same, as in inference and decoding.
// Such a product takes as long as reading its weight: so the weight is copied once into the order
// in which it is read, as f32 or in fewer bits.
#include <cstddef>
#include <cstdint>

#include "tinytorch/kernels/matmul.h"

namespace tinytorch::kernels {

// How a packed weight stores its numbers. kI8: w[j,p] = q scale[j], |q| <= 127, scale[j] = the
// largest |w[j,p]| of output j over 127.
enum class WeightFormat : uint8_t { kF32, kBF16, kI8 };
inline int64_t weight_item_bytes(WeightFormat format) {
  return format == WeightFormat::kF32 ? 4 : format == WeightFormat::kBF16 ? 2 : 1;
}

// Panels of kPackedCols outputs: row p of a panel holds w[j, p] for its outputs j, the panel behind
// it the next ones. The last panel is as wide as it must be, rounded up to 16. kI8: the scales of
// all outputs follow.
inline constexpr int64_t kPackedCols = 64;
size_t packed_weight_bytes(WeightFormat format, int64_t n, int64_t k);
// w: n x k, element (j, p) at w[j * w_step + p].
void pack_weight(WeightFormat format, const float* w, int64_t w_step, int64_t n, int64_t k,
                 void* packed);

inline constexpr int64_t kPackedRows = 4;
// C[i,j] = act(sum_p A[i,p] w[j,p] + bias[j]), rows of A a_step and of C ldc elements apart,
// m <= kPackedRows. With kF32 the sums have the order of the contract in kernels/matmul.h: the bits
// of matmul.
struct PackedProductArgs {
  int64_t m = 0, n = 0, k = 0;
  const float* a = nullptr;
  int64_t a_step = 0;
  WeightFormat format = WeightFormat::kF32;
  const void* packed = nullptr;
  float* c = nullptr;
  int64_t ldc = 0;
  const float* bias = nullptr;  // n values or nullptr
  Activation activation = Activation::kNone;
};
void packed_product(const PackedProductArgs& args);

}  // namespace tinytorch::kernels
