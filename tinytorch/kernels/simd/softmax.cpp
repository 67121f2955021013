// softmax, log_softmax and their gradients. Rows of up to 64 values stay in registers from load to
// store, four at a time, where there are enough of these (AVX-512); a longer row is read again from
// cache in each pass.
#include "tinytorch/kernels/softmax.h"

#include "tinytorch/kernels/rows.h"
#include "tinytorch/kernels/simd/isa.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tinytorch/kernels/simd/softmax.cpp"
#include "hwy/foreach_target.h"
#include "tinytorch/kernels/simd/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tinytorch::kernels::HWY_NAMESPACE {

HWY_INLINE F row_max(const float* x, int64_t n) {
  Lanes max(kNegInf);
  for_row(n, [&](int64_t i, auto k, auto io) TINYTORCH_ROW_LAMBDA {
    max.v[k] = hn::Max(max.v[k].v, io.load_or(x + i, kNegInf).v);
  });
  return max_lanes(max);
}

template <bool kLog>
HWY_INLINE void softmax_row(const float* x, float* y, int64_t n) {
  const F max = row_max(x, n);
  Lanes sum(0);
  for_row(n, [&](int64_t i, auto k, auto io) TINYTORCH_ROW_LAMBDA {
    const F e = exp_nonpositive(io.load(x + i) - max);
    if (!kLog) io.store(e, y + i);
    sum.v[k] += io.keep(e);
  });
  const F total = sum_lanes(sum);
  const F log_total = kLog ? log(total) : total, scale = F(1.f / first_lane(total));
  for_row(n, [&](int64_t i, auto, auto io) TINYTORCH_ROW_LAMBDA {
    if (kLog)
      io.store((io.load(x + i) - max) - log_total, y + i);
    else
      io.store(io.load(y + i) * scale, y + i);
  });
}

// The same operations for kRows rows of n <= kRowLanes values side by side: one row alone is a
// chain of operations that each wait for the one before.
template <bool kLog, int kRows>
HWY_INLINE void softmax_short_rows(const SoftmaxArgs<float>& a, int64_t r) {
  const float* x = a.x + r * a.x_stride;
  float* y = a.y + r * a.y_stride;
  Lanes row[kRows];
  F part[kRows];
  repeat<kRows>([&](auto j) TINYTORCH_ROW_LAMBDA {
    row[j].fill(kNegInf);
    for_short_row(a.cols, [&](int64_t i, auto k, auto io) TINYTORCH_ROW_LAMBDA {
      row[j].v[k] = io.load_or(x + j * a.x_stride + i, kNegInf);
    });
    part[j] = fold_registers(row[j], Larger());
  });
  const F largest = fold_rows(part, Larger());
  repeat<kRows>([&](auto j) TINYTORCH_ROW_LAMBDA {
    const F max = of_row(largest, j);
    Lanes sum(0);
    for_short_row(a.cols, [&](int64_t, auto k, auto io) TINYTORCH_ROW_LAMBDA {
      const F shifted = row[j].v[k] - max;
      sum.v[k] = io.keep(exp_nonpositive(shifted));
      row[j].v[k] = kLog ? shifted : sum.v[k];
    });
    part[j] = fold_registers(sum, Plus());
  });
  const F total = fold_rows(part, Plus());
  const F scales = kLog ? log(total) : F(1) / total;
  repeat<kRows>([&](auto j) TINYTORCH_ROW_LAMBDA { part[j] = of_row(scales, j); });
  for_short_row(a.cols, [&](int64_t i, auto k, auto io) TINYTORCH_ROW_LAMBDA {
    repeat<kRows>([&](auto j) TINYTORCH_ROW_LAMBDA {
      io.store(kLog ? row[j].v[k] - part[j] : row[j].v[k] * part[j], y + j * a.y_stride + i);
    });
  });
}

template <bool kLog>
void forward_rows(const SoftmaxArgs<float>& args, int64_t begin, int64_t end) {
  const SoftmaxArgs<float> a = args;  // a copy of our own: no store can change it
  int64_t r = begin;
  if constexpr (kTogether > 1)
    if (a.cols <= kRowLanes)
      for (; r + kTogether <= end; r += kTogether) softmax_short_rows<kLog, kTogether>(a, r);
  for (; r < end; ++r) softmax_row<kLog>(a.x + r * a.x_stride, a.y + r * a.y_stride, a.cols);
}

template <bool kLog>
void backward_rows(const SoftmaxGradArgs<float>& args, int64_t begin, int64_t end) {
  const SoftmaxGradArgs<float> a = args;
  for (int64_t r = begin; r < end; ++r) {
    const float* y = a.y + r * a.y_stride;
    const float* dy = a.dy + r * a.dy_stride;
    float* dx = a.dx + r * a.dx_stride;
    Lanes sum(0);
    for_row(a.cols, [&](int64_t i, auto k, auto io) TINYTORCH_ROW_LAMBDA {
      const F g = io.load(dy + i);
      sum.v[k] = kLog ? sum.v[k] + g : fma(g, io.load(y + i), sum.v[k]);
    });
    const F total = sum_lanes(sum);
    for_row(a.cols, [&](int64_t i, auto, auto io) TINYTORCH_ROW_LAMBDA {
      const F g = io.load(dy + i), p = io.load(y + i);
      io.store(kLog ? fma(exp_nonpositive(p), -total, g) : p * (g - total), dx + i);
    });
  }
}

void softmax_rows(const SoftmaxArgs<float>& a, int64_t begin, int64_t end) {
  forward_rows<false>(a, begin, end);
}
void log_softmax_rows(const SoftmaxArgs<float>& a, int64_t begin, int64_t end) {
  forward_rows<true>(a, begin, end);
}
void softmax_grad_rows(const SoftmaxGradArgs<float>& a, int64_t begin, int64_t end) {
  backward_rows<false>(a, begin, end);
}
void log_softmax_grad_rows(const SoftmaxGradArgs<float>& a, int64_t begin, int64_t end) {
  backward_rows<true>(a, begin, end);
}

}  // namespace tinytorch::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tinytorch::kernels {
namespace {

HWY_EXPORT(softmax_rows);
HWY_EXPORT(log_softmax_rows);
HWY_EXPORT(softmax_grad_rows);
HWY_EXPORT(log_softmax_grad_rows);

// Measured on one core with AVX-512; a wrong guess only makes chunks longer or shorter.
constexpr double kRowNs = 8, kForwardNs = 0.16, kBackwardNs = 0.1;

template <class Args, class Rows>
void run(const Args& args, double element_ns, Rows* rows) {
  if (args.cols == 0) return;
  parallel_rows(args.rows, kRowNs + element_ns * static_cast<double>(args.cols),
                [&](int64_t begin, int64_t end) { rows(args, begin, end); });
}

}  // namespace

void simd::softmax(const SoftmaxArgs<float>& args) {
  run(args, kForwardNs, TINYTORCH_DISPATCH(softmax_rows));
}
void simd::log_softmax(const SoftmaxArgs<float>& args) {
  run(args, kForwardNs, TINYTORCH_DISPATCH(log_softmax_rows));
}
void simd::softmax_grad(const SoftmaxGradArgs<float>& args) {
  run(args, kBackwardNs, TINYTORCH_DISPATCH(softmax_grad_rows));
}
void simd::log_softmax_grad(const SoftmaxGradArgs<float>& args) {
  run(args, kForwardNs, TINYTORCH_DISPATCH(log_softmax_grad_rows));
}

}  // namespace tinytorch::kernels
#endif
