// What attention's forward and backward share. Included once for each target.
//
// Note: tiles. Keys are taken in blocks of kKeyBlock. Of a block the keys (and in backward the
// values) are copied transposed: keys_t[e * kRow + j], so that a tile of scores is a product with
// unit stride in j; rows of values, keys, queries and dy that multiply from the right are copied to
// rows of padded(d) floats, zeros behind d. Scores of a block of queries lie in rows of kRow
// floats. Everything stays in the thread's scratch, which a core's L2 cache holds.
//
// Note: masks. A row of scores is right for its visible keys only; the softmax pass puts zeros
// behind them, as far as a register tile that contains the row can read, and products skip what is
// masked for the whole register tile. A masked term adds an exact zero, so where tiles end does not
// show in the result: it is the same on every instruction set.
#if defined(TINYTORCH_KERNELS_SIMD_ATTENTION_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TINYTORCH_KERNELS_SIMD_ATTENTION_INL_H_
#undef TINYTORCH_KERNELS_SIMD_ATTENTION_INL_H_
#else
#define TINYTORCH_KERNELS_SIMD_ATTENTION_INL_H_
#endif

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "tinytorch/kernels/attention.h"
#include "tinytorch/kernels/simd/lanes-inl.h"
#include "tinytorch/kernels/simd/matmul-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tinytorch::kernels::HWY_NAMESPACE::attend {

using gemm::kCols;
using gemm::kLanes;
using gemm::kRows;

inline constexpr int64_t kKeyBlock = 256;
// Row length of score tiles: 17 cache lines, an odd number, so that rows spread over the cache.
inline constexpr int64_t kRow = kKeyBlock + 16;

inline int64_t padded(int64_t d) {
  return (d + kLanes - 1) / kLanes * kLanes;
}

// Rows of one head lie far apart (3C floats), which no hardware prefetcher follows: loops over them
// ask for rows this far ahead.
inline constexpr int64_t kAhead = 12;
HWY_INLINE void prefetch_row(const float* row, int64_t d) {
  for (int64_t e = 0; e < d; e += 16) hwy::Prefetch(row + e);
}

// to[t * padded(d) + e] = from[t * step + e] for n rows; zeros behind d.
HWY_NOINLINE inline void copy_rows(const float* from, int64_t step, int64_t n, int64_t d,
                                   float* to) {
  const int64_t width = padded(d);
  for (int64_t t = 0; t < n; ++t) {
    prefetch_row(from + std::min(t + kAhead, n - 1) * step, d);
    for (int64_t e = 0; e < d; e += kLanes)
      hn::StoreU(gemm::load_n(from + t * step + e, d - e), gemm::d, to + t * width + e);
  }
}

// from[t * padded(d) + e] back to to[t * step + e], or added to it.
HWY_NOINLINE inline void store_rows(const float* from, int64_t n, int64_t d, bool add, float* to,
                                    int64_t step) {
  const int64_t width = padded(d);
  for (int64_t t = 0; t < n; ++t) {
    prefetch_row(to + std::min(t + kAhead, n - 1) * step, d);
    for (int64_t e = 0; e < d; e += kLanes) {
      float* at = to + t * step + e;
      const auto x = hn::LoadU(gemm::d, from + t * width + e);
      gemm::store_n(add ? hn::Add(gemm::load_n(at, d - e), x) : x, at, d - e);
    }
  }
}

// to[e * kRow + j] = from[j * step + e] for n rows; columns up to the next whole vector are copies
// of the last row.
HWY_NOINLINE inline void transpose_rows(const float* from, int64_t step, int64_t n, int64_t d,
                                        float* to) {
  for (int64_t t = 0; t < std::min<int64_t>(kLanes, n); ++t) prefetch_row(from + t * step, d);
  for (int64_t j = 0; j < n; j += kLanes) {
    for (int64_t t = j + kLanes; t < std::min(j + 2 * kLanes, n); ++t)
      prefetch_row(from + t * step, d);
    gemm::transpose_lanes(from + j * step, step, std::min<int64_t>(kLanes, n - j), d, to + j, kRow);
  }
}

HWY_NOINLINE inline float dot(const float* a, const float* b, int64_t n) {
  Lanes sum(0.0f);
  for_row(n, [&](int64_t e, auto slot, auto io) TINYTORCH_ROW_LAMBDA {
    sum.v[slot] = fma(io.load(a + e), io.load(b + e), sum.v[slot]);
  });
  return first_lane(sum_lanes(sum));
}

// Calls fn(first row, number of rows) for register tiles of about equal height.
template <class Fn>
HWY_INLINE void for_each_tile(int64_t n, Fn fn) {
  const int64_t tiles = (n + kRows - 1) / kRows;
  for (int64_t t = 0; t < tiles; ++t) {
    const int64_t begin = n * t / tiles, end = n * (t + 1) / tiles;
    fn(begin, end - begin);
  }
}

// c[i,j] (+)= sum_p a(i,p) b[p * b_step + j] for one row of register tiles: m <= kRows rows, n
// columns (rounded up to whole vectors). `rows` names the order of a: see gemm::TileArgs.
HWY_INLINE void multiply(int64_t m, int64_t n, int64_t k, const float* a, int64_t a_step, bool rows,
                         const float* b, int64_t b_step, float* c, int64_t c_step, bool add) {
  for (int64_t j = 0; j < n; j += kCols) {
    const bool two = n - j > kLanes;
    const float* next = b + (j + kCols < n ? j + kCols : 0);  // the next panel, for the prefetches
    gemm::tile_fn(m, two ? 2 : 1, rows)({.kc = k,
                                         .a = a,
                                         .a_step = a_step,
                                         .b = b + j,
                                         .b_step = b_step,
                                         .c = c + j,
                                         .ldc = c_step,
                                         .before = add ? c + j : nullptr,
                                         .before_step = c_step,
                                         .bias = nullptr,
                                         .relu = false,
                                         .touch = c + j,
                                         .touch_row = c_step,
                                         .touch_second = kLanes,
                                         .ahead = next,
                                         .ahead_step = b_step,
                                         .far = next,
                                         .far_run = k,
                                         .far_in = 0,
                                         .far_out = 0});
  }
}

}  // namespace tinytorch::kernels::HWY_NAMESPACE::attend
HWY_AFTER_NAMESPACE();
#endif
