// Sums, maxima and squared deviations over the middle of outer x count x inner (kernels/reduce.h,
// which also fixes the order of every sum). Two shapes of loop: along a run of elements when inner
// is 1, across columns otherwise. y aliases nothing.
#include "tinytorch/kernels/reduce.h"

#include <algorithm>

#include "tinytorch/core/parallel.h"
#include "tinytorch/kernels/rows.h"
#include "tinytorch/kernels/simd/isa.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tinytorch/kernels/simd/reduce.cpp"
#include "hwy/foreach_target.h"
#include "tinytorch/kernels/simd/vec-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tinytorch::kernels::HWY_NAMESPACE {
namespace {

using F = Vec<float>;
constexpr int kN = static_cast<int>(F::kLanes);

// What is summed: x itself, or (x - mean)^2.
struct Plain {
  static HWY_INLINE F apply(F x, F /*mean*/) { return x; }
};
struct SquaredDeviation {
  static HWY_INLINE F apply(F x, F mean) {
    const F d = x - mean;
    return d * d;
  }
};

// The 64 lanes of a block, as many registers as it takes.
template <class Term>
struct Lanes {
  static constexpr int kLanes = 64, kRegisters = kLanes / kN;
  F sum[kRegisters];

  HWY_INLINE Lanes() {
    for (F& s : sum) s = F(0);
  }
  // n elements without gaps; a multiple of 64 except in the last call. Lanes behind the end add 0.
  HWY_INLINE void add(const float* x, int64_t n, F mean) {
    for (; n >= kLanes; n -= kLanes, x += kLanes)
      for (int j = 0; j < kRegisters; ++j) sum[j] += Term::apply(F::load(x + j * kN), mean);
    for (int j = 0; n > 0; ++j, n -= kN, x += kN) {
      const auto count = static_cast<size_t>(std::min<int64_t>(n, kN));
      const F v = count < F::kLanes ? F::load_n(x, count) : F::load(x);
      sum[j] += F(hn::IfThenElseZero(hn::FirstN(F::D(), count), Term::apply(v, mean).v));
    }
  }
  HWY_INLINE float fold() {
    float lane[kLanes];
    int width = kLanes / 2;
    for (; width >= std::max(kN, 16); width /= 2)
      for (int j = 0; j < width / kN; ++j) sum[j] += sum[j + width / kN];
    for (int j = 0; j < 2 * width / kN; ++j) sum[j].store(lane + j * kN);
    for (; width > 0; width /= 2)
      for (int l = 0; l < width; ++l) lane[l] += lane[l + width];
    return lane[0];
  }
};

// One block of a run: n elements `step` apart.
template <class Term>
float sum_run(const float* x, int64_t step, int64_t n, float mean) {
  Lanes<Term> lanes;
  if (step == 1) {
    lanes.add(x, n, F(mean));
    return lanes.fold();
  }
  float gathered[512];
  for (int64_t begin = 0; begin < n; begin += 512) {
    const int64_t count = std::min<int64_t>(512, n - begin);
    for (int64_t k = 0; k < count; ++k) gathered[k] = x[(begin + k) * step];
    lanes.add(gathered, count, F(mean));
  }
  return lanes.fold();
}

// `count` <= kN columns `step` apart.
HWY_INLINE F load_columns(const float* x, int64_t step, size_t count) {
  if (step == 1) return count < F::kLanes ? F::load_n(x, count) : F::load(x);
  float gathered[kN] = {};
  for (size_t k = 0; k < count; ++k) gathered[k] = x[static_cast<int64_t>(k) * step];
  return F::load(gathered);
}
HWY_INLINE void store_columns(F v, float* y, size_t count) {
  if (count < F::kLanes)
    v.store_n(y, count);
  else
    v.store(y);
}

// One block of columns: y[i] = sum over r < rows of term(x[r * x_count + i * x_inner], mean[i]), in
// four chains; two registers of columns at a time keep eight additions in flight.
template <class Term>
void sum_columns(const float* x, int64_t x_count, int64_t x_inner, int64_t rows, int64_t columns,
                 const float* mean, float* y) {
  for (int64_t i = 0; i < columns; i += 2 * kN) {
    const auto left = static_cast<size_t>(columns - i);
    const size_t count[2] = {std::min(left, F::kLanes),
                             left > F::kLanes ? std::min(left - F::kLanes, F::kLanes) : 0};
    const int registers = count[1] > 0 ? 2 : 1;
    F sum[4][2] = {{F(0), F(0)}, {F(0), F(0)}, {F(0), F(0)}, {F(0), F(0)}};
    F center[2] = {F(0), F(0)};
    if (mean)
      for (int j = 0; j < registers; ++j) center[j] = load_columns(mean + i + j * kN, 1, count[j]);
    const float* column = x + i * x_inner;
    int64_t r = 0;
    if (x_inner == 1 && count[1] == F::kLanes) {
      for (; r + 4 <= rows; r += 4)
        for (int c = 0; c < 4; ++c)
          for (int j = 0; j < 2; ++j)
            sum[c][j] += Term::apply(F::load(column + (r + c) * x_count + j * kN), center[j]);
    }
    for (; r < rows; ++r)
      for (int j = 0; j < registers; ++j) {
        const F v = load_columns(column + r * x_count + j * kN * x_inner, x_inner, count[j]);
        sum[r % 4][j] += Term::apply(v, center[j]);
      }
    for (int j = 0; j < registers; ++j)
      store_columns((sum[0][j] + sum[2][j]) + (sum[1][j] + sum[3][j]), y + i + j * kN, count[j]);
  }
}

float plain_run(const float* x, int64_t step, int64_t n, float mean) {
  return sum_run<Plain>(x, step, n, mean);
}
float squares_run(const float* x, int64_t step, int64_t n, float mean) {
  return sum_run<SquaredDeviation>(x, step, n, mean);
}
void plain_columns(const float* x, int64_t x_count, int64_t x_inner, int64_t rows, int64_t columns,
                   const float* mean, float* y) {
  sum_columns<Plain>(x, x_count, x_inner, rows, columns, mean, y);
}
void squares_columns(const float* x, int64_t x_count, int64_t x_inner, int64_t rows,
                     int64_t columns, const float* mean, float* y) {
  sum_columns<SquaredDeviation>(x, x_count, x_inner, rows, columns, mean, y);
}

// The first position of the maximum of n elements without gaps: the value by vectors, then a search
// for the first element that equals it (or is NaN).
int64_t find_max(const float* x, int64_t n) {
  F best[4] = {F(x[0]), F(x[0]), F(x[0]), F(x[0])};
  int64_t k = 0;
  for (; k + 4 * kN <= n; k += 4 * kN)
    for (int j = 0; j < 4; ++j) best[j] = max(best[j], F::load(x + k + j * kN));
  float lane[kN];
  max(max(best[0], best[1]), max(best[2], best[3])).store(lane);
  float value = lane[0];
  for (int j = 1; j < kN; ++j) value = max(value, lane[j]);
  for (; k < n; ++k) value = max(value, x[k]);
  const bool nan = is_nan(value);
  for (k = 0; k + kN <= n; k += kN) {
    const F v = F::load(x + k);
    const auto hit = nan ? is_nan(v) : v == F(value);
    const auto at = hn::FindFirstTrue(F::D(), hit.m);
    if (at >= 0) return k + at;
  }
  while (nan ? !is_nan(x[k]) : x[k] != value) ++k;
  return k;
}

// Maxima down `rows` (below 2^31) of up to kN columns; position[i] = the first row that holds it.
void column_max(const float* x, int64_t x_count, int64_t x_inner, int64_t rows, int64_t columns,
                float* value, int32_t* position) {
  const hn::RebindToSigned<F::D> di;
  const auto count = static_cast<size_t>(columns);
  F best = load_columns(x, x_inner, count);
  auto at = hn::Zero(di);
  for (int64_t r = 1; r < rows; ++r) {
    const F v = load_columns(x + r * x_count, x_inner, count);
    const auto beats = (v > best) | (is_nan(v) & !is_nan(best));
    best = where(beats, v, best);
    at = hn::IfThenElse(hn::RebindMask(di, beats.m), hn::Set(di, static_cast<int32_t>(r)), at);
  }
  float lane[kN];
  int32_t row[kN];
  best.store(lane);
  hn::StoreU(at, di, row);
  std::copy_n(lane, columns, value);
  std::copy_n(row, columns, position);
}
int64_t column_width() {
  return kN;
}

}  // namespace
}  // namespace tinytorch::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tinytorch::kernels::simd {

