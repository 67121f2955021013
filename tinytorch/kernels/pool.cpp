// The variants of 2-d pooling and its gradients.
#include "tinytorch/kernels/pool.h"

namespace tinytorch::kernels {

namespace {

constexpr Variant<void(const MaxPoolArgs<float>&)> kMaxPool[] = {
    {"loops", loops::max_pool2d<float>, "plain loops, either layout"},
    {"simd", simd::max_pool2d, "a vector of channels at a time, 2x2 unrolled, channels last"},
};
constexpr Variant<void(const MaxPoolGradArgs<float>&)> kMaxPoolGrad[] = {
    {"loops", loops::max_pool2d_grad<float>, "plain loops, either layout"},
    {"simd", simd::max_pool2d_grad, "each input gathers from the windows over it, channels last"},
};
constexpr Variant<void(const AvgPoolArgs<float>&)> kAvgPool[] = {
    {"loops", loops::avg_pool2d<float>, "plain loops, either layout"},
    {"simd", simd::avg_pool2d, "a vector of channels at a time, channels last"},
};
constexpr Variant<void(const AvgPoolGradArgs<float>&)> kAvgPoolGrad[] = {
    {"loops", loops::avg_pool2d_grad<float>, "plain loops, either layout"},
    {"simd", simd::avg_pool2d_grad, "each input gathers from the windows over it, channels last"},
};

}  // namespace

Kernel<void(const MaxPoolArgs<float>&)> max_pool2d_f32("max_pool2d", kMaxPool);
Kernel<void(const MaxPoolGradArgs<float>&)> max_pool2d_grad_f32("max_pool2d_grad", kMaxPoolGrad);
Kernel<void(const AvgPoolArgs<float>&)> avg_pool2d_f32("avg_pool2d", kAvgPool);
Kernel<void(const AvgPoolGradArgs<float>&)> avg_pool2d_grad_f32("avg_pool2d_grad", kAvgPoolGrad);

}  // namespace tinytorch::kernels
