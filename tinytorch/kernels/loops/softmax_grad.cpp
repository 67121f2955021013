// log_softmax and the gradients of both as plain loops.
#include <cmath>
#include <cstdint>

#include "tinytorch/kernels/rows.h"
#include "tinytorch/kernels/softmax.h"

namespace tinytorch::kernels::loops {

namespace {
constexpr double kElementNs = 6;
}

template <class T>
void log_softmax(const SoftmaxArgs<T>& a) {
  if (a.cols == 0) return;
  parallel_rows(a.rows, kElementNs * static_cast<double>(a.cols), [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      const T* x = a.x + r * a.x_stride;
      T* y = a.y + r * a.y_stride;
      T max = x[0];
      for (int64_t c = 1; c < a.cols; ++c)
        if (x[c] > max) max = x[c];
      T sum = 0;
      for (int64_t c = 0; c < a.cols; ++c) sum += std::exp(x[c] - max);
      const T log_sum = std::log(sum);
      for (int64_t c = 0; c < a.cols; ++c) y[c] = (x[c] - max) - log_sum;
    }
  });
}

template <class T>
void softmax_grad(const SoftmaxGradArgs<T>& a) {
  parallel_rows(a.rows, static_cast<double>(a.cols), [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      const T* y = a.y + r * a.y_stride;
      const T* dy = a.dy + r * a.dy_stride;
      T* dx = a.dx + r * a.dx_stride;
      T dot = 0;
      for (int64_t c = 0; c < a.cols; ++c) dot += dy[c] * y[c];
      for (int64_t c = 0; c < a.cols; ++c) dx[c] = y[c] * (dy[c] - dot);
    }
  });
}

template <class T>
void log_softmax_grad(const SoftmaxGradArgs<T>& a) {
  parallel_rows(a.rows, kElementNs * static_cast<double>(a.cols), [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      const T* y = a.y + r * a.y_stride;
      const T* dy = a.dy + r * a.dy_stride;
      T* dx = a.dx + r * a.dx_stride;
      T sum = 0;
      for (int64_t c = 0; c < a.cols; ++c) sum += dy[c];
      for (int64_t c = 0; c < a.cols; ++c) dx[c] = dy[c] - std::exp(y[c]) * sum;
    }
  });
}

template void log_softmax(const SoftmaxArgs<float>&);
template void log_softmax(const SoftmaxArgs<double>&);
template void softmax_grad(const SoftmaxGradArgs<float>&);
template void softmax_grad(const SoftmaxGradArgs<double>&);
template void log_softmax_grad(const SoftmaxGradArgs<float>&);
template void log_softmax_grad(const SoftmaxGradArgs<double>&);

}  // namespace tinytorch::kernels::loops
