#include "tinytorch/kernels/matmul.h"

namespace tinytorch::kernels {

static constexpr Variant<void(const MatmulArgs<float>&)> kMatmulVariants[] = {
    {"loops", loops::matmul<float>, "three plain loops, unit stride in the innermost"},
    {"tiled", loops::matmul_blocked<float>, "the same loops over tiles that stay in cache"},
    {"bf16", bf16::matmul, "operands rounded to bf16 for the CPU's bf16 units, sums in f32"},
    {"simd", simd::matmul, "register tile of 14 x 2 vectors, packed operands, fused epilogue"},
};
Kernel<void(const MatmulArgs<float>&)> matmul_f32("matmul", kMatmulVariants);

void matmul(const MatmulArgs<float>& args) {
  matmul_f32(args);
}

// The tiled loops give the same bits as loops::matmul: both add products in ascending k.
void matmul(const MatmulArgs<double>& args) {
  loops::matmul_blocked(args);
}

}  // namespace tinytorch::kernels
