// log_softmax and the gradients of the softmax family as plain loops.
#include <cmath>
#include <cstdint>

#include "tinytorch/kernels/cross_entropy.h"
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

template <class T>
void cross_entropy_grad(const CrossEntropyGradArgs<T>& a) {
  parallel_rows(a.rows, kElementNs * static_cast<double>(a.classes),
                [&](int64_t begin, int64_t end) {
                  for (int64_t r = begin; r < end; ++r) {
                    const T* x = a.logits + r * a.logits_stride;
                    T* dx = a.dlogits + r * a.dlogits_stride;
                    const int64_t t = a.target[r];
                    if (t == a.ignore_index) {
                      for (int64_t c = 0; c < a.classes; ++c) dx[c] = 0;
                      continue;
                    }
                    const T max = a.stats[2 * r], sum = a.stats[2 * r + 1];
                    const T g = a.row_scale ? a.scale * a.row_scale[r] : a.scale;
                    const T everywhere = a.label_smoothing / static_cast<T>(a.classes);
                    for (int64_t c = 0; c < a.classes; ++c)
                      dx[c] = g * (std::exp(x[c] - max) / sum - everywhere -
                                   (c == t ? 1 - a.label_smoothing : 0));
                  }
                });
}

template void log_softmax(const SoftmaxArgs<float>&);
template void log_softmax(const SoftmaxArgs<double>&);
template void softmax_grad(const SoftmaxGradArgs<float>&);
template void softmax_grad(const SoftmaxGradArgs<double>&);
template void log_softmax_grad(const SoftmaxGradArgs<float>&);
template void log_softmax_grad(const SoftmaxGradArgs<double>&);
template void cross_entropy_grad(const CrossEntropyGradArgs<float>&);
template void cross_entropy_grad(const CrossEntropyGradArgs<double>&);

}  // namespace tinytorch::kernels::loops
