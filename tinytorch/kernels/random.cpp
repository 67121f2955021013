#include "tinytorch/kernels/random.h"

namespace tinytorch::kernels {

Kernel<void(const UniformArgs<float>&)> uniform_f32(
    "uniform", {{"loops", loops::uniform<float>, "one Philox block at a time"},
                {"simd", simd::uniform, "a Philox block in each 64-bit lane"}});
Kernel<void(const DropoutArgs<float>&)> dropout_f32(
    "dropout", {{"loops", loops::dropout<float>, "one Philox block at a time"},
                {"simd", simd::dropout, "the mask is made in registers, a block in each lane"}});

void uniform(const UniformArgs<float>& args) {
  uniform_f32(args);
}
void uniform(const UniformArgs<double>& args) {
  loops::uniform(args);
}
void dropout(const DropoutArgs<float>& args) {
  dropout_f32(args);
}
void dropout(const DropoutArgs<double>& args) {
  loops::dropout(args);
}

}  // namespace tinytorch::kernels
