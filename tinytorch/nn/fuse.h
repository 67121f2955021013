#pragma once
#include "tinytorch/nn/module.h"

namespace tinytorch::nn {

// Runs the children of a Sequential, taking a child together with the activation behind it where
// one kernel does both. Equal to running them one by one up to rounding.
Tensor run_fused(const Sequential& modules, const Tensor& x);

}  // namespace tinytorch::nn
