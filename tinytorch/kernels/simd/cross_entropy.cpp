// Softmax cross-entropy over a row of logits: its maximum, then the exponentials and their sum;
// with dlogits in the same pass they wait in scratch memory (one row) until the sum is known, so
// that the logits are read from memory once and each exponential is computed once.
#include "tinytorch/kernels/cross_entropy.h"

#include <algorithm>

#include "tinytorch/kernels/rows.h"
#include "tinytorch/kernels/simd/isa.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tinytorch/kernels/simd/cross_entropy.cpp"
#include "hwy/foreach_target.h"
#include "tinytorch/kernels/simd/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tinytorch::kernels::HWY_NAMESPACE {

// d[c] = g (p[c] - smoothing / classes - [c == target] (1 - smoothing)) = fma(e[c], per_sum,
// -base), at the target less `hit`. e[c] = exp(x[c] - max).
struct RowGrad {
  F max, per_sum, base;
  float hit;

  HWY_INLINE RowGrad(float row_max, float sum, float g, float smoothing, int64_t classes)
      : max(row_max),
        per_sum(g / sum),
        base(g * (smoothing / static_cast<float>(classes))),
        hit(g * (1 - smoothing)) {}
  HWY_INLINE F of_exp(F e) const { return hn::MulSub(e.v, per_sum.v, base.v); }
};

// Writes the gradient of one row. `values` are the logits, or their exponentials (kExp). stream:
// whole cache lines go to memory without being read first.
template <bool kExp>
HWY_INLINE void write_grad(const RowGrad& grad, const float* values, int64_t target, int64_t n,
                           float* dx, bool stream) {
  const auto at = [&](F v) TINYTORCH_ROW_LAMBDA {
    return grad.of_exp(kExp ? v : exp_nonpositive(v - grad.max));
  };
  const float target_value = first_lane(at(F(values[target]))) - grad.hit;
  int64_t i = 0;
  if (stream) {
    const size_t misaligned = reinterpret_cast<uintptr_t>(dx) / sizeof(float) % F::kLanes;
    if (misaligned) {
      i = std::min(n, kWidth - static_cast<int64_t>(misaligned));
      at(F::load_n(values, static_cast<size_t>(i))).store_n(dx, static_cast<size_t>(i));
    }
    for (; i + kWidth <= n; i += kWidth) hn::Stream(at(F::load(values + i)).v, F::D(), dx + i);
  } else {
    for (; i + kWidth <= n; i += kWidth) at(F::load(values + i)).store(dx + i);
  }
  const size_t rest = static_cast<size_t>(n - i);
  if (rest) at(F::load_n(values + i, rest)).store_n(dx + i, rest);
  dx[target] = target_value;
}

HWY_INLINE void write_zeros(float* dx, int64_t n) {
  for_row(n, [&](int64_t i, auto, auto io) TINYTORCH_ROW_LAMBDA { io.store(F(0), dx + i); });
}

// For kRows rows side by side (one row alone is a chain of operations that each wait for the one
// before): stats = maximum and sum of e[c] = exp(x[c] - max); exps, when set, keeps e, n values a
// row; with kSmooth, shifted[row] = sum_c (x[c] - max). Fetches the rows that come next, `ahead`
// elements behind these, while the exponentials keep the core busy.
template <int kRows, bool kSmooth>
HWY_INLINE void row_stats(const float* x, int64_t stride, int64_t n, int64_t ahead, float* stats,
                          float* exps, float* shifted) {
  Lanes lanes[kRows], sum[kRows], less_max[kRows];
  F max[kRows];
  repeat<kRows>([&](auto j) TINYTORCH_ROW_LAMBDA {
    lanes[j].fill(kNegInf);
    sum[j].fill(0);
    less_max[j].fill(0);
  });
  for_row(n, [&](int64_t i, auto k, auto io) TINYTORCH_ROW_LAMBDA {
    repeat<kRows>([&](auto j) TINYTORCH_ROW_LAMBDA {
      lanes[j].v[k] = hn::Max(lanes[j].v[k].v, io.load_or(x + j * stride + i, kNegInf).v);
    });
  });
  repeat<kRows>([&](auto j) TINYTORCH_ROW_LAMBDA { max[j] = max_lanes(lanes[j]); });
  for_row(n, [&](int64_t i, auto k, auto io) TINYTORCH_ROW_LAMBDA {
    repeat<kRows>([&](auto j) TINYTORCH_ROW_LAMBDA {
      const F z = io.load(x + j * stride + i) - max[j];
      const F e = exp_nonpositive(z);
      sum[j].v[k] += io.keep(e);
      if (kSmooth) less_max[j].v[k] += io.keep(z);
      if (exps) io.store(e, exps + j * n + i);
      __builtin_prefetch(x + j * stride + i + ahead, 0, 2);
    });
  });
  repeat<kRows>([&](auto j) TINYTORCH_ROW_LAMBDA {
    stats[2 * j] = first_lane(max[j]);
    stats[2 * j + 1] = first_lane(sum_lanes(sum[j]));
    if (kSmooth) shifted[j] = first_lane(sum_lanes(less_max[j]));
  });
}

