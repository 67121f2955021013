#pragma once
#include <cstdint>

#include "tinytorch/kernels/registry.h"

namespace tinytorch::kernels {

// Row-wise softmax: rows x cols values, columns contiguous, rows `stride` elements apart. Every
// row is independent. A NaN or +inf in a row, or a row of -inf only, gives NaN in the whole row;
// a single -inf gives probability 0 there (log-probability -inf). cols = 0 or rows = 0 does
// nothing.
//
// softmax:      y[r,c] = exp(x[r,c] - max_r) / sum_k exp(x[r,k] - max_r)
// log_softmax:  y[r,c] = (x[r,c] - max_r) - log(sum_k exp(x[r,k] - max_r))
// y may be x (same stride), otherwise they do not overlap.
template <class T>
struct SoftmaxArgs {
  int64_t rows = 0, cols = 0;
  const T* x = nullptr;
  int64_t x_stride = 0;
  T* y = nullptr;
  int64_t y_stride = 0;
};

// The gradients need the output y only.
// softmax_grad:      dx[r,c] = y[r,c] (dy[r,c] - sum_k dy[r,k] y[r,k])
// log_softmax_grad:  dx[r,c] = dy[r,c] - exp(y[r,c]) sum_k dy[r,k]
// dx may be dy or y (same stride), otherwise it overlaps neither.
template <class T>
struct SoftmaxGradArgs {
  int64_t rows = 0, cols = 0;
  const T* y = nullptr;
  int64_t y_stride = 0;
  const T* dy = nullptr;
  int64_t dy_stride = 0;
  T* dx = nullptr;
  int64_t dx_stride = 0;
};

extern Kernel<void(const SoftmaxArgs<float>&)> softmax_f32;
extern Kernel<void(const SoftmaxArgs<float>&)> log_softmax_f32;
extern Kernel<void(const SoftmaxGradArgs<float>&)> softmax_grad_f32;
extern Kernel<void(const SoftmaxGradArgs<float>&)> log_softmax_grad_f32;

// The chosen variant for float, loops for double.
void softmax(const SoftmaxArgs<float>& args);
void softmax(const SoftmaxArgs<double>& args);
void log_softmax(const SoftmaxArgs<float>& args);
void log_softmax(const SoftmaxArgs<double>& args);
void softmax_grad(const SoftmaxGradArgs<float>& args);
void softmax_grad(const SoftmaxGradArgs<double>& args);
void log_softmax_grad(const SoftmaxGradArgs<float>& args);
void log_softmax_grad(const SoftmaxGradArgs<double>& args);

namespace loops {
template <class T>
void softmax(const SoftmaxArgs<T>& args);
template <class T>
void log_softmax(const SoftmaxArgs<T>& args);
template <class T>
void softmax_grad(const SoftmaxGradArgs<T>& args);
template <class T>
void log_softmax_grad(const SoftmaxGradArgs<T>& args);
}  // namespace loops

namespace simd {
void softmax(const SoftmaxArgs<float>& args);
void log_softmax(const SoftmaxArgs<float>& args);
void softmax_grad(const SoftmaxGradArgs<float>& args);
void log_softmax_grad(const SoftmaxGradArgs<float>& args);
}  // namespace simd

}  // namespace tinytorch::kernels
