#pragma once
#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

#include "tinytorch/kernels/registry.h"

namespace tinytorch::kernels {

// Optimizer steps run over a table of chunks of all parameters: one parallel region a step, however
// many tensors there are. A chunk is a contiguous piece of one parameter, its gradient and its
// state. Nothing in a table aliases.
template <class T>
struct ParamChunk {
  T* p = nullptr;   // parameter
  T* g = nullptr;   // gradient: steps only read it
  T* s0 = nullptr;  // state: momentum buffer of SGD, first moment of Adam; zero at the start
  T* s1 = nullptr;  // state: second moment of Adam; zero at the start
  int64_t n = 0;
  T* s2 = nullptr;  // state: mean gradient of RMSprop; zero at the start
};
inline constexpr int64_t kParamChunk = 8192;  // longest chunk that append_chunks makes

template <class T>
using ChunkTable = std::span<const ParamChunk<T>>;

// Cuts one parameter into chunks of at most kParamChunk and appends them. Unused pointers stay
// null.
template <class T>
void append_chunks(std::vector<ParamChunk<T>>& table, const ParamChunk<T>& whole) {
  auto at = [](T* base, int64_t i) { return base ? base + i : nullptr; };
  for (int64_t i = 0; i < whole.n; i += kParamChunk)
    table.push_back({at(whole.p, i), at(whole.g, i), at(whole.s0, i), at(whole.s1, i),
                     whole.n - i < kParamChunk ? whole.n - i : kParamChunk, at(whole.s2, i)});
}

// PyTorch's SGD with dampening 0:
//   d = g + weight_decay p;  b = momentum b + d;  d = nesterov ? d + momentum b : b;  p -= lr d
// b is s0; a zero b makes the first step b = d, as in PyTorch. s0 may be null when momentum is 0.
template <class T>
struct SgdArgs {
  ChunkTable<T> chunks;
  double lr = 0, momentum = 0, weight_decay = 0;
  bool nesterov = false;
};

// PyTorch's Adam, or AdamW when `decoupled`:
//   decoupled ? p *= 1 - lr weight_decay : g += weight_decay p
//   m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g^2
//   p -= lr / bias_correction1 * m / (sqrt(v) / sqrt(bias_correction2) + eps)
// with bias_correction = 1 - beta^step. The division by sqrt(bias_correction2) is a product with
// its rounded inverse. Sources: Kingma & Ba 2015, algorithm 1; Loshchilov & Hutter 2019,
// algorithm 2.
template <class T>
struct AdamArgs {
  ChunkTable<T> chunks;
  double lr = 0, beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weight_decay = 0;
  double bias_correction1 = 1, bias_correction2 = 1;
  bool decoupled = false;
};

// PyTorch's RMSprop:
//   g += weight_decay p;  v = alpha v + (1 - alpha) g^2;  m = alpha m + (1 - alpha) g (centered)
//   d = g / (sqrt(centered ? v - m^2 : v) + eps);  momentum: b = momentum b + d, d = b;  p -= lr d
// v is s0; b is s1, null without momentum; m is s2, null unless centered. Source: Tieleman and
// Hinton 2012 (COURSERA lecture 6.5); Graves 2013 (centered).
template <class T>
struct RmspropArgs {
  ChunkTable<T> chunks;
  double lr = 0, alpha = 0.99, eps = 1e-8, weight_decay = 0, momentum = 0;
};

// PyTorch's Adagrad: g += weight_decay p;  v += g^2;  p -= lr g / (sqrt(v) + eps). v is s0. The
// caller lets lr decay. Source: Duchi, Hazan and Singer 2011.
template <class T>
struct AdagradArgs {
  ChunkTable<T> chunks;
  double lr = 0, eps = 1e-10, weight_decay = 0;
};

// Lion: p *= 1 - lr weight_decay;  p -= lr sign(beta1 m + (1 - beta1) g);
//   m = beta2 m + (1 - beta2) g. m is s0. Source: Chen et al. 2023, algorithm 2.
template <class T>
struct LionArgs {
  ChunkTable<T> chunks;
  double lr = 0, beta1 = 0.9, beta2 = 0.99, weight_decay = 0;
};

// *result = sum of g[i]^2 over the table, in double: within a chunk element i is added to lane
// i % 16, the lanes then in order, then the chunks in order. The order depends on the table alone.
template <class T>
struct SumSquaresArgs {
  ChunkTable<T> chunks;
  double* result = nullptr;
};

extern Kernel<void(const SgdArgs<float>&)> sgd_step_f32;            // "sgd_step"
extern Kernel<void(const AdamArgs<float>&)> adam_step_f32;          // "adam_step"
extern Kernel<void(const SumSquaresArgs<float>&)> sum_squares_f32;  // "sum_squares"

void sgd_step(const SgdArgs<float>& args);
void sgd_step(const SgdArgs<double>& args);
void adam_step(const AdamArgs<float>& args);
void adam_step(const AdamArgs<double>& args);
void sum_squares(const SumSquaresArgs<float>& args);
void sum_squares(const SumSquaresArgs<double>& args);
// f32 and f64, as loops that compilers turn into vectors; time goes into memory.
template <class T>
void rmsprop_step(const RmspropArgs<T>& args);
template <class T>
void adagrad_step(const AdagradArgs<T>& args);
template <class T>
void lion_step(const LionArgs<T>& args);
template <class T>
void scale_grads(ChunkTable<T> chunks, double factor);  // g *= factor
template <class T>
void clamp_grads(ChunkTable<T> chunks, double limit);  // g to -limit .. limit; NaN stays

namespace loops {
template <class T>
void sgd_step(const SgdArgs<T>& args);
template <class T>
void adam_step(const AdamArgs<T>& args);
template <class T>
void sum_squares(const SumSquaresArgs<T>& args);
}  // namespace loops

// Bit-equal with loops on every instruction set with fused multiply-add.
namespace simd {
void sgd_step(const SgdArgs<float>& args);
void adam_step(const AdamArgs<float>& args);
void sum_squares(const SumSquaresArgs<float>& args);
}  // namespace simd

// The coefficients of a step in the element type: both variants round them once, the same way.
template <class T>
struct SgdScalars {
  explicit SgdScalars(const SgdArgs<T>& a)
      : minus_lr(static_cast<T>(-a.lr)),
        momentum(static_cast<T>(a.momentum)),
        weight_decay(static_cast<T>(a.weight_decay)),
        nesterov(a.nesterov) {}
  T minus_lr, momentum, weight_decay;
  bool nesterov;
};
template <class T>
struct AdamScalars {
  explicit AdamScalars(const AdamArgs<T>& a)
      : keep(static_cast<T>(a.decoupled ? 1 - a.lr * a.weight_decay : 1)),
        weight_decay(static_cast<T>(a.decoupled ? 0 : a.weight_decay)),
        beta1(static_cast<T>(a.beta1)),
        rest1(static_cast<T>(1 - a.beta1)),
        beta2(static_cast<T>(a.beta2)),
        rest2(static_cast<T>(1 - a.beta2)),
        minus_step(static_cast<T>(-a.lr / a.bias_correction1)),
        inverse_root(static_cast<T>(1 / std::sqrt(a.bias_correction2))),
        eps(static_cast<T>(a.eps)) {}
  T keep, weight_decay, beta1, rest1, beta2, rest2, minus_step, inverse_root, eps;
};

inline constexpr int kSumLanes = 16;

}  // namespace tinytorch::kernels
