#pragma once
#include "tinytorch/kernels/registry.h"

namespace tinytorch {

// Scoped, of the process: matrix products and convolutions of f32 tensors, forward and backward,
// round their factors to bf16 (8 significant bits, the range of f32) and add up in f32. All tensors
// stay f32: parameters, activations, gradients and the optimizer's state, so no loss scaling is
// needed. What torch.set_float32_matmul_precision("medium") does. Faster on CPUs with AMX or
// AVX512_BF16; on others, and for shapes that gain nothing, products stay f32. Put it around
// backward() too.
class MixedPrecision {
 public:
  MixedPrecision();

 private:
  kernels::KernelOverride matmul_, conv2d_, conv2d_grad_input_, conv2d_grad_weight_;
};

}  // namespace tinytorch
