#include "tinytorch/kernels/attention.h"

#include "tinytorch/core/format.h"

namespace tinytorch::kernels {

Kernel<void(const AttentionArgs<float>&)> attention_f32(
    "attention", {{"loops", loops::attention<float>, "a row of scores at a time"},
                  {"simd", simd::attention, "tiles of scores that never leave the cache"}});
Kernel<void(const AttentionGradArgs<float>&)> attention_grad_f32(
    "attention_grad",
    {{"loops", loops::attention_grad<float>, "a score at a time"},
     {"simd", simd::attention_grad, "tiles of scores made again from the row's log-sum"}});

namespace {

void check(const AttentionShape& s) {
  if (s.d < 1 || s.d > kMaxHeadDim)
    raise<ShapeError>("attention: head dim is {}, supported are 1 to {}. Hint: use more heads.",
                      s.d, kMaxHeadDim);
  if (!(s.scale > 0)) raise<ShapeError>("attention: scale is {}, it must be positive.", s.scale);
}

}  // namespace

void attention(const AttentionArgs<float>& args) {
  check(args.shape);
  attention_f32(args);
}
void attention(const AttentionArgs<double>& args) {
  check(args.shape);
  loops::attention(args);
}
void attention_grad(const AttentionGradArgs<float>& args) {
  check(args.shape);
  attention_grad_f32(args);
}
void attention_grad(const AttentionGradArgs<double>& args) {
  check(args.shape);
  loops::attention_grad(args);
}

}  // namespace tinytorch::kernels
