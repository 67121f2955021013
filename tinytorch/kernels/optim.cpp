#include "tinytorch/kernels/optim.h"

#include "tinytorch/kernels/chunks.h"

namespace tinytorch::kernels {

Kernel<void(const SgdArgs<float>&)> sgd_step_f32(
    "sgd_step", {{"loops", loops::sgd_step<float>, "one element at a time, over a chunk table"},
                 {"simd", simd::sgd_step, "vectors, over a chunk table"}});
Kernel<void(const AdamArgs<float>&)> adam_step_f32(
    "adam_step", {{"loops", loops::adam_step<float>, "one element at a time, over a chunk table"},
                  {"simd", simd::adam_step, "vectors, over a chunk table"}});
Kernel<void(const SumSquaresArgs<float>&)> sum_squares_f32(
    "sum_squares", {{"loops", loops::sum_squares<float>, "16 sums in double"},
                    {"simd", simd::sum_squares, "16 sums in double, in vectors"}});

void sgd_step(const SgdArgs<float>& args) {
  sgd_step_f32(args);
}
void sgd_step(const SgdArgs<double>& args) {
  loops::sgd_step(args);
}
void adam_step(const AdamArgs<float>& args) {
  adam_step_f32(args);
}
void adam_step(const AdamArgs<double>& args) {
  loops::adam_step(args);
}
void sum_squares(const SumSquaresArgs<float>& args) {
  sum_squares_f32(args);
}
void sum_squares(const SumSquaresArgs<double>& args) {
  loops::sum_squares(args);
}

template <class T>
void scale_grads(ChunkTable<T> chunks, double factor) {
  const T s = static_cast<T>(factor);
  for_each_chunk(chunks, 0.3, [&](const ParamChunk<T>& c, int64_t) {
    for (int64_t i = 0; i < c.n; ++i) c.g[i] *= s;
  });
}

template <class T>
void clamp_grads(ChunkTable<T> chunks, double limit) {
  const T most = static_cast<T>(limit);
  for_each_chunk(chunks, 0.3, [&](const ParamChunk<T>& c, int64_t) {
    for (int64_t i = 0; i < c.n; ++i) {
      const T g = c.g[i] > most ? most : c.g[i];
      c.g[i] = g < -most ? -most : g;
    }
  });
}

template void scale_grads(ChunkTable<float>, double);
template void scale_grads(ChunkTable<double>, double);
template void clamp_grads(ChunkTable<float>, double);
template void clamp_grads(ChunkTable<double>, double);

}  // namespace tinytorch::kernels
