// Batch norm over NHWC: rows of c channels, channels in lanes. Statistics are taken over fixed
// blocks of rows while they are in cache, in float, and the blocks are combined in double, in
// order; then one pass writes the output. Every pass goes through a strip of rows for one register
// of channels after the other, so that what belongs to the channels stays in registers.
#include <algorithm>
#include <cmath>

#include "tinytorch/kernels/norm.h"
#include "tinytorch/kernels/rows.h"
#include "tinytorch/kernels/simd/isa.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tinytorch/kernels/simd/batch_norm.cpp"
#include "hwy/foreach_target.h"
#include "tinytorch/kernels/simd/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tinytorch::kernels::HWY_NAMESPACE {

// Sums over rows run in four chains (row r in chain r % 4), added as (0 + 2) + (1 + 3): one chain
// would wait for each addition. The number is part of the order of summation, not of the target.
inline constexpr int kChains = 4;

// body(channel, io) for each register of channels.
template <class Body>
HWY_INLINE void for_channels(int64_t c, Body body) {
  int64_t i = 0;
  for (; i + kWidth <= c; i += kWidth) body(i, Whole());
  if (i < c) body(i, Part{static_cast<size_t>(c - i)});
}

// body(row, chain) for each row of [0, rows).
template <class Body>
HWY_INLINE void for_chains(int64_t rows, Body body) {
  int64_t r = 0;
  for (; r + kChains <= rows; r += kChains)
    repeat<kChains>([&](auto j) TINYTORCH_ROW_LAMBDA { body(r + j, j); });
  repeat<kChains - 1>([&](auto j) TINYTORCH_ROW_LAMBDA {
    if (r + j < rows) body(r + j, j);
  });
}

struct Chains {
  F v[kChains];
  HWY_INLINE Chains() {
    for (F& each : v) each = F(0);
  }
  HWY_INLINE F sum() const { return (v[0] + v[2]) + (v[1] + v[3]); }
};

// For one block of rows: sums[i] = sum x, sums[c + i] = sum (x - m)^2 around the block's mean m.
void batch_norm_block_sums(const float* x, int64_t rows, int64_t c, float* sums) {
  const F per_row = F(1.f / static_cast<float>(rows));
  for_channels(c, [&](int64_t i, auto io) TINYTORCH_ROW_LAMBDA {
    Chains sum, squares;
    for_chains(rows,
               [&](int64_t r, auto j) TINYTORCH_ROW_LAMBDA { sum.v[j] += io.load(x + r * c + i); });
    const F mean = sum.sum() * per_row;
    for_chains(rows, [&](int64_t r, auto j) TINYTORCH_ROW_LAMBDA {
      const F d = io.load(x + r * c + i) - mean;
      squares.v[j] = fma(d, d, squares.v[j]);
    });
    io.store(sum.sum(), sums + i);
    io.store(squares.sum(), sums + c + i);
  });
}

// y = act((x - mean) scale + beta + residual) for rows [begin, end); channel: c values each of
// mean, scale = gamma rstd, and beta.
HWY_INLINE F normal(F x, F mean, F scale, F beta) {
  return fma(x - mean, scale, beta);
}
template <bool kResidual>
HWY_INLINE void normalise(const BatchNormArgs<float>& a, const float* channel, int64_t begin,
                          int64_t end) {
  const int64_t c = a.c;
  const F floor = F(a.relu ? 0.f : kNegInf);
  for_channels(c, [&](int64_t i, auto io) TINYTORCH_ROW_LAMBDA {
    const F mean = io.load(channel + i), scale = io.load(channel + c + i);
    const F beta = io.load(channel + 2 * c + i);
    for (int64_t r = begin; r < end; ++r) {
      F y = normal(io.load(a.x + r * c + i), mean, scale, beta);
      if (kResidual) y += io.load(a.residual + r * c + i);
      io.store(max(floor, y).v, a.y + r * c + i);  // in this order a NaN stays
    }
  });
}
void batch_norm_normalise(const BatchNormArgs<float>& args, const float* channel, int64_t begin,
                          int64_t end) {
  const BatchNormArgs<float> a = args;  // a copy of our own: no store can change it
  a.residual ? normalise<true>(a, channel, begin, end) : normalise<false>(a, channel, begin, end);
}

