#include "tinytorch/kernels/cross_entropy.h"

namespace tinytorch::kernels {

namespace {
using Forward = void(const CrossEntropyArgs<float>&);
using Grad = void(const CrossEntropyGradArgs<float>&);
constexpr Variant<Forward> kForward[] = {
    {"loops", loops::cross_entropy<float>, "plain passes a row"},
    {"simd", simd::cross_entropy, "one read of the logits; the exponentials stay in cache"}};
constexpr Variant<Grad> kGrad[] = {
    {"loops", loops::cross_entropy_grad<float>, "one plain pass a row"},
    {"simd", simd::cross_entropy_grad, "one pass; large outputs bypass the cache"}};
}  // namespace

Kernel<Forward> cross_entropy_f32("cross_entropy", kForward);
Kernel<Grad> cross_entropy_grad_f32("cross_entropy_grad", kGrad);

void cross_entropy(const CrossEntropyArgs<float>& args) {
  cross_entropy_f32(args);
}
void cross_entropy(const CrossEntropyArgs<double>& args) {
  loops::cross_entropy(args);
}
void cross_entropy_grad(const CrossEntropyGradArgs<float>& args) {
  cross_entropy_grad_f32(args);
}
void cross_entropy_grad(const CrossEntropyGradArgs<double>& args) {
  loops::cross_entropy_grad(args);
}

TargetCheck check_targets(const int64_t* target, int64_t rows, int64_t classes,
                          int64_t ignore_index) {
  TargetCheck check{.first_bad = -1, .counted = 0};
  for (int64_t r = 0; r < rows; ++r) {
    if (target[r] == ignore_index) continue;
    ++check.counted;
    if (target[r] < 0 || target[r] >= classes) {
      check.first_bad = r;
      return check;
    }
  }
  return check;
}

}  // namespace tinytorch::kernels
