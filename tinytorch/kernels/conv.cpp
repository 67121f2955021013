// The variants of 2-d convolution and its gradients.
#include "tinytorch/kernels/conv.h"

#include <cstring>

#include "tinytorch/core/format.h"

namespace tinytorch::kernels {

namespace {

constexpr Variant<void(const ConvArgs<float>&)> kForward[] = {
    {"loops", loops::conv2d<float>, "seven plain loops, NCHW"},
    {"im2col", loops::conv2d_im2col<float>, "copy the windows to columns, then a matrix product"},
    {"simd", simd::conv2d, "direct: the micro-kernel over overlapping rows, channels last"},
};
constexpr Variant<void(const ConvGradInputArgs<float>&)> kGradInput[] = {
    {"loops", loops::conv2d_grad_input<float>, "the forward loops with the arrow turned, NCHW"},
    {"simd", simd::conv2d_grad_input,
     "direct convolution of dy with the flipped kernel, by phases"},
};
constexpr Variant<void(const ConvGradWeightArgs<float>&)> kGradWeight[] = {
    {"loops", loops::conv2d_grad_weight<float>, "one sum over all pixels a weight, NCHW"},
    {"simd", simd::conv2d_grad_weight,
     "the micro-kernel along the pixels, in place, channels last"},
};

}  // namespace

Kernel<void(const ConvArgs<float>&)> conv2d_f32("conv2d", kForward);
Kernel<void(const ConvGradInputArgs<float>&)> conv2d_grad_input_f32("conv2d_grad_input",
                                                                    kGradInput);
Kernel<void(const ConvGradWeightArgs<float>&)> conv2d_grad_weight_f32("conv2d_grad_weight",
                                                                      kGradWeight);

// One tensor passes through all three, so a hand-picked variant must be picked for all of them.
ImageLayout conv2d_layout() {
  const auto is_simd = [](const KernelBase& k) {
    return std::strcmp(k.name(k.chosen()), "simd") == 0;
  };
  const bool simd = is_simd(conv2d_f32);
  for (const KernelBase* k : {static_cast<const KernelBase*>(&conv2d_grad_input_f32),
                              static_cast<const KernelBase*>(&conv2d_grad_weight_f32)})
    if (is_simd(*k) != simd)
      raise<ConfigError>(
          "conv2d runs as '{}' but {} as '{}': they take different image layouts. Hint: choose "
          "all of conv2d, conv2d_grad_input and conv2d_grad_weight.",
          conv2d_f32.name(conv2d_f32.chosen()), k->op(), k->name(k->chosen()));
  return simd ? ImageLayout::kNhwc : ImageLayout::kNchw;
}

}  // namespace tinytorch::kernels
