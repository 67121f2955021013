// The steps of RMSprop, Adagrad and Lion. Multiplications and additions stay apart (no fused ones),
// so that the baseline's vectors can do them.
#include <cmath>

#include "tinytorch/kernels/chunks.h"

namespace tinytorch::kernels {

namespace {

template <class T, bool kMomentum, bool kCentered>
void rmsprop(const ParamChunk<T>& c, const RmspropArgs<T>& args) {
  const T alpha = static_cast<T>(args.alpha), rest = static_cast<T>(1 - args.alpha);
  const T eps = static_cast<T>(args.eps), weight_decay = static_cast<T>(args.weight_decay);
  const T lr = static_cast<T>(args.lr), momentum = static_cast<T>(args.momentum);
  for (int64_t i = 0; i < c.n; ++i) {
    const T g = c.g[i] + weight_decay * c.p[i];
    T v = c.s0[i] = alpha * c.s0[i] + rest * g * g;
    if constexpr (kCentered) {
      c.s2[i] = alpha * c.s2[i] + rest * g;
      v -= c.s2[i] * c.s2[i];
    }
    T d = g / (std::sqrt(v) + eps);
    if constexpr (kMomentum) d = c.s1[i] = momentum * c.s1[i] + d;
    c.p[i] -= lr * d;
  }
}

}  // namespace

template <class T>
void rmsprop_step(const RmspropArgs<T>& args) {
  for_each_chunk(args.chunks, 2, [&](const ParamChunk<T>& c, int64_t) {
    if (c.s1)
      c.s2 ? rmsprop<T, true, true>(c, args) : rmsprop<T, true, false>(c, args);
    else
      c.s2 ? rmsprop<T, false, true>(c, args) : rmsprop<T, false, false>(c, args);
  });
}

template <class T>
void adagrad_step(const AdagradArgs<T>& args) {
  const T lr = static_cast<T>(args.lr), eps = static_cast<T>(args.eps);
  const T weight_decay = static_cast<T>(args.weight_decay);
  for_each_chunk(args.chunks, 2, [&](const ParamChunk<T>& c, int64_t) {
    for (int64_t i = 0; i < c.n; ++i) {
      const T g = c.g[i] + weight_decay * c.p[i];
      c.s0[i] += g * g;
      c.p[i] -= lr * g / (std::sqrt(c.s0[i]) + eps);
    }
  });
}

template <class T>
void lion_step(const LionArgs<T>& args) {
  const T lr = static_cast<T>(args.lr), keep = static_cast<T>(1 - args.lr * args.weight_decay);
  const T beta1 = static_cast<T>(args.beta1), rest1 = static_cast<T>(1 - args.beta1);
  const T beta2 = static_cast<T>(args.beta2), rest2 = static_cast<T>(1 - args.beta2);
  for_each_chunk(args.chunks, 1, [&](const ParamChunk<T>& c, int64_t) {
    for (int64_t i = 0; i < c.n; ++i) {
      const T g = c.g[i], direction = beta1 * c.s0[i] + rest1 * g;
      const T sign = static_cast<T>((direction > 0) - (direction < 0));
      c.p[i] = c.p[i] * keep - lr * sign;
      c.s0[i] = beta2 * c.s0[i] + rest2 * g;
    }
  });
}

template void rmsprop_step(const RmspropArgs<float>&);
template void rmsprop_step(const RmspropArgs<double>&);
template void adagrad_step(const AdagradArgs<float>&);
template void adagrad_step(const AdagradArgs<double>&);
template void lion_step(const LionArgs<float>&);
template void lion_step(const LionArgs<double>&);

}  // namespace tinytorch::kernels