namespace {

HWY_EXPORT(plain_run);
HWY_EXPORT(squares_run);
HWY_EXPORT(plain_columns);
HWY_EXPORT(squares_columns);
HWY_EXPORT(find_max);
HWY_EXPORT(column_max);
HWY_EXPORT(column_width);

constexpr int64_t kRunBlock = 16384;    // elements of a block when inner is 1
constexpr int64_t kColumnBlock = 256;   // rows of a block otherwise
constexpr int64_t kColumnsTask = 4096;  // columns of one task
constexpr double kItemNs = 0.03;        // one element, from the second-level cache

int64_t ceil_div(int64_t a, int64_t b) {
  return (a + b - 1) / b;
}

// The terms of one sum: x, or (x - mean)^2 with the mean of each result (nullptr: 0).
struct Terms {
  bool squares = false;
  const float* mean = nullptr;
};

void sum_along_runs(const ReduceArgs<float>& v, const Terms& terms, float divisor, float* y) {
  const auto run = terms.squares ? TINYTORCH_DISPATCH(squares_run) : TINYTORCH_DISPATCH(plain_run);
  const int64_t blocks = ceil_div(v.count, kRunBlock);
  const auto block_sum = [&](int64_t o, int64_t b) {
    const int64_t begin = b * kRunBlock;
    return run(v.x + o * v.x_outer + begin * v.x_count, v.x_count,
               std::min(kRunBlock, v.count - begin), terms.mean ? terms.mean[o] : 0.f);
  };
  if (blocks == 1)
    return parallel_rows(v.outer, kItemNs * static_cast<double>(v.count) + 5,
                         [&](int64_t begin, int64_t end) {
                           for (int64_t o = begin; o < end; ++o) y[o] = block_sum(o, 0) / divisor;
                         });
  float* partial = scratch<float>(Scratch::kA, v.outer * blocks);
  parallel_tasks(v.outer * blocks, kItemNs * static_cast<double>(v.outer * v.count),
                 [&](int64_t t) { partial[t] = block_sum(t / blocks, t % blocks); });
  for (int64_t o = 0; o < v.outer; ++o) {
    double total = 0;  // of many blocks: in float, a million rows would cost three digits
    for (int64_t b = 0; b < blocks; ++b) total += static_cast<double>(partial[o * blocks + b]);
    y[o] = static_cast<float>(total) / divisor;
  }
}

void sum_down_columns(const ReduceArgs<float>& v, const Terms& terms, float divisor, float* y) {
  const auto columns =
      terms.squares ? TINYTORCH_DISPATCH(squares_columns) : TINYTORCH_DISPATCH(plain_columns);
  const int64_t blocks = ceil_div(v.count, kColumnBlock), strips = ceil_div(v.inner, kColumnsTask);
  float* partial = blocks == 1 ? y : scratch<float>(Scratch::kA, v.outer * blocks * v.inner);
  const double task_ns = kItemNs * static_cast<double>(std::min(v.count, kColumnBlock) *
                                                       std::min(v.inner, kColumnsTask));
  parallel_rows(v.outer * blocks * strips, task_ns + 10, [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      const int64_t i = t % strips * kColumnsTask, b = t / strips % blocks, o = t / strips / blocks;
      const int64_t width = std::min(kColumnsTask, v.inner - i), r = b * kColumnBlock;
      columns(v.x + o * v.x_outer + r * v.x_count + i * v.x_inner, v.x_count, v.x_inner,
              std::min(kColumnBlock, v.count - r), width,
              terms.mean ? terms.mean + o * v.inner + i : nullptr,
              partial + (o * blocks + b) * v.inner + i);
    }
  });
  if (blocks == 1 && divisor == 1) return;
  for (int64_t o = 0; o < v.outer; ++o) {
    parallel_for(v.inner, 0.1 * static_cast<double>(blocks), [&](int64_t begin, int64_t end) {
      const float* first = partial + o * blocks * v.inner;
      float* out = y + o * v.inner;
      constexpr int64_t kAtOnce = 256;
      double total[kAtOnce];
      for (int64_t i0 = begin; i0 < end; i0 += kAtOnce) {
        const int64_t width = std::min(kAtOnce, end - i0);
        std::fill_n(total, width, 0.0);
        for (int64_t b = 0; b < blocks; ++b)
          for (int64_t i = 0; i < width; ++i)
            total[i] += static_cast<double>(first[b * v.inner + i0 + i]);
        for (int64_t i = 0; i < width; ++i) out[i0 + i] = static_cast<float>(total[i]) / divisor;
      }
    });
  }
}

