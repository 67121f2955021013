// Attention, backward, f32. A task is one head: for each block of 256 keys it goes over the queries
// in blocks of 64, makes their weights again from the saved log-sums and adds to dk and dv of the
// block, which stay in the cache. See attention-inl.h for the tiles.
#include "tinytorch/kernels/attention.h"

#include <algorithm>

#include "tinytorch/core/parallel.h"
#include "tinytorch/kernels/simd/isa.h"

#ifndef TINYTORCH_KERNELS_SIMD_ATTENTION_GRAD_ONCE
#define TINYTORCH_KERNELS_SIMD_ATTENTION_GRAD_ONCE
namespace tinytorch::kernels {
struct AttentionGradTable {
  void (*head)(const AttentionGradArgs<float>&, int64_t b, int64_t h);
};
}  // namespace tinytorch::kernels
#endif

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tinytorch/kernels/simd/attention_grad.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "tinytorch/kernels/simd/attention-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tinytorch::kernels::HWY_NAMESPACE {
namespace {
using namespace attend;  // NOLINT: the tiles are this file's language

// Sums over queries add block by block: the length is part of the result, the same everywhere.
constexpr int64_t kQueryBlock = 64;

struct Backward {
  float *keys_t, *values_t, *keys, *dk, *dv;  // of the block of keys
  float *q, *dy, *dq, *p, *ds;                // of the block of queries
  explicit Backward(int64_t d) {
    const int64_t width = padded(d), rows = kKeyBlock * width, block = kQueryBlock * width;
    float* at =
        scratch<float>(Scratch::kA, 2 * d * kRow + 3 * rows + 3 * block + 2 * kQueryBlock * kRow);
    auto take = [&at](int64_t count) {
      float* mine = at;
      at += count;
      return mine;
    };
    keys_t = take(d * kRow);
    values_t = take(d * kRow);
    keys = take(rows);
    dk = take(rows);
    dv = take(rows);
    q = take(block);
    dy = take(block);
    dq = take(block);
    p = take(kQueryBlock * kRow);
    ds = take(kQueryBlock * kRow);
  }
};

// p[j] = exp(scale p[j] - lse), ds[j] = p[j] (ds[j] - g) scale for the n visible scores p[j] and
// products ds[j] = dy . v[j]; zeros behind them.
HWY_INLINE void grad_row(float* p, float* ds, int64_t n, float scale, float lse, float g) {
  const F factor = scale, offset = -lse, mean = g;
  for_row(n, [&](int64_t j, auto, auto io) TINYTORCH_ROW_LAMBDA {
    const F weight = exp_nonpositive(fma(io.load(p + j), factor, offset));
    io.store(weight, p + j);
    io.store(weight * factor * (io.load(ds + j) - mean), ds + j);
  });
  std::fill_n(p + n, 16, 0.0f);
  std::fill_n(ds + n, 16, 0.0f);
}

// Adds what queries [i0, i0 + m) contribute, m <= kQueryBlock, for keys [j0, j0 + keys).
void add_block(const AttentionGradArgs<float>& args, const Backward& w, int64_t b, int64_t h,
               int64_t i0, int64_t m, int64_t j0, int64_t keys) {
  const AttentionShape& s = args.shape;
  const int64_t d = s.d, width = padded(d);
  auto visible = [&](int64_t row) {
    return std::clamp<int64_t>(s.visible(i0 + row) - j0, 0, keys);
  };
  copy_rows(args.q.at(b, h, i0), args.q.step, m, d, w.q);
  copy_rows(args.dy.at(b, h, i0), args.dy.step, m, d, w.dy);
  for_each_tile(m, [&](int64_t r, int64_t rows) {
    const int64_t n = visible(r + rows - 1);
    multiply(rows, n, d, w.q + r * width, width, true, w.keys_t, kRow, w.p + r * kRow, kRow, false);
    multiply(rows, n, d, w.dy + r * width, width, true, w.values_t, kRow, w.ds + r * kRow, kRow,
             false);
  });
  const float* lse = args.lse + (b * s.heads + h) * s.tq + i0;
  for (int64_t r = 0; r < m; ++r) {
    prefetch_row(args.y.at(b, h, std::min(i0 + r + kAhead, s.tq - 1)), d);
    const float g = dot(w.dy + r * width, args.y.at(b, h, i0 + r), d);
    grad_row(w.p + r * kRow, w.ds + r * kRow, visible(r), static_cast<float>(s.scale), lse[r], g);
  }
  // dq: the row's weights times keys.
  for_each_tile(m, [&](int64_t r, int64_t rows) {
    multiply(rows, width, visible(r + rows - 1), w.ds + r * kRow, kRow, true, w.keys, width,
             w.dq + r * width, width, false);
  });
  store_rows(w.dq, m, d, j0 > 0, args.dq.at(b, h, i0), args.dq.step);
  // dk, dv: the column's weights times queries and dy, from the first query that sees the tile.
  for_each_tile(visible(m - 1), [&](int64_t j, int64_t columns) {
    int64_t r = 0;
    while (visible(r) <= j) ++r;
    multiply(columns, width, m - r, w.p + r * kRow + j, kRow, false, w.dy + r * width, width,
             w.dv + j * width, width, true);
    multiply(columns, width, m - r, w.ds + r * kRow + j, kRow, false, w.q + r * width, width,
             w.dk + j * width, width, true);
  });
}

void head(const AttentionGradArgs<float>& args, int64_t b, int64_t h) {
  const AttentionShape& s = args.shape;
  const Backward w(s.d);
  const int64_t width = padded(s.d);
  for (int64_t j0 = 0; j0 == 0 || j0 < s.tk; j0 += kKeyBlock) {
    const int64_t keys = std::min(kKeyBlock, s.tk - j0);
    transpose_rows(args.k.at(b, h, j0), args.k.step, keys, s.d, w.keys_t);
    transpose_rows(args.v.at(b, h, j0), args.v.step, keys, s.d, w.values_t);
    copy_rows(args.k.at(b, h, j0), args.k.step, keys, s.d, w.keys);
    std::fill_n(w.dk, keys * width, 0.0f);
    std::fill_n(w.dv, keys * width, 0.0f);
    for (int64_t i0 = 0; i0 < s.tq; i0 += kQueryBlock) {
      const int64_t m = std::min(kQueryBlock, s.tq - i0);
      // The first block of keys also writes dq of queries that see nothing.
      if (j0 == 0 || s.visible(i0 + m - 1) > j0) add_block(args, w, b, h, i0, m, j0, keys);
    }
    store_rows(w.dk, keys, s.d, false, args.dk.at(b, h, j0), args.dk.step);
    store_rows(w.dv, keys, s.d, false, args.dv.at(b, h, j0), args.dv.step);
  }
}

}  // namespace

const AttentionGradTable* GetAttentionGradTable() {
  static const AttentionGradTable table = {head};
  return &table;
}

}  // namespace tinytorch::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tinytorch::kernels {

HWY_EXPORT(GetAttentionGradTable);

namespace simd {

void attention_grad(const AttentionGradArgs<float>& args) {
  const AttentionShape& s = args.shape;
  const auto head = TINYTORCH_DISPATCH(GetAttentionGradTable)()->head;
  const double products = static_cast<double>(s.batch * s.heads * s.tq * s.tk * s.d);
  parallel_tasks(s.batch * s.heads, products * (s.causal ? 0.05 : 0.08),
                 [&](int64_t i) { head(args, i / s.heads, i % s.heads); });
}

}  // namespace simd
}  // namespace tinytorch::kernels
#endif
