// Layer norm. Forward: rows of up to 64 values stay in registers, four at a time, where there are
// enough of these (AVX-512); a longer row is read from cache for the mean, the variance and the
// output. Gradient: one sweep over fixed blocks of rows gives dx and the block's share of dgamma
// and dbeta; the shares are added in the order of the blocks.
#include "tinytorch/kernels/norm.h"

#include <algorithm>

#include "tinytorch/kernels/rows.h"
#include "tinytorch/kernels/simd/isa.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tinytorch/kernels/simd/layer_norm.cpp"
#include "hwy/foreach_target.h"
#include "tinytorch/kernels/simd/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tinytorch::kernels::HWY_NAMESPACE {

HWY_INLINE float rstd_of(F squares, float per_n, double eps) {
  // By a vector of one lane: std::sqrt would look for a negative argument first.
  const hn::CappedTag<float, 1> one;
  const auto var = hn::Set(one, first_lane(squares) * per_n + static_cast<float>(eps));
  return 1.f / hn::GetLane(hn::Sqrt(var));
}

// gamma * h + beta, either of them optional.
struct Affine {
  const float* gamma;
  const float* beta;
  template <class Io>
  HWY_INLINE F operator()(F h, int64_t i, Io io) const {
    if (gamma && beta) return fma(h, io.load(gamma + i), io.load(beta + i));
    if (gamma) return h * io.load(gamma + i);
    return beta ? h + io.load(beta + i) : h;
  }
};

HWY_INLINE void layer_norm_row(const LayerNormArgs<float>& a, int64_t r) {
  const float* x = a.x + r * a.x_stride;
  float* y = a.y + r * a.y_stride;
  const Affine affine{a.gamma, a.beta};
  Lanes sum(0), squares(0);
  for_row(a.cols,
          [&](int64_t i, auto k, auto io) TINYTORCH_ROW_LAMBDA { sum.v[k] += io.load(x + i); });
  const float per_n = 1.f / static_cast<float>(a.cols);
  const F mean = sum_lanes(sum) * F(per_n);
  for_row(a.cols, [&](int64_t i, auto k, auto io) TINYTORCH_ROW_LAMBDA {
    const F d = io.keep(io.load(x + i) - mean);
    squares.v[k] = fma(d, d, squares.v[k]);
  });
  const float rstd = rstd_of(sum_lanes(squares), per_n, a.eps);
  for_row(a.cols, [&](int64_t i, auto, auto io) TINYTORCH_ROW_LAMBDA {
    io.store(affine((io.load(x + i) - mean) * F(rstd), i, io), y + i);
  });
  if (a.mean) a.mean[r] = first_lane(mean);
  if (a.rstd) a.rstd[r] = rstd;
}

// The same operations for kRows rows of at most kRowLanes values side by side.
template <int kRows>
HWY_INLINE void layer_norm_short_rows(const LayerNormArgs<float>& a, int64_t r) {
  const Affine affine{a.gamma, a.beta};
  const float per_n = 1.f / static_cast<float>(a.cols);
  Lanes row[kRows];
  F part[kRows];
  repeat<kRows>([&](auto j) TINYTORCH_ROW_LAMBDA {
    const float* x = a.x + (r + j) * a.x_stride;
    row[j].fill(0);
    for_short_row(a.cols, [&](int64_t i, auto k, auto io)
                              TINYTORCH_ROW_LAMBDA { row[j].v[k] = io.load(x + i); });
    part[j] = fold_registers(row[j], Plus());
  });
  const F means = fold_rows(part, Plus()) * F(per_n);
  repeat<kRows>([&](auto j) TINYTORCH_ROW_LAMBDA {
    const F mean = of_row(means, j);
    Lanes squares(0);
    for_short_row(a.cols, [&](int64_t, auto k, auto io) TINYTORCH_ROW_LAMBDA {
      row[j].v[k] = io.keep(row[j].v[k] - mean);
      squares.v[k] = row[j].v[k] * row[j].v[k];
    });
    part[j] = fold_registers(squares, Plus());
    if (a.mean) a.mean[r + j] = first_lane(mean);
  });
  const F rstds = rsqrt(fold_rows(part, Plus()) * F(per_n) + F(static_cast<float>(a.eps)));
  repeat<kRows>([&](auto j) TINYTORCH_ROW_LAMBDA {
    part[j] = of_row(rstds, j);
    if (a.rstd) a.rstd[r + j] = first_lane(part[j]);
  });
  for_short_row(a.cols, [&](int64_t i, auto k, auto io) TINYTORCH_ROW_LAMBDA {
    repeat<kRows>([&](auto j) TINYTORCH_ROW_LAMBDA {
      io.store(affine(row[j].v[k] * part[j], i, io), a.y + (r + j) * a.y_stride + i);
    });
  });
}

void layer_norm_rows(const LayerNormArgs<float>& args, int64_t begin, int64_t end) {
  const LayerNormArgs<float> a = args;  // a copy of our own: no store can change it
  int64_t r = begin;
  if constexpr (kTogether > 1)
    if (a.cols <= kRowLanes)
      for (; r + kTogether <= end; r += kTogether) layer_norm_short_rows<kTogether>(a, r);
  for (; r < end; ++r) layer_norm_row(a, r);
}