void sum_terms(const ReduceArgs<float>& v, const Terms& terms, float divisor, float* y) {
  if (v.count == 0)
    std::fill_n(y, v.outer * v.inner, 0.f / divisor);
  else if (v.inner == 1)
    sum_along_runs(v, terms, divisor, y);
  else
    sum_down_columns(v, terms, divisor, y);
}

}  // namespace

void sum(const ReduceArgs<float>& args) {
  sum_terms(args, {}, 1.f, args.y);
}

void sum_squared_deviation(const ReduceArgs<float>& args) {
  float* mean = scratch<float>(Scratch::kB, args.outer * args.inner);
  sum_terms(args, {}, static_cast<float>(args.count), mean);
  sum_terms(args, {true, mean}, 1.f, args.y);
}

namespace {

// Rows of one run each, blocks of a long run in parallel.
void max_of_runs(const ReduceArgs<float>& v) {
  const auto find = TINYTORCH_DISPATCH(find_max);
  const int64_t blocks = ceil_div(v.count, kRunBlock);
  int64_t* winner = scratch<int64_t>(Scratch::kA, v.outer * blocks);
  const double block_ns = kItemNs * 3 * static_cast<double>(std::min(v.count, kRunBlock));
  parallel_rows(v.outer * blocks, block_ns + 20, [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      const int64_t r = t % blocks * kRunBlock;
      winner[t] = r + find(v.x + t / blocks * v.x_outer + r, std::min(kRunBlock, v.count - r));
    }
  });
  for (int64_t o = 0; o < v.outer; ++o) {
    const float* x = v.x + o * v.x_outer;
    int64_t best = winner[o * blocks];
    for (int64_t b = 1; b < blocks; ++b) {
      const float value = x[winner[o * blocks + b]], so_far = x[best];
      if (value > so_far || (value != value && so_far == so_far)) best = winner[o * blocks + b];
    }
    v.y[o] = x[best];
    if (v.index) v.index[o] = best;
  }
}

void max_of_columns(const ReduceArgs<float>& v) {
  constexpr int64_t kMostLanes = 64;
  const int64_t width = TINYTORCH_DISPATCH(column_width)();
  const int64_t strips = ceil_div(v.inner, width);
  const double strip_ns = kItemNs * 2 * static_cast<double>(v.count * width);
  parallel_rows(v.outer * strips, strip_ns + 20, [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      const int64_t o = t / strips, i = t % strips * width, n = std::min(width, v.inner - i);
      int32_t row[kMostLanes];
      TINYTORCH_DISPATCH(column_max)
      (v.x + o * v.x_outer + i * v.x_inner, v.x_count, v.x_inner, v.count, n, v.y + o * v.inner + i,
       row);
      if (v.index) std::copy_n(row, n, v.index + o * v.inner + i);
    }
  });
}

}  // namespace

void max(const ReduceArgs<float>& args) {
  if (args.inner == 1 && args.x_count == 1)
    max_of_runs(args);
  else if (args.inner > 1 && args.count < INT32_MAX)
    max_of_columns(args);
  else
    loops::max(args);
}

}  // namespace tinytorch::kernels::simd
#endif
