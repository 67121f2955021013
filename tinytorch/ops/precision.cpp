#include "tinytorch/ops/precision.h"

namespace tinytorch {

MixedPrecision::MixedPrecision()
    : matmul_("matmul", "bf16"),
      conv2d_("conv2d", "bf16"),
      conv2d_grad_input_("conv2d_grad_input", "bf16"),
      conv2d_grad_weight_("conv2d_grad_weight", "bf16") {}

WinogradConvolutions::WinogradConvolutions()
    : conv2d_("conv2d", "winograd"),
      conv2d_grad_input_("conv2d_grad_input", "winograd"),
      conv2d_grad_weight_("conv2d_grad_weight", "winograd") {}

}  // namespace tinytorch
