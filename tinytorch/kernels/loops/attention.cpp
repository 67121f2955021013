// Attention as it is written in a book: one row of scores at a time.
#include "tinytorch/kernels/attention.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "tinytorch/core/parallel.h"

namespace tinytorch::kernels::loops {

namespace {

template <class T>
T dot(const T* a, const T* b, int64_t n) {
  T sum = 0;
  for (int64_t e = 0; e < n; ++e) sum += a[e] * b[e];
  return sum;
}

// y += factor * x
template <class T>
void add_scaled(T* y, T factor, const T* x, int64_t n) {
  for (int64_t e = 0; e < n; ++e) y[e] += factor * x[e];
}

// Runs fn(b, h) for each head of each batch.
template <class F>
void for_each_head(const AttentionShape& s, double item_ns, F&& fn) {
  const int64_t heads = s.batch * s.heads;
  const double total = item_ns * static_cast<double>(heads * s.tq * s.tk * s.d);
  parallel_tasks(heads, total, [&](int64_t i) { fn(i / s.heads, i % s.heads); });
}

}  // namespace

template <class T>
void attention(const AttentionArgs<T>& args) {
  const AttentionShape& s = args.shape;
  const T scale = static_cast<T>(s.scale);
  for_each_head(s, 2, [&](int64_t b, int64_t h) {
    std::vector<T> p(static_cast<size_t>(s.tk));
    for (int64_t i = 0; i < s.tq; ++i) {
      const int64_t n = s.visible(i);
      T largest = -std::numeric_limits<T>::infinity(), sum = 0;
      for (int64_t j = 0; j < n; ++j) {
        const auto at = static_cast<size_t>(j);
        p[at] = scale * dot(args.q.at(b, h, i), args.k.at(b, h, j), s.d);
        largest = std::max(largest, p[at]);
      }
      for (int64_t j = 0; j < n; ++j) {
        const auto at = static_cast<size_t>(j);
        p[at] = std::exp(p[at] - largest);
        sum += p[at];
      }
      T* y = args.y.at(b, h, i);
      std::fill_n(y, s.d, T{0});
      for (int64_t j = 0; j < n; ++j)
        add_scaled(y, p[static_cast<size_t>(j)] / sum, args.v.at(b, h, j), s.d);
      if (args.lse) args.lse[(b * s.heads + h) * s.tq + i] = largest + std::log(sum);
    }
  });
}

template <class T>
void attention_grad(const AttentionGradArgs<T>& args) {
  const AttentionShape& s = args.shape;
  const T scale = static_cast<T>(s.scale);
  for_each_head(s, 5, [&](int64_t b, int64_t h) {
    for (int64_t j = 0; j < s.tk; ++j) {
      std::fill_n(args.dk.at(b, h, j), s.d, T{0});
      std::fill_n(args.dv.at(b, h, j), s.d, T{0});
    }
    for (int64_t i = 0; i < s.tq; ++i) {
      const T* q = args.q.at(b, h, i);
      const T* dy = args.dy.at(b, h, i);
      T* dq = args.dq.at(b, h, i);
      const T lse = args.lse[(b * s.heads + h) * s.tq + i];
      const T g = dot(dy, args.y.at(b, h, i), s.d);
      std::fill_n(dq, s.d, T{0});
      for (int64_t j = 0; j < s.visible(i); ++j) {
        const T* k = args.k.at(b, h, j);
        const T p = std::exp(scale * dot(q, k, s.d) - lse);
        const T ds = p * (dot(dy, args.v.at(b, h, j), s.d) - g) * scale;
        add_scaled(args.dv.at(b, h, j), p, dy, s.d);
        add_scaled(args.dk.at(b, h, j), ds, q, s.d);
        add_scaled(dq, ds, k, s.d);
      }
    }
  });
}

template void attention(const AttentionArgs<float>&);
template void attention(const AttentionArgs<double>&);
template void attention_grad(const AttentionGradArgs<float>&);
template void attention_grad(const AttentionGradArgs<double>&);

}  // namespace tinytorch::kernels::loops
