#include "tinytorch/kernels/attention.h"

#include <algorithm>

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

template <class T>
void cached_attention(const CachedAttentionArgs<T>& args) {
  AttentionShape s = args.shape;
  s.past = *args.past, s.causal = true;
  if (s.past < 0 || s.past + s.tq > s.tk)
    raise<ShapeError>("attention: a cache of {} tokens has no room for {} behind {}.", s.tk, s.tq,
                      s.past);
  s.tk = s.past + s.tq;
  for (int64_t b = 0; b < s.batch; ++b)
    for (int64_t t = 0; t < s.tq; ++t)
      for (int64_t h = 0; h < s.heads; ++h) {
        std::copy_n(args.k.at(b, h, t), s.d, args.keys.at(b, h, s.past + t));
        std::copy_n(args.v.at(b, h, t), s.d, args.values.at(b, h, s.past + t));
      }
  const auto read = [](const AttentionOperand<T>& x) {
    return AttentionOperand<const T>{x.data, x.batch, x.head, x.step};
  };
  attention(AttentionArgs<T>{s, args.q, read(args.keys), read(args.values), args.y, nullptr});
}
template void cached_attention(const CachedAttentionArgs<float>& args);
template void cached_attention(const CachedAttentionArgs<double>& args);

void attention_grad(const AttentionGradArgs<float>& args) {
  check(args.shape);
  attention_grad_f32(args);
}
void attention_grad(const AttentionGradArgs<double>& args) {
  check(args.shape);
  loops::attention_grad(args);
}

}  // namespace tinytorch::kernels
