#pragma once
#include <cstdint>

#include "tinytorch/kernels/registry.h"

namespace tinytorch::kernels {

// Softmax and cross-entropy in one: the probabilities are never stored.
//
//   m_r = max_c x[r,c]     s_r = sum_c exp(x[r,c] - m_r)     p[r,c] = exp(x[r,c] - m_r) / s_r
//   loss[r] = (1 - e) (-log p[r,t]) + e/C sum_c (-log p[r,c]),   t = target[r], C = classes,
//             e = label_smoothing;   loss[r] = 0 where target[r] == ignore_index
//
// logits: rows x classes, columns contiguous, rows logits_stride elements apart. `stats` keeps what
// the gradient needs, two values a row: m_r and s_r. (Their log-sum-exp m + log s as one rounded
// number would cost digits: 5e-4 for logits of 1e4.) Rows to be ignored get them too.
// Targets must lie in [0, classes) or be ignore_index: the caller checks (check_targets).
template <class T>
struct CrossEntropyArgs {
  int64_t rows = 0, classes = 0;
  const T* logits = nullptr;
  int64_t logits_stride = 0;
  const int64_t* target = nullptr;
  int64_t ignore_index = -100;
  T label_smoothing = 0;
  T* loss = nullptr;   // rows
  T* stats = nullptr;  // rows x 2
  // When set: the gradient of scale * sum_r loss[r] in the same pass, bit-equal to
  // cross_entropy_grad with these stats, while the row is in cache. It does not overlap the logits.
  T* dlogits = nullptr;
  int64_t dlogits_stride = 0;
  T scale = 1;
};

// dlogits[r,c] = g_r (p[r,c] - (1 - e) [c == t] - e/C),   g_r = scale * row_scale[r];
// 0 where the target is ignore_index. row_scale may be nullptr (ones). A mean over the batch is
// scale = (incoming gradient) / (number of targets that count). dlogits may be the logits.
template <class T>
struct CrossEntropyGradArgs {
  int64_t rows = 0, classes = 0;
  const T* logits = nullptr;
  int64_t logits_stride = 0;
  const T* stats = nullptr;
  const int64_t* target = nullptr;
  int64_t ignore_index = -100;
  T label_smoothing = 0;
  T scale = 1;
  const T* row_scale = nullptr;
  T* dlogits = nullptr;
  int64_t dlogits_stride = 0;
};

// What is to be known of the targets before the kernels run.
struct TargetCheck {
  int64_t first_bad;  // first row whose target is neither a class nor ignore_index, -1 when none
  int64_t counted;    // rows whose target is not ignore_index (valid when first_bad is -1)
};
TargetCheck check_targets(const int64_t* target, int64_t rows, int64_t classes,
                          int64_t ignore_index);

extern Kernel<void(const CrossEntropyArgs<float>&)> cross_entropy_f32;
extern Kernel<void(const CrossEntropyGradArgs<float>&)> cross_entropy_grad_f32;

// The chosen variant for float, loops for double.
void cross_entropy(const CrossEntropyArgs<float>& args);
void cross_entropy(const CrossEntropyArgs<double>& args);
void cross_entropy_grad(const CrossEntropyGradArgs<float>& args);
void cross_entropy_grad(const CrossEntropyGradArgs<double>& args);

namespace loops {
template <class T>
void cross_entropy(const CrossEntropyArgs<T>& args);
template <class T>
void cross_entropy_grad(const CrossEntropyGradArgs<T>& args);
}  // namespace loops

namespace simd {
void cross_entropy(const CrossEntropyArgs<float>& args);
void cross_entropy_grad(const CrossEntropyGradArgs<float>& args);
}  // namespace simd

}  // namespace tinytorch::kernels
