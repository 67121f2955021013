// Attention, forward, f32. A task is one head and up to 256 of its queries; it goes over the keys
// in blocks of 256 with a running maximum and sum for each row (Milakov & Gimelshein 2018; Dao et
// al. 2022). See attention-inl.h for the tiles. A few queries (decoding) read keys and values in
// place.
#include "tinytorch/kernels/attention.h"

#include <algorithm>

#include "tinytorch/core/parallel.h"
#include "tinytorch/kernels/simd/isa.h"

#ifndef TINYTORCH_KERNELS_SIMD_ATTENTION_ONCE
#define TINYTORCH_KERNELS_SIMD_ATTENTION_ONCE
namespace tinytorch::kernels {
inline constexpr int64_t kQueryGroup = 256;  // queries of one task
inline constexpr int64_t kFewQueries = 4;    // up to here copying keys costs more than it gains
// Queries [q0, q1) of head h in batch b.
using AttentionTask = void (*)(const AttentionArgs<float>&, int64_t b, int64_t h, int64_t q0,
                               int64_t q1);
struct AttentionTable {
  AttentionTask many, few;
};
}  // namespace tinytorch::kernels
#endif

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tinytorch/kernels/simd/attention.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "tinytorch/kernels/simd/attention-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tinytorch::kernels::HWY_NAMESPACE {
namespace {
using namespace attend;  // NOLINT: the tiles are this file's language

constexpr int64_t kScoreRows = 2 * kRows;  // rows of scores made at a time: they stay in L1

// The state of a task. Rows of `out` are padded(d) floats: sum of exp(s - largest) v so far.
struct Forward {
  float *keys_t, *values, *scores, *out, *largest, *sum;
  explicit Forward(int64_t d) {
    const int64_t width = padded(d);
    keys_t = scratch<float>(Scratch::kA, d * kRow + (kKeyBlock + kQueryGroup) * width +
                                             kScoreRows * kRow + 2 * kQueryGroup);
    scores = keys_t + d * kRow;
    values = scores + kScoreRows * kRow;
    out = values + kKeyBlock * width;
    largest = out + kQueryGroup * width;
    sum = largest + kQueryGroup;
  }
};

// Maximum of n scores, n >= 0.
HWY_NOINLINE float row_max(const float* s, int64_t n) {
  Lanes m(kNegInf);
  for_row(n, [&](int64_t j, auto slot, auto io) TINYTORCH_ROW_LAMBDA {
    m.v[slot] = F(hn::Max(m.v[slot].v, io.load_or(s + j, kNegInf).v));
  });
  return first_lane(max_lanes(m));
}

// s[j] = exp(scale * s[j] - largest) for n scores; returns their sum.
HWY_NOINLINE float row_exp(float* s, int64_t n, float scale, float largest) {
  Lanes sum(0.0f);
  const F factor = scale, offset = -largest;
  for_row(n, [&](int64_t j, auto slot, auto io) TINYTORCH_ROW_LAMBDA {
    const F p = io.keep(exp_nonpositive(fma(io.load(s + j), factor, offset)));
    io.store(p, s + j);
    sum.v[slot] += p;
  });
  return first_lane(sum_lanes(sum));
}

// Turns a row of scores, of which n are visible, into weights relative to the row's largest score
// so far, and scales what was summed before when that grows.
HWY_INLINE void softmax_row(float* s, int64_t n, float scale, bool first, float* out, int64_t width,
                            float* largest, float* sum) {
  const float before = first ? kNegInf : *largest;
  const float now = std::max(before, scale * row_max(s, n));
  const float total = n > 0 ? row_exp(s, n, scale, now) : 0.0f;
  std::fill_n(s + n, 16, 0.0f);
  if (first) {
    *sum = total;
  } else if (now > before) {
    const float shrink = first_lane(exp_nonpositive(F(before - now)));
    *sum = fma(*sum, shrink, total);
    for (int64_t e = 0; e < width; e += kLanes) (F::load(out + e) * F(shrink)).store(out + e);
  } else {
    *sum += total;
  }
  *largest = now;
}

// One block of keys for queries [i, i + m), m <= kScoreRows; i counts from q0.
void add_block(const AttentionArgs<float>& args, const Forward& f, int64_t b, int64_t h, int64_t q0,
               int64_t i, int64_t m, int64_t j0, int64_t keys) {
  const AttentionShape& s = args.shape;
  const int64_t width = padded(s.d);
  auto visible = [&](int64_t row) {
    return std::clamp<int64_t>(s.visible(q0 + row) - j0, 0, keys);
  };
  for_each_tile(m, [&](int64_t r, int64_t rows) {
    multiply(rows, visible(i + r + rows - 1), s.d, args.q.at(b, h, q0 + i + r), args.q.step, true,
             f.keys_t, kRow, f.scores + r * kRow, kRow, false);
  });
  const bool first = j0 == 0;
  for (int64_t r = 0; r < m; ++r) {
    prefetch_row(args.q.at(b, h, std::min(q0 + i + m + r, s.tq - 1)), s.d);
    softmax_row(f.scores + r * kRow, visible(i + r), static_cast<float>(s.scale), first,
                f.out + (i + r) * width, width, f.largest + i + r, f.sum + i + r);
  }
  for_each_tile(m, [&](int64_t r, int64_t rows) {
    multiply(rows, width, visible(i + r + rows - 1), f.scores + r * kRow, kRow, true, f.values,
             width, f.out + (i + r) * width, width, !first);
  });
}

// lse[i] = log of what row i sums to; -inf for a row that saw nothing (largest -inf, sum 0).
HWY_INLINE void store_log_sums(const float* largest, const float* sum, int64_t n, float* lse) {
  for (int64_t i = 0; i < n; i += kLanes) {
    const F value = F(gemm::load_n(largest + i, n - i)) + log(F(gemm::load_n(sum + i, n - i)));
    gemm::store_n(value.v, lse + i, n - i);
  }
}

void many(const AttentionArgs<float>& args, int64_t b, int64_t h, int64_t q0, int64_t q1) {
  const AttentionShape& s = args.shape;
  const Forward f(s.d);
  const int64_t width = padded(s.d), end = s.visible(q1 - 1);
  for (int64_t j0 = 0; j0 == 0 || j0 < end; j0 += kKeyBlock) {
    const int64_t keys = std::min(kKeyBlock, end - j0);
    transpose_rows(args.k.at(b, h, j0), args.k.step, keys, s.d, f.keys_t);
    copy_rows(args.v.at(b, h, j0), args.v.step, keys, s.d, f.values);
    for (int64_t i = q0; i < q1; i += kScoreRows) {
      const int64_t m = std::min(kScoreRows, q1 - i);
      if (j0 == 0 || s.visible(i + m - 1) > j0) add_block(args, f, b, h, q0, i - q0, m, j0, keys);
    }
  }
  for (int64_t i = q0; i < q1; ++i) {
    const float sum = f.sum[i - q0];
    const F inverse = sum != 0 ? 1 / sum : 0.0f;
    float* y = args.y.at(b, h, i);
    prefetch_row(args.y.at(b, h, std::min(i + kAhead, q1 - 1)), s.d);
    for (int64_t e = 0; e < s.d; e += kLanes)
      gemm::store_n((F::load(f.out + (i - q0) * width + e) * inverse).v, y + e, s.d - e);
  }
  if (args.lse) store_log_sums(f.largest, f.sum, q1 - q0, args.lse + (b * s.heads + h) * s.tq + q0);
}

// ---- A few queries: keys and values in place, a row of all scores ----

void few(const AttentionArgs<float>& args, int64_t b, int64_t h, int64_t q0, int64_t q1) {
  const AttentionShape& s = args.shape;
  const float scale = static_cast<float>(s.scale);
  float* p = scratch<float>(Scratch::kA, s.tk);
  for (int64_t i = q0; i < q1; ++i) {
    const int64_t n = s.visible(i);
    for (int64_t j = 0; j < n; ++j) p[j] = dot(args.q.at(b, h, i), args.k.at(b, h, j), s.d);
    const float largest = scale * row_max(p, n), sum = row_exp(p, n, scale, largest);
    const F inverse = sum != 0 ? 1 / sum : 0.0f;
    float* y = args.y.at(b, h, i);
    for (int64_t e = 0; e < s.d; e += kRowLanes) {
      const int64_t width = std::min<int64_t>(kRowLanes, s.d - e);
      Lanes total(0.0f);
      for (int64_t j = 0; j < n; ++j) {
        const F weight = p[j];
        const float* v = args.v.at(b, h, j) + e;
        for_short_row(width, [&](int64_t lane, auto slot, auto io) TINYTORCH_ROW_LAMBDA {
          total.v[slot] = fma(weight, io.load(v + lane), total.v[slot]);
        });
      }
      for_short_row(width, [&](int64_t lane, auto slot, auto io) TINYTORCH_ROW_LAMBDA {
        io.store(total.v[slot] * inverse, y + e + lane);
      });
    }
    if (args.lse) store_log_sums(&largest, &sum, 1, args.lse + (b * s.heads + h) * s.tq + i);
  }
}

}  // namespace

const AttentionTable* GetAttentionTable() {
  static const AttentionTable table = {many, few};
  return &table;
}

}  // namespace tinytorch::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tinytorch::kernels {

HWY_EXPORT(GetAttentionTable);

namespace simd {

void attention(const AttentionArgs<float>& args) {
  const AttentionShape& s = args.shape;
  const AttentionTable* table = TINYTORCH_DISPATCH(GetAttentionTable)();
  const AttentionTask task = s.tq <= kFewQueries ? table->few : table->many;
  const int64_t groups = (s.tq + kQueryGroup - 1) / kQueryGroup, count = s.batch * s.heads * groups;
  const double products = static_cast<double>(s.batch * s.heads * s.tq * s.tk * s.d);
  parallel_tasks(count, products * (s.causal ? 0.02 : 0.03), [&](int64_t i) {
    const int64_t head = i / groups, q0 = i % groups * kQueryGroup;
    task(args, head / s.heads, head % s.heads, q0, std::min(q0 + kQueryGroup, s.tq));
  });
}

}  // namespace simd
}  // namespace tinytorch::kernels
#endif
