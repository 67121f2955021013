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

// Scoped, of the process: convolutions with 3x3 kernels and stride 1, forward and backward, by
// Winograd's F(4x4, 3x3), where their channels come in sixteens (kernels/conv.h says which). A
// quarter of the multiplications; the rounding error of f32 sums becomes five times as large (root
// mean square 1.2e-6 of the result's instead of 2.5e-7), and a NaN or an infinity reaches every
// output of its tile of 4x4. Inside of a MixedPrecision, convolutions are then in f32 and the rest
// in bf16.
class WinogradConvolutions {
 public:
  WinogradConvolutions();

 private:
  kernels::KernelOverride conv2d_, conv2d_grad_input_, conv2d_grad_weight_;
};

}  // namespace tinytorch