// Where the relu of the forward let the gradient through: everywhere, where its output is positive,
// or where the same operations on x give a positive value again.
enum class Relu { kNone, kOutput, kInput };

// What a register of channels needs to find d, and d itself.
template <Relu kMask, class Io>
struct MaskedGrad {
  const float* dy;
  const float* y;
  F mean, scale, beta;
  Io io;
  HWY_INLINE MaskedGrad(const BatchNormGradArgs<float>& a, const float* channel, int64_t i, Io how)
      : dy(a.dy + i), y(a.y + i), mean(how.load(channel + i)), io(how) {
    if (kMask != Relu::kInput) return;
    scale = how.load(channel + a.c + i);
    beta = how.load(channel + 2 * a.c + i);
  }
  HWY_INLINE F operator()(int64_t at, F x) const {
    const F d = io.load(dy + at);
    if (kMask == Relu::kNone) return d;
    const F value = kMask == Relu::kOutput ? io.load(y + at) : normal(x, mean, scale, beta);
    return hn::IfThenZeroElse((value <= F(0)).m, d.v);
  }
};

// For rows [begin, end), one block: sums[i] = sum d, sums[c + i] = sum d (x - mean). Writes d to
// dresidual when it is wanted. channel: c values each of mean, scale = gamma rstd, beta.
template <Relu kMask>
HWY_INLINE void grad_sums(const BatchNormGradArgs<float>& a, const float* channel, int64_t begin,
                          int64_t end, float* sums) {
  const int64_t c = a.c;
  for_channels(c, [&](int64_t i, auto io) TINYTORCH_ROW_LAMBDA {
    const MaskedGrad<kMask, decltype(io)> grad(a, channel, i, io);
    Chains sum, product;
    for_chains(end - begin, [&](int64_t r, auto j) TINYTORCH_ROW_LAMBDA {
      const int64_t at = (begin + r) * c;
      const F x = io.load(a.x + at + i), d = grad(at, x);
      if (a.dresidual) io.store(d, a.dresidual + at + i);
      sum.v[j] += d;
      product.v[j] = fma(d, x - grad.mean, product.v[j]);
    });
    io.store(sum.sum(), sums + i);
    io.store(product.sum(), sums + c + i);
  });
}

// dx = scale d - q (x - mean) - s for rows [begin, end); channel also has c values each of q and s.
template <Relu kMask>
HWY_INLINE void grad_input(const BatchNormGradArgs<float>& a, const float* channel, int64_t begin,
                           int64_t end) {
  const int64_t c = a.c;
  for_channels(c, [&](int64_t i, auto io) TINYTORCH_ROW_LAMBDA {
    const MaskedGrad<kMask, decltype(io)> grad(a, channel, i, io);
    const F scale = io.load(channel + c + i);
    const F q = io.load(channel + 3 * c + i), s = io.load(channel + 4 * c + i);
    for (int64_t r = begin; r < end; ++r) {
      const int64_t at = r * c;
      const F x = io.load(a.x + at + i), d = grad(at, x);
      io.store(hn::MulSub(scale.v, d.v, fma(q, x - grad.mean, s).v), a.dx + at + i);
    }
  });
}

