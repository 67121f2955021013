// Two gradients that work row by row: ReLU, softmax with cross-entropy.
#include <cmath>
#include <cstdint>

#include "tinytorch/kernels/cross_entropy.h"
#include "tinytorch/kernels/pointwise.h"
#include "tinytorch/kernels/rows.h"

namespace tinytorch::kernels::loops {

// tito:begin 4.0
// tito:end 4.0

// dx[i] = 0 where y[i] <= 0, else g[i]: a NaN lets it through. y is the output of ReLU. Element i
// of operand j lies at data[j] + i * step[j], in bytes: operand 0 is dx, 1 is g, 2 is y. dx may be
// g.
template <class T>
void relu_grad_row(char* const* data, const int64_t* step, int64_t n, const void* /*params*/) {
  // tito:begin 4.9a
  for (int64_t i = 0; i < n; ++i) {
    const T g = *reinterpret_cast<const T*>(data[1] + i * step[1]);
    const T y = *reinterpret_cast<const T*>(data[2] + i * step[2]);
    *reinterpret_cast<T*>(data[0] + i * step[0]) = y <= 0 ? T(0) : g;
  }
  // tito:end 4.9a
}

namespace {

// What one row's loss sends back to its logits x[0 .. classes), into dx:
//   dx[c] = g (p[c] - (1 - e) [c == target] - e / classes),   p[c] = exp(x[c] - max) / sum
// g is the gradient of the row's loss, e the label smoothing; max and sum = sum_c exp(x[c] - max)
// were kept by the forward. dx may be x.
template <class T>
void cross_entropy_grad_row(const T* x, T* dx, int64_t classes, int64_t target, T max, T sum, T g,
                            T smoothing) {
  // tito:begin 4.9b
  const T everywhere = smoothing / static_cast<T>(classes);
  for (int64_t c = 0; c < classes; ++c)
    dx[c] = g * (std::exp(x[c] - max) / sum - everywhere - (c == target ? 1 - smoothing : 0));
  // tito:end 4.9b
}

constexpr double kElementNs = 6;  // one exp and a division

}  // namespace

template <class T>
void cross_entropy_grad(const CrossEntropyGradArgs<T>& a) {
  parallel_rows(a.rows, kElementNs * static_cast<double>(a.classes),
                [&](int64_t begin, int64_t end) {
                  for (int64_t r = begin; r < end; ++r) {
                    T* dx = a.dlogits + r * a.dlogits_stride;
                    if (a.target[r] == a.ignore_index) {
                      for (int64_t c = 0; c < a.classes; ++c) dx[c] = 0;
                      continue;
                    }
                    cross_entropy_grad_row(a.logits + r * a.logits_stride, dx, a.classes,
                                           a.target[r], a.stats[2 * r], a.stats[2 * r + 1],
                                           a.row_scale ? a.scale * a.row_scale[r] : a.scale,
                                           a.label_smoothing);
                  }
                });
}

template void relu_grad_row<float>(char* const*, const int64_t*, int64_t, const void*);
template void relu_grad_row<double>(char* const*, const int64_t*, int64_t, const void*);
template void cross_entropy_grad(const CrossEntropyGradArgs<float>&);
template void cross_entropy_grad(const CrossEntropyGradArgs<double>&);

}  // namespace tinytorch::kernels::loops
