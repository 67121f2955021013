#pragma once
#include <cstdint>

#include "tinytorch/kernels/registry.h"

namespace tinytorch::kernels {

// Sizes of one attention: queries are batch x heads x tq x d, keys and values batch x heads x tk x
// d. Causal: query i sees keys 0 .. i + past; past > 0 is decoding behind a cache of as many keys.
struct AttentionShape {
  int64_t batch = 0, heads = 0, tq = 0, tk = 0, d = 0;  // d <= kMaxHeadDim
  double scale = 1;                                     // > 0, usually 1 / sqrt(d)
  bool causal = false;
  int64_t past = 0;

  int64_t visible(int64_t query) const {  // keys 0 .. visible - 1 take part
    if (!causal) return tk;
    const int64_t n = query + 1 + past;
    return n < 0 ? 0 : n < tk ? n : tk;
  }
};
inline constexpr int64_t kMaxHeadDim = 256;

// One operand: element (b, h, t, e) at data[b*batch + h*head + t*step + e]. So q, k and v are read
// in place from a (B, T, 3C) projection, and the result is written as (B, T, C).
template <class T>
struct AttentionOperand {
  T* data = nullptr;
  int64_t batch = 0, head = 0, step = 0;
  T* at(int64_t b, int64_t h, int64_t t) const { return data + b * batch + h * head + t * step; }
};

// For each batch and head:
//   s[i,j] = scale * sum_e q[i,e] k[j,e]   for the visible keys j of query i
//   lse[i] = log sum_j exp(s[i,j]);   y[i,e] = sum_j exp(s[i,j] - lse[i]) v[j,e]
// A query that sees no key (past < 0, tk = 0) gives y = 0 and lse = -inf. Keys that a query does
// not see must be finite. lse (batch x heads x tq, contiguous) may be nullptr. Nothing aliases.
// Sums run over keys in order, in blocks of 256; results do not depend on threads, nor on the
// instruction set where it has a fused multiply-add.
// Source: Dao et al. 2022, "FlashAttention": the row's log-sum is all that backward needs.
template <class T>
struct AttentionArgs {
  AttentionShape shape;
  AttentionOperand<const T> q, k, v;
  AttentionOperand<T> y;
  T* lse = nullptr;
};

// Decoding. k and v are those of the queries' own tokens (batch x heads x tq x d): they are kept in
// the cache (keys and values, batch x heads x shape.tk x d) behind its first *past tokens; then y
// is as above, causal, over the cache up to the queries' own tokens. *past is read at each call;
// ShapeError when there is no room for the tokens. Of shape, past and causal do not count.
template <class T>
struct CachedAttentionArgs {
  AttentionShape shape;
  AttentionOperand<const T> q, k, v;
  AttentionOperand<T> keys, values, y;
  const int64_t* past = nullptr;
};

// The gradients, given p[i,j] = exp(s[i,j] - lse[i]) and g[i] = sum_e dy[i,e] y[i,e]:
//   dv[j] = sum_i p[i,j] dy[i];   ds[i,j] = p[i,j] (dy[i] . v[j] - g[i]) scale
//   dq[i] = sum_j ds[i,j] k[j];   dk[j] = sum_i ds[i,j] q[i]
// Overwrites dq, dk, dv, which do not overlap each other (interleaved rows are fine).
template <class T>
struct AttentionGradArgs {
  AttentionShape shape;
  AttentionOperand<const T> q, k, v, y, dy;
  const T* lse = nullptr;
  AttentionOperand<T> dq, dk, dv;
};

extern Kernel<void(const AttentionArgs<float>&)> attention_f32;           // "attention"
extern Kernel<void(const AttentionGradArgs<float>&)> attention_grad_f32;  // "attention_grad"

// ShapeError when d is not in 1 .. kMaxHeadDim or scale is not positive.
void attention(const AttentionArgs<float>& args);
void attention(const AttentionArgs<double>& args);
template <class T>
void cached_attention(const CachedAttentionArgs<T>& args);
void attention_grad(const AttentionGradArgs<float>& args);
void attention_grad(const AttentionGradArgs<double>& args);

namespace loops {
template <class T>
void attention(const AttentionArgs<T>& args);
template <class T>
void attention_grad(const AttentionGradArgs<T>& args);
}  // namespace loops

namespace simd {
void attention(const AttentionArgs<float>& args);
void attention_grad(const AttentionGradArgs<float>& args);
}  // namespace simd

}  // namespace tinytorch::kernels