void batch_norm_grad_sums(const BatchNormGradArgs<float>& args, const float* channel, int64_t begin,
                          int64_t end, float* sums) {
  const BatchNormGradArgs<float> a = args;
  if (!a.relu)
    grad_sums<Relu::kNone>(a, channel, begin, end, sums);
  else if (a.y)
    grad_sums<Relu::kOutput>(a, channel, begin, end, sums);
  else
    grad_sums<Relu::kInput>(a, channel, begin, end, sums);
}
void batch_norm_grad_input(const BatchNormGradArgs<float>& args, const float* channel,
                           int64_t begin, int64_t end) {
  BatchNormGradArgs<float> a = args;
  if (a.dresidual) {  // the first pass has left the masked gradient there
    a.dy = a.dresidual;
    a.relu = false;
  }
  if (!a.relu)
    grad_input<Relu::kNone>(a, channel, begin, end);
  else if (a.y)
    grad_input<Relu::kOutput>(a, channel, begin, end);
  else
    grad_input<Relu::kInput>(a, channel, begin, end);
}

}  // namespace tinytorch::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tinytorch::kernels {
namespace {

HWY_EXPORT(batch_norm_block_sums);
HWY_EXPORT(batch_norm_normalise);
HWY_EXPORT(batch_norm_grad_sums);
HWY_EXPORT(batch_norm_grad_input);

// Estimates for one core; a wrong guess only makes chunks longer or shorter.
constexpr double kElementNs = 0.15;

// Rows of a block: by the number of channels alone, for it sets the order of summation. A block of
// x, y and dy (about 4K elements each) stays in the first-level cache from one pass to the next.
int64_t block_rows(int64_t c) {
  return std::clamp<int64_t>(4096 / c, 16, 512);
}

// fn(begin, end) over blocks of rows, on all threads.
template <class Fn>
void for_blocks(int64_t rows, int64_t c, Fn&& fn) {
  const int64_t length = block_rows(c), blocks = (rows + length - 1) / length;
  const double block_ns = kElementNs * static_cast<double>(std::min(length, rows) * c);
  parallel_rows(blocks, block_ns, [&](int64_t begin, int64_t end) {
    for (int64_t b = begin; b < end; ++b) fn(b * length, std::min((b + 1) * length, rows));
  });
}

// Per-channel sums over the blocks' sums, in order, in double: mean and biased variance.
// The squared deviations around the blocks' own means move to the common mean by
// sum (x - mean)^2 = sum_b [sum (x - m_b)^2 + n_b (m_b - mean)^2].
void combine_moments(const float* sums, int64_t rows, int64_t c, double* mean, double* var) {
  const int64_t length = block_rows(c), blocks = (rows + length - 1) / length;
  const double m = static_cast<double>(rows);
  std::fill_n(mean, c, 0.0);
  std::fill_n(var, c, 0.0);
  for (int64_t b = 0; b < blocks; ++b)
    for (int64_t i = 0; i < c; ++i) mean[i] += sums[2 * c * b + i];
  for (int64_t i = 0; i < c; ++i) mean[i] /= m;
  for (int64_t b = 0; b < blocks; ++b) {
    const double n = static_cast<double>(std::min(length, rows - b * length)), per_row = 1 / n;
    const float* block = sums + 2 * c * b;
    for (int64_t i = 0; i < c; ++i) {
      const double d = block[i] * per_row - mean[i];
      var[i] += block[c + i] + n * d * d;
    }
  }
  for (int64_t i = 0; i < c; ++i) var[i] /= m;
}

// The three values a channel that the normalising pass needs, from mean and variance of channel i.
void set_channel(const BatchNormArgs<float>& a, int64_t i, double mean, double var,
                 float* channel) {
  const float rstd = static_cast<float>(1 / std::sqrt(var + a.eps));
  if (a.mean) a.mean[i] = static_cast<float>(mean);
  if (a.rstd) a.rstd[i] = rstd;
  channel[i] = static_cast<float>(mean);
  channel[a.c + i] = a.gamma ? rstd * a.gamma[i] : rstd;  // the gradient's mask needs the same bits
  channel[2 * a.c + i] = a.beta ? a.beta[i] : 0;
}

void write_output(const BatchNormArgs<float>& args, const float* channel) {
  auto* normalise = TINYTORCH_DISPATCH(batch_norm_normalise);
  for_blocks(args.n * args.spatial, args.c,
             [&](int64_t begin, int64_t end) { normalise(args, channel, begin, end); });
}

}  // namespace

