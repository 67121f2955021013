#include "tinytorch/kernels/optim.h"

#include <cmath>

#include "tinytorch/kernels/chunks.h"

namespace tinytorch::kernels::loops {

template <class T>
void sgd_step(const SgdArgs<T>& args) {
  const SgdScalars<T> s(args);
  for_each_chunk(args.chunks, 1, [&](const ParamChunk<T>& c, int64_t) {
    for (int64_t i = 0; i < c.n; ++i) {
      T d = std::fma(s.weight_decay, c.p[i], c.g[i]);
      if (s.momentum != 0) {
        c.s0[i] = std::fma(s.momentum, c.s0[i], d);
        d = s.nesterov ? std::fma(s.momentum, c.s0[i], d) : c.s0[i];
      }
      c.p[i] = std::fma(s.minus_lr, d, c.p[i]);
    }
  });
}

template <class T>
void adam_step(const AdamArgs<T>& args) {
  const AdamScalars<T> s(args);
  for_each_chunk(args.chunks, 3, [&](const ParamChunk<T>& c, int64_t) {
    for (int64_t i = 0; i < c.n; ++i) {
      const T g = std::fma(s.weight_decay, c.p[i], c.g[i]);
      c.s0[i] = std::fma(s.beta1, c.s0[i], s.rest1 * g);
      c.s1[i] = std::fma(s.beta2, c.s1[i], s.rest2 * g * g);
      const T denominator = std::fma(std::sqrt(c.s1[i]), s.inverse_root, s.eps);
      c.p[i] = std::fma(s.minus_step, c.s0[i] / denominator, c.p[i] * s.keep);
    }
  });
}

template <class T>
void sum_squares(const SumSquaresArgs<T>& args) {
  *args.result = sum_over_chunks(args.chunks, 1, [](const ParamChunk<T>& c) {
    double lane[kSumLanes] = {}, sum = 0;
    for (int64_t i = 0; i < c.n; ++i) {
      const double g = static_cast<double>(c.g[i]);
      lane[i % kSumLanes] = std::fma(g, g, lane[i % kSumLanes]);
    }
    for (double x : lane) sum += x;
    return sum;
  });
}

template void sgd_step(const SgdArgs<float>&);
template void sgd_step(const SgdArgs<double>&);
template void adam_step(const AdamArgs<float>&);
template void adam_step(const AdamArgs<double>&);
template void sum_squares(const SumSquaresArgs<float>&);
template void sum_squares(const SumSquaresArgs<double>&);

}  // namespace tinytorch::kernels::loops