// One row of the gradient. dgamma and dbeta (nullptr: not wanted) are the sums of this row's block.
template <bool kParameters>
HWY_INLINE void layer_norm_grad_row(const LayerNormGradArgs<float>& a, int64_t r, float* dgamma,
                                    float* dbeta) {
  const float* x = a.x + r * a.x_stride;
  const float* dy = a.dy + r * a.dy_stride;
  const F mean = F(a.mean[r]), rstd = F(a.rstd[r]);
  const Affine scaled{a.gamma, nullptr};
  Lanes sum_g(0), sum_gh(0);
  for_row(a.cols, [&](int64_t i, auto k, auto io) TINYTORCH_ROW_LAMBDA {
    const F d = io.load(dy + i), h = io.keep((io.load(x + i) - mean) * rstd);
    const F g = scaled(d, i, io);
    sum_g.v[k] += g;
    sum_gh.v[k] = fma(g, h, sum_gh.v[k]);
    if (kParameters) {
      io.store(fma(d, h, io.load(dgamma + i)), dgamma + i);
      io.store(io.load(dbeta + i) + d, dbeta + i);
    }
  });
  if (!a.dx) return;
  float* dx = a.dx + r * a.dx_stride;
  const F per_n = F(1.f / static_cast<float>(a.cols));
  const F mean_g = sum_lanes(sum_g) * per_n, mean_gh = sum_lanes(sum_gh) * per_n;
  for_row(a.cols, [&](int64_t i, auto, auto io) TINYTORCH_ROW_LAMBDA {
    const F h = (io.load(x + i) - mean) * rstd, g = scaled(io.load(dy + i), i, io);
    io.store(rstd * fma(-h, mean_gh, g - mean_g), dx + i);
  });
}

// Rows [begin, end) are one block; its sums start at zero. sums: cols of dgamma, cols of dbeta.
void layer_norm_grad_block(const LayerNormGradArgs<float>& args, int64_t begin, int64_t end,
                           float* sums) {
  const LayerNormGradArgs<float> a = args;
  if (!sums) {
    for (int64_t r = begin; r < end; ++r) layer_norm_grad_row<false>(a, r, nullptr, nullptr);
    return;
  }
  std::fill_n(sums, 2 * a.cols, 0.f);
  for (int64_t r = begin; r < end; ++r) layer_norm_grad_row<true>(a, r, sums, sums + a.cols);
}

// out[c] = sum over blocks, in order, of part[block * stride + c].
void add_blocks(const float* part, int64_t blocks, int64_t stride, int64_t n, float* out) {
  for_row(n, [&](int64_t i, auto, auto io) TINYTORCH_ROW_LAMBDA {
    F sum(0);
    for (int64_t b = 0; b < blocks; ++b) sum += io.load(part + b * stride + i);
    io.store(sum, out + i);
  });
}

}  // namespace tinytorch::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tinytorch::kernels {
namespace {

HWY_EXPORT(layer_norm_rows);
HWY_EXPORT(layer_norm_grad_block);
HWY_EXPORT(add_blocks);

// Estimates for one core; a wrong guess only makes chunks longer or shorter.
constexpr double kRowNs = 8, kForwardNs = 0.1, kBackwardNs = 0.25, kAddNs = 0.1;

// Rows of a block: by the shape alone, for the sums over rows are taken block by block. About 16K
// elements, so that the block's own sums cost little beside it.
int64_t block_rows(int64_t cols) {
  return std::clamp<int64_t>(16384 / cols, 8, 64);
}

}  // namespace

void simd::layer_norm(const LayerNormArgs<float>& args) {
  if (args.cols == 0) return;
  auto* rows = TINYTORCH_DISPATCH(layer_norm_rows);
  parallel_rows(args.rows, kRowNs + kForwardNs * static_cast<double>(args.cols),
                [&](int64_t begin, int64_t end) { rows(args, begin, end); });
}

void simd::layer_norm_grad(const LayerNormGradArgs<float>& args) {
  const int64_t cols = args.cols;
  if (cols == 0) return;
  const int64_t rows = block_rows(cols), blocks = (args.rows + rows - 1) / rows;
  const bool parameters = args.dgamma || args.dbeta;
  float* sums = parameters ? scratch<float>(Scratch::kD, 2 * cols * blocks) : nullptr;
  auto* block_fn = TINYTORCH_DISPATCH(layer_norm_grad_block);
  const double row_ns = kRowNs + kBackwardNs * static_cast<double>(cols);
  parallel_rows(blocks, row_ns * static_cast<double>(rows), [&](int64_t begin, int64_t end) {
    for (int64_t b = begin; b < end; ++b)
      block_fn(args, b * rows, std::min((b + 1) * rows, args.rows),
               sums ? sums + 2 * cols * b : nullptr);
  });
  if (!parameters) return;
  auto* add = TINYTORCH_DISPATCH(add_blocks);
  const auto add_up = [&](const float* part, float* out) {
    constexpr int64_t kAtOnce = 256;  // columns
    parallel_rows((cols + kAtOnce - 1) / kAtOnce, kAddNs * static_cast<double>(kAtOnce * blocks),
                  [&](int64_t begin, int64_t end) {
                    const int64_t first = begin * kAtOnce, last = std::min(cols, end * kAtOnce);
                    add(part + first, blocks, 2 * cols, last - first, out + first);
                  });
  };
  if (args.dgamma) add_up(sums, args.dgamma);
  if (args.dbeta) add_up(sums + cols, args.dbeta);
}

}  // namespace tinytorch::kernels
#endif