void simd::batch_norm(const BatchNormArgs<float>& args) {
  if (args.layout != ImageLayout::kNhwc) return loops::batch_norm(args);
  const int64_t c = args.c, rows = args.n * args.spatial;
  if (rows == 0 || c == 0) return;
  const int64_t length = block_rows(c), blocks = (rows + length - 1) / length;
  float* sums = scratch<float>(Scratch::kC, 2 * c * blocks + 3 * c);
  float* channel = sums + 2 * c * blocks;
  auto* block_sums = TINYTORCH_DISPATCH(batch_norm_block_sums);
  for_blocks(rows, c, [&](int64_t begin, int64_t end) {
    block_sums(args.x + begin * c, end - begin, c, sums + 2 * c * (begin / length));
  });
  double* mean = scratch<double>(Scratch::kD, 2 * c);
  double* var = mean + c;
  combine_moments(sums, rows, c, mean, var);
  const double m = static_cast<double>(rows), old = 1 - args.momentum;
  for (int64_t i = 0; i < c; ++i) {
    set_channel(args, i, mean[i], var[i], channel);
    if (!args.running_mean) continue;
    const double unbiased = var[i] * m / (m - 1);
    args.running_mean[i] = static_cast<float>(old * args.running_mean[i] + args.momentum * mean[i]);
    args.running_var[i] = static_cast<float>(old * args.running_var[i] + args.momentum * unbiased);
  }
  write_output(args, channel);
}

void simd::batch_norm_eval(const BatchNormArgs<float>& args) {
  if (args.layout != ImageLayout::kNhwc) return loops::batch_norm_eval(args);
  const int64_t c = args.c;
  if (c == 0) return;
  float* channel = scratch<float>(Scratch::kC, 3 * c);
  for (int64_t i = 0; i < c; ++i)
    set_channel(args, i, args.running_mean[i], args.running_var[i], channel);
  write_output(args, channel);
}

void simd::batch_norm_grad(const BatchNormGradArgs<float>& args) {
  if (args.layout != ImageLayout::kNhwc) return loops::batch_norm_grad(args);
  const int64_t c = args.c, rows = args.n * args.spatial;
  if (c == 0) return;
  const int64_t length = block_rows(c), blocks = (rows + length - 1) / length;
  float* sums = scratch<float>(Scratch::kC, 2 * c * blocks + 5 * c);
  float* channel = sums + 2 * c * blocks;
  for (int64_t i = 0; i < c; ++i) {
    channel[i] = args.mean[i];
    channel[c + i] = args.gamma ? args.rstd[i] * args.gamma[i] : args.rstd[i];
    channel[2 * c + i] = args.beta ? args.beta[i] : 0;
  }
  auto* block_sums = TINYTORCH_DISPATCH(batch_norm_grad_sums);
  for_blocks(rows, c, [&](int64_t begin, int64_t end) {
    block_sums(args, channel, begin, end, sums + 2 * c * (begin / length));
  });
  const double m = static_cast<double>(rows);
  for (int64_t i = 0; i < c; ++i) {
    double sum = 0, product = 0;
    for (int64_t b = 0; b < blocks; ++b) {
      sum += sums[2 * c * b + i];
      product += sums[2 * c * b + c + i];
    }
    const double rstd = args.rstd[i], scale = args.training ? channel[c + i] / m : 0;
    if (args.dbeta) args.dbeta[i] = static_cast<float>(sum);
    if (args.dgamma) args.dgamma[i] = static_cast<float>(product * rstd);
    channel[3 * c + i] = static_cast<float>(scale * rstd * rstd * product);
    channel[4 * c + i] = static_cast<float>(scale * sum);
  }
  if (!args.dx) return;
  auto* input = TINYTORCH_DISPATCH(batch_norm_grad_input);
  for_blocks(rows, c, [&](int64_t begin, int64_t end) { input(args, channel, begin, end); });
}

}  // namespace tinytorch::kernels
#endif
