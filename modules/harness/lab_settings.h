#pragma once
#include "tinytorch/kernels/registry.h"
#include "tinytorch/nn/module.h"

namespace tinytorch::check {

// What runs in a lab is what was written: no fused kernels, and the readable variant of each.
inline void lab_settings() {
  nn::set_fusion(false);
  for (kernels::KernelBase* kernel : kernels::all_kernels()) kernel->select(kernel->find("loops"));
}

}  // namespace tinytorch::check
