// The list of all kernel tables. A table is added here once; `tito kernels`, TINYTORCH_KERNELS and
// the parity tests follow from it.
#include <vector>

#include "tinytorch/kernels/registry.h"

namespace tinytorch::kernels {

std::span<KernelBase* const> all_kernels() {
  static const std::vector<KernelBase*> kernels = {
  };
  return kernels;
}

}  // namespace tinytorch::kernels
