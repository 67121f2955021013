#pragma once
#include "tinytorch/core/tensor.h"

namespace tinytorch {

// Causal self-attention of tokens that follow past[0] others: qkv (b, t, 3c), the keys and values
// of all tokens in `keys` and `values` (b, room, c), into which those of the new ones are written;
// gives (b, t, c). past: i64. Without a gradient, for decoding; internal.
Tensor cached_self_attention(const Tensor& qkv, const Tensor& keys, const Tensor& values,
                             const Tensor& past, int64_t heads);

}  // namespace tinytorch
