#pragma once
// Attention with a mask of its own, for padding and for patterns that are not causal.
#include "tinytorch/ops/ops.h"

namespace tinytorch {

// softmax(q k^T / sqrt(d) + mask) v for q (..., tq, d), k (..., tk, d), v (..., tk, dv); leading
// sizes broadcast. mask broadcasts to (..., tq, tk): bool, true where a query may attend to a key,
// or numbers of q's dtype that are added to the scores (-infinity hides). An undefined mask hides
// nothing. A query that may attend to no key gives zeros, and no gradient goes through it: as in
// PyTorch from 2.5 on (NaN before). With
// dropout_p weights are dropped, whatever the mode of a module: 0 for evaluation. The scores are
// stored: tq x tk numbers a head. ShapeError, DTypeError.
Tensor scaled_dot_product_attention(const Tensor& q, const Tensor& k, const Tensor& v,
                                    const Tensor& mask, double dropout_p = 0);

}  // namespace tinytorch
