// The variants of 2-d convolution and its gradients.
#include "tinytorch/kernels/conv.h"

#include <algorithm>
#include <cstring>

#include "tinytorch/core/format.h"

namespace tinytorch::kernels {

namespace {

constexpr Variant<void(const ConvArgs<float>&)> kForward[] = {
    {"loops", loops::conv2d<float>, "seven plain loops, NCHW"},
    {"im2col", loops::conv2d_im2col<float>, "copy the windows to columns, then a matrix product"},
    {"bf16", bf16::conv2d, "direct, factors rounded to bf16, sums in f32, channels last"},
    {"winograd", winograd::conv2d, "3x3 kernels by 4x4 tiles of outputs, rounds more"},
    {"simd", simd::conv2d, "direct: the micro-kernel over overlapping rows, channels last"},
};
constexpr Variant<void(const ConvGradInputArgs<float>&)> kGradInput[] = {
    {"loops", loops::conv2d_grad_input<float>, "the forward loops with the arrow turned, NCHW"},
    {"bf16", bf16::conv2d_grad_input, "as simd, factors rounded to bf16, sums in f32"},
    {"winograd", winograd::conv2d_grad_input, "as conv2d's, of dy with the flipped kernel"},
    {"simd", simd::conv2d_grad_input,
     "direct convolution of dy with the flipped kernel, by phases"},
};
constexpr Variant<void(const ConvGradWeightArgs<float>&)> kGradWeight[] = {
    {"loops", loops::conv2d_grad_weight<float>, "one sum over all pixels a weight, NCHW"},
    {"bf16", bf16::conv2d_grad_weight, "pixels in pairs, factors rounded to bf16, sums in f32"},
    {"winograd", winograd::conv2d_grad_weight, "the forward tiles transposed, rounds more"},
    {"simd", simd::conv2d_grad_weight,
     "the micro-kernel along the pixels, in place, channels last"},
};

constexpr Variant<void(const ConvPoolArgs<float>&)> kPool[] = {
    {"loops", loops::conv2d_pool<float>, "convolution, then max pooling, NCHW"},
    {"simd", simd::conv2d_pool, "two rows in cache at a time, then their maxima, channels last"},
};
constexpr Variant<void(const ConvPoolGradArgs<float>&)> kPoolGrad[] = {
    {"loops", loops::conv2d_pool_grad<float>, "scatter to the winners that are not clipped, NCHW"},
    {"simd", simd::conv2d_pool_grad, "a vector of channels at a time, channels last"},
};

}  // namespace

Kernel<void(const ConvArgs<float>&)> conv2d_f32("conv2d", kForward);
Kernel<void(const ConvGradInputArgs<float>&)> conv2d_grad_input_f32("conv2d_grad_input",
                                                                    kGradInput);
Kernel<void(const ConvGradWeightArgs<float>&)> conv2d_grad_weight_f32("conv2d_grad_weight",
                                                                      kGradWeight);

Kernel<void(const ConvPoolArgs<float>&)> conv2d_pool_f32("conv2d_pool", kPool);
Kernel<void(const ConvPoolGradArgs<float>&)> conv2d_pool_grad_f32("conv2d_pool_grad", kPoolGrad);

// One tensor passes through all of them, so a hand-picked variant must be picked for all of them.
ImageLayout conv2d_layout() {
  const auto is_simd = [](const KernelBase& k) {  // "simd" or what stands with it
    return k.chosen() >= std::min(k.find("simd"), k.find("bf16") < 0 ? k.count() : k.find("bf16"));
  };
  const bool simd = is_simd(conv2d_f32);
  const KernelBase* others[] = {&conv2d_grad_input_f32, &conv2d_grad_weight_f32, &conv2d_pool_f32,
                                &conv2d_pool_grad_f32};
  for (const KernelBase* k : others)
    if (is_simd(*k) != simd)
      raise<ConfigError>(
          "conv2d runs as '{}' but {} as '{}': they take different image layouts. Hint: choose "
          "one layout's variants for all of conv2d, conv2d_grad_input, conv2d_grad_weight, "
          "conv2d_pool and conv2d_pool_grad.",
          conv2d_f32.name(conv2d_f32.chosen()), k->op(), k->name(k->chosen()));
  return simd ? ImageLayout::kNhwc : ImageLayout::kNchw;
}

}  // namespace tinytorch::kernels
