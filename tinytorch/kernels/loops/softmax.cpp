// Softmax and cross-entropy as plain loops, one row at a time. The drivers at the end of the file
// hand the rows to the pool.
#include <cmath>
#include <cstdint>

#include "tinytorch/kernels/cross_entropy.h"
#include "tinytorch/kernels/rows.h"
#include "tinytorch/kernels/softmax.h"

namespace tinytorch::kernels::loops {

// tito:begin 2.0
// tito:end 2.0

namespace {

// y[c] = exp(x[c] - max) / sum_k exp(x[k] - max) for c in [0, cols), cols >= 1. y may be x.
// exp(x) alone overflows for x > 88 in float; subtracting the maximum first changes nothing in the
// quotient and keeps every exponent at or below 0.
template <class T>
void softmax_row(const T* x, T* y, int64_t cols) {
  // tito:begin 2.4
  T max = x[0];
  for (int64_t c = 1; c < cols; ++c)
    if (x[c] > max) max = x[c];
  T sum = 0;
  for (int64_t c = 0; c < cols; ++c) {
    y[c] = std::exp(x[c] - max);
    sum += y[c];
  }
  for (int64_t c = 0; c < cols; ++c) y[c] /= sum;
  // tito:end 2.4
}

// The loss of one row: -log softmax(x)[target] when smoothing is 0. With smoothing e, the target
// distribution gives every class e / classes and the target 1 - e more:
//   (1 - e) (-log p[target]) + e / classes * sum_c (-log p[c])
// Also sets *max_out = max_c x[c] and *sum_out = sum_c exp(x[c] - max): the gradient needs them.
// -log p[c] = log(sum) - (x[c] - max): the probabilities themselves may underflow, so never take
// the logarithm of one.
template <class T>
T cross_entropy_row(const T* x, int64_t classes, int64_t target, T smoothing, T* max_out,
                    T* sum_out) {
  // tito:begin 2.5
  T max = x[0];
  for (int64_t c = 1; c < classes; ++c)
    if (x[c] > max) max = x[c];
  T sum = 0, shifted_sum = 0;
  for (int64_t c = 0; c < classes; ++c) {
    sum += std::exp(x[c] - max);
    shifted_sum += x[c] - max;
  }
  *max_out = max;
  *sum_out = sum;
  const T log_sum = std::log(sum);
  const T loss = log_sum - (x[target] - max);
  if (smoothing == 0) return loss;
  const T mean_loss = log_sum - shifted_sum / static_cast<T>(classes);
  return (1 - smoothing) * loss + smoothing * mean_loss;
  // tito:end 2.5
}

constexpr double kElementNs = 6;  // one exp and a few cheap passes

}  // namespace

template <class T>
void softmax(const SoftmaxArgs<T>& a) {
  if (a.cols == 0) return;
  parallel_rows(a.rows, kElementNs * static_cast<double>(a.cols), [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r)
      softmax_row(a.x + r * a.x_stride, a.y + r * a.y_stride, a.cols);
  });
}

template <class T>
void cross_entropy(const CrossEntropyArgs<T>& a) {
  parallel_rows(a.rows, kElementNs * static_cast<double>(a.classes),
                [&](int64_t begin, int64_t end) {
                  for (int64_t r = begin; r < end; ++r) {
                    const bool ignored = a.target[r] == a.ignore_index;
                    const T loss = cross_entropy_row(a.logits + r * a.logits_stride, a.classes,
                                                     ignored ? 0 : a.target[r], a.label_smoothing,
                                                     a.stats + 2 * r, a.stats + 2 * r + 1);
                    a.loss[r] = ignored ? 0 : loss;
                  }
                });
  if (!a.dlogits) return;
  cross_entropy_grad(CrossEntropyGradArgs<T>{.rows = a.rows,
                                             .classes = a.classes,
                                             .logits = a.logits,
                                             .logits_stride = a.logits_stride,
                                             .stats = a.stats,
                                             .target = a.target,
                                             .ignore_index = a.ignore_index,
                                             .label_smoothing = a.label_smoothing,
                                             .scale = a.scale,
                                             .dlogits = a.dlogits,
                                             .dlogits_stride = a.dlogits_stride});
}

template void softmax(const SoftmaxArgs<float>&);
template void softmax(const SoftmaxArgs<double>&);
template void cross_entropy(const CrossEntropyArgs<float>&);
template void cross_entropy(const CrossEntropyArgs<double>&);

}  // namespace tinytorch::kernels::loops