// From stats and, with smoothing, the shifted sums that `loss` holds so far.
HWY_INLINE void finish_losses(const CrossEntropyArgs<float>& a, int64_t begin, int64_t end) {
  const float smoothing = a.label_smoothing;
  for (int64_t r0 = begin; r0 < end; r0 += kWidth) {
    const int64_t count = r0 + kWidth < end ? kWidth : end - r0;
    float log_sum[F::kLanes] = {};
    for (int64_t j = 0; j < count; ++j) log_sum[j] = a.stats[2 * (r0 + j) + 1];
    log(F::load(log_sum)).store(log_sum);
    for (int64_t j = 0; j < count; ++j) {
      const int64_t r = r0 + j, target = a.target[r];
      if (target == a.ignore_index) {
        a.loss[r] = 0;
        continue;
      }
      const float loss = log_sum[j] - (a.logits[r * a.logits_stride + target] - a.stats[2 * r]);
      if (smoothing == 0) {
        a.loss[r] = loss;
        continue;
      }
      const float mean_loss = log_sum[j] - a.loss[r] / static_cast<float>(a.classes);
      a.loss[r] = (1 - smoothing) * loss + smoothing * mean_loss;
    }
  }
}

template <int kRows, bool kSmooth>
HWY_INLINE void forward_rows(const CrossEntropyArgs<float>& a, int64_t r, int64_t end, float* exps,
                             bool stream) {
  const int64_t n = a.classes, ahead = r + kRows < end ? kRows * a.logits_stride : 0;
  row_stats<kRows, kSmooth>(a.logits + r * a.logits_stride, a.logits_stride, n, ahead,
                            a.stats + 2 * r, exps, a.loss + r);
  if (!exps) return;
  for (int j = 0; j < kRows; ++j) {
    float* dx = a.dlogits + (r + j) * a.dlogits_stride;
    const float* stats = a.stats + 2 * (r + j);
    if (a.target[r + j] == a.ignore_index)
      write_zeros(dx, n);
    else
      write_grad<true>(RowGrad(stats[0], stats[1], a.scale, a.label_smoothing, n), exps + j * n,
                       a.target[r + j], n, dx, stream);
  }
}

template <bool kSmooth>
HWY_INLINE void forward(const CrossEntropyArgs<float>& args, int64_t begin, int64_t end,
                        bool stream) {
  const CrossEntropyArgs<float> a = args;  // a copy of our own: no store can change it
  constexpr int kRows = kSmooth ? 1 : kTogether;
  constexpr int64_t kShort = 256;  // rows worth taking together: longer ones keep the core busy
  float* exps = a.dlogits ? scratch<float>(Scratch::kD, kRows * a.classes) : nullptr;
  int64_t r = begin;
  if (kRows > 1 && a.classes <= kShort)
    for (; r + kRows <= end; r += kRows) forward_rows<kRows, kSmooth>(a, r, end, exps, stream);
  for (; r < end; ++r) forward_rows<1, kSmooth>(a, r, end, exps, stream);
  finish_losses(a, begin, end);
  if (stream) hwy::FlushStream();
}

void cross_entropy_rows(const CrossEntropyArgs<float>& a, int64_t begin, int64_t end, bool stream) {
  a.label_smoothing == 0 ? forward<false>(a, begin, end, stream)
                         : forward<true>(a, begin, end, stream);
}

void cross_entropy_grad_rows(const CrossEntropyGradArgs<float>& args, int64_t begin, int64_t end,
                             bool stream) {
  const CrossEntropyGradArgs<float> a = args;
  for (int64_t r = begin; r < end; ++r) {
    float* dx = a.dlogits + r * a.dlogits_stride;
    if (a.target[r] == a.ignore_index) {
      write_zeros(dx, a.classes);
      continue;
    }
    const float g = a.row_scale ? a.scale * a.row_scale[r] : a.scale;
    const float* stats = a.stats + 2 * r;
    write_grad<false>(RowGrad(stats[0], stats[1], g, a.label_smoothing, a.classes),
                      a.logits + r * a.logits_stride, a.target[r], a.classes, dx, stream);
  }
  if (stream) hwy::FlushStream();
}

}  // namespace tinytorch::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tinytorch::kernels {
namespace {

HWY_EXPORT(cross_entropy_rows);
HWY_EXPORT(cross_entropy_grad_rows);

// Estimates for one core; a wrong guess only makes chunks longer or shorter.
constexpr double kRowNs = 15, kLossNs = 0.25, kGradNs = 0.2;

}  // namespace

void simd::cross_entropy(const CrossEntropyArgs<float>& args) {
  const bool stream = args.dlogits && args.rows * args.classes > kStreamElements;
  auto* rows = TINYTORCH_DISPATCH(cross_entropy_rows);
  const double element_ns = kLossNs + (args.dlogits ? kGradNs : 0);
  parallel_rows(args.rows, kRowNs + element_ns * static_cast<double>(args.classes),
                [&](int64_t begin, int64_t end) { rows(args, begin, end, stream); });
}

void simd::cross_entropy_grad(const CrossEntropyGradArgs<float>& args) {
  const bool stream = args.rows * args.classes > kStreamElements && args.dlogits != args.logits;
  auto* rows = TINYTORCH_DISPATCH(cross_entropy_grad_rows);
  parallel_rows(args.rows, kRowNs + kGradNs * static_cast<double>(args.classes),
                [&](int64_t begin, int64_t end) { rows(args, begin, end, stream); });
}

}  // namespace tinytorch::kernels
#endif
