// What the products in bf16 share: operands rounded and laid out as the CPU's bf16 units take them,
// and the units' inner loops. Compiled for AVX-512 only; elsewhere the callers round and use f32.
//
// The unit of both layouts is a block of 16 x 32 numbers, 1 KB, as 16 rows of 16 pairs:
//   kRows   row u holds 32 neighbours along k: pair t is (k = 2t, 2t + 1)          the A of a tile
//   kPairs  row t holds the pair (k = 2t, 2t + 1) of 16 neighbours u               the B of a tile
// A strip is 16 neighbours u over all of k, block after block; what lies outside is 0.
#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

#include "hwy/highway.h"

#if defined(TINYTORCH_BF16_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TINYTORCH_BF16_INL_H_
#undef TINYTORCH_BF16_INL_H_
#else
#define TINYTORCH_BF16_INL_H_
#endif

HWY_BEFORE_NAMESPACE();
namespace tinytorch::kernels::HWY_NAMESPACE::bf16 {

#if HWY_TARGET == HWY_AVX3
// clang takes a function's own list alone, g++ adds it to the surrounding one.
#define TINYTORCH_BF16_DOT __attribute__((target(HWY_TARGET_STR ",avx512bf16")))
#define TINYTORCH_BF16_TILES __attribute__((target(HWY_TARGET_STR ",avx512bf16,amx-tile,amx-bf16")))

constexpr int64_t kSide = 16;   // rows of a block, and its pairs along k
constexpr int64_t kDepth = 32;  // numbers along k in a block
constexpr int64_t kBlockNumbers = kSide * kDepth;

constexpr int64_t kPair = 2 * kSide;  // rows or columns of sums that are made at once

enum class Layout { kRows, kPairs };

inline int64_t ceil_div(int64_t a, int64_t b) {
  return (a + b - 1) / b;
}
inline int64_t depth_blocks(int64_t k) {
  return ceil_div(k, kDepth);
}
inline int64_t strips(int64_t u) {
  return ceil_div(u, kSide);
}

HWY_INLINE __mmask16 first(int64_t n) {
  return static_cast<__mmask16>(n >= 16 ? 0xffff : n <= 0 ? 0 : (1 << n) - 1);
}

// 16 x 16 pairs: to[t] lane u = from[u] lane t.
HWY_INLINE void transpose_pairs(__m512i v[16]) {
  __m512i w[16];
#pragma GCC unroll 16
  for (int i = 0; i < 16; i += 2) {
    w[i] = _mm512_unpacklo_epi32(v[i], v[i + 1]);
    w[i + 1] = _mm512_unpackhi_epi32(v[i], v[i + 1]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 16; i += 4) {
    v[i] = _mm512_unpacklo_epi64(w[i], w[i + 2]);
    v[i + 1] = _mm512_unpackhi_epi64(w[i], w[i + 2]);
    v[i + 2] = _mm512_unpacklo_epi64(w[i + 1], w[i + 3]);
    v[i + 3] = _mm512_unpackhi_epi64(w[i + 1], w[i + 3]);
  }
  // Now v[4q + s] holds column s of each 128-bit piece for rows 4q to 4q + 3: the pieces remain.
#pragma GCC unroll 4
  for (int s = 0; s < 4; ++s) {
    const __m512i ab0 = _mm512_shuffle_i32x4(v[s], v[4 + s], 0x88);
    const __m512i ab1 = _mm512_shuffle_i32x4(v[s], v[4 + s], 0xdd);
    const __m512i cd0 = _mm512_shuffle_i32x4(v[8 + s], v[12 + s], 0x88);
    const __m512i cd1 = _mm512_shuffle_i32x4(v[8 + s], v[12 + s], 0xdd);
    w[s] = _mm512_shuffle_i32x4(ab0, cd0, 0x88);
    w[8 + s] = _mm512_shuffle_i32x4(ab0, cd0, 0xdd);
    w[4 + s] = _mm512_shuffle_i32x4(ab1, cd1, 0x88);
    w[12 + s] = _mm512_shuffle_i32x4(ab1, cd1, 0xdd);
  }
#pragma GCC unroll 16
  for (int i = 0; i < 16; ++i) v[i] = w[i];
}

// The pairs (low[u], high[u]) in 16 lanes.
TINYTORCH_BF16_DOT HWY_INLINE __m512i interleave(__m512 low, __m512 high) {
  const __m512i order = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24,
                                         8, 23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
  return _mm512_permutexvar_epi16(order, (__m512i)_mm512_cvtne2ps_pbh(high, low));
}

// One operand in memory: element (u, k) at data[u * us + k * ks], for `count` and `depth` of them.
struct Source {
  const float* data;
  int64_t us, ks, count, depth;
};

// The block of neighbours u0.. and numbers k0.. of `s`, its rows `to_step` numbers apart.
template <Layout layout>
TINYTORCH_BF16_DOT HWY_INLINE void pack_block(const Source& s, int64_t u0, int64_t k0, uint16_t* to,
                                              int64_t to_step = kDepth) {
  const int64_t count = std::min(kSide, s.count - u0), depth = std::min(kDepth, s.depth - k0);
  const float* from = s.data + u0 * s.us + k0 * s.ks;
  __m512i v[16];
  HWY_ALIGN float gathered[kBlockNumbers];
  int64_t us = s.us;
  const bool along_u = s.us == 1 && s.ks != 1;
  if (!along_u && s.ks != 1) {
    for (int64_t u = 0; u < count; ++u)
      for (int64_t k = 0; k < depth; ++k) gathered[u * kDepth + k] = from[u * s.us + k * s.ks];
    from = gathered;
    us = kDepth;
  }
  if (along_u) {
    const __mmask16 mask = first(count);
#pragma GCC unroll 16
    for (int t = 0; t < 16; ++t) {
      const __mmask16 low = 2 * t < depth ? mask : first(0);
      const __mmask16 high = 2 * t + 1 < depth ? mask : first(0);
      v[t] = interleave(_mm512_maskz_loadu_ps(low, from + 2 * t * s.ks),
                        _mm512_maskz_loadu_ps(high, from + (2 * t + 1) * s.ks));
    }
  } else {
    const __mmask16 low = first(depth), high = first(depth - 16);
#pragma GCC unroll 16
    for (int u = 0; u < 16; ++u)
      v[u] = u < count
                 ? (__m512i)_mm512_cvtne2ps_pbh(_mm512_maskz_loadu_ps(high, from + u * us + 16),
                                                _mm512_maskz_loadu_ps(low, from + u * us))
                 : _mm512_setzero_si512();
  }
  if (along_u != (layout == Layout::kPairs)) transpose_pairs(v);
#pragma GCC unroll 16
  for (int i = 0; i < 16; ++i) _mm512_storeu_si512(to + i * to_step, v[i]);
}

// Strips [s0, s1) of an operand. Goes over several strips for each block along k: where neighbours
// u are neighbours in memory, whole cache lines in a row are read.
template <Layout layout>
TINYTORCH_BF16_DOT HWY_NOINLINE void pack_strips(const Source& s, int64_t s0, int64_t s1,
                                                 uint16_t* to) {
  const int64_t blocks = depth_blocks(s.depth);
  for (int64_t b = 0; b < blocks; ++b)
    for (int64_t strip = s0; strip < s1; ++strip)
      pack_block<layout>(s, strip * kSide, b * kDepth, to + (strip * blocks + b) * kBlockNumbers);
}

// ---- The inner loops: sums of up to 16 mi rows and 16 nj columns, mi and nj 1 or 2

// What is rounded next, n floats and then m, fetched to the second-level cache a few lines at a
// time while products run: all of it in about `pieces` pieces of dots. Worth 5 % of ResNet-20's
// convolutions; as much at once before each product was worth 2 %.
struct Ahead {
  const float *next, *then;
  int64_t left, then_left, step;

  Ahead(const float* from, int64_t n, const float* second, int64_t m, int64_t pieces)
      : next(from), then(second), left(n), then_left(m), step(strips((n + m) / pieces) * kSide) {}
  HWY_INLINE void fetch() {
    if (left == 0) next = then, left = then_left, then_left = 0;
    const int64_t n = std::min(step, left);
    for (int64_t i = 0; i < n; i += kSide) __builtin_prefetch(next + i, 0, 2);
    next += n, left -= n;
  }
};

// c[i * c_step + j] = sum over k of a(i, k) b(k, j), k in pairs: `pairs` in a piece, `pieces` in a
// segment. Pair p of piece t of segment s of row i of a stands at
//   a + s * a_segment + t * a_piece + p * a_pair + i * a_row
// with a_pair 2 (layout kRows) or a_row 2 (layout kPairs, for dots alone), the second strip's
// a_strip numbers further (its sums 16 rows of c further); those of 16 columns of b likewise, the
// second strip's b_strip numbers further. Tiles take pairs of b that are kDepth apart.
struct Factors {
  const uint16_t* a;
  int64_t a_row, a_piece, a_segment, a_strip;
  const uint16_t* b;
  int64_t b_segment, b_strip;
  int64_t segments, pieces;
  int64_t a_pair = 2, b_pair = kDepth, b_piece = kBlockNumbers;
  int64_t c_step = 2 * kSide;
  int64_t rows = kSide, pairs = kSide;  // of each strip of a; of a piece
  // For dots alone:
  bool add = false;  // to what c holds
  Ahead* ahead = nullptr;
};
constexpr int64_t kTileStep = 2 * kSide;  // of c, unless the sums go to their place

// g++'s tile intrinsics do not tell the compiler which memory they touch.
#define TINYTORCH_MEMORY_BARRIER(p) __asm__ volatile("" : : "r"(p) : "memory")

struct TileConfig {
  uint8_t palette = 1, start_row = 0, reserved[14] = {};
  uint16_t bytes_per_row[16] = {};
  uint8_t rows[16] = {};
};
// Shapes the tile registers of this thread: 0 to 3 for sums, 4 and 5 for a, 6 and 7 for b. About
// 20 ns; valid for all factors with these rows and pairs.
TINYTORCH_BF16_TILES HWY_NOINLINE inline void take_tiles(int64_t rows, int64_t pairs) {
  TileConfig config;
  for (int i = 0; i < 8; ++i) {
    config.bytes_per_row[i] = static_cast<uint16_t>(i == 4 || i == 5 ? 4 * pairs : 64);
    config.rows[i] = static_cast<uint8_t>(i >= 6 ? pairs : rows);
  }
  TINYTORCH_MEMORY_BARRIER(&config);
  _tile_loadconfig(&config);
}
TINYTORCH_BF16_TILES HWY_NOINLINE inline void release_tiles() {
  _tile_release();
}

template <int mi, int nj>
TINYTORCH_BF16_TILES HWY_NOINLINE void multiply_tiles(const Factors& g, float* c) {
  TINYTORCH_MEMORY_BARRIER(c);
  _tile_zero(0);
  if (nj > 1) _tile_zero(1);
  if (mi > 1) _tile_zero(2);
  if (mi > 1 && nj > 1) _tile_zero(3);
  for (int64_t s = 0; s < g.segments; ++s) {
    const uint16_t *a = g.a + s * g.a_segment, *b = g.b + s * g.b_segment;
    for (int64_t t = 0; t < g.pieces; ++t, a += g.a_piece, b += g.b_piece) {
      _tile_loadd(4, a, 2 * g.a_row);
      _tile_loadd(6, b, 64);
      _tile_dpbf16ps(0, 4, 6);
      if (nj > 1) {
        _tile_loadd(7, b + g.b_strip, 64);
        _tile_dpbf16ps(1, 4, 7);
      }
      if (mi > 1) {
        _tile_loadd(5, a + g.a_strip, 2 * g.a_row);
        _tile_dpbf16ps(2, 5, 6);
      }
      if (mi > 1 && nj > 1) _tile_dpbf16ps(3, 5, 7);
    }
  }
  const int64_t step = 4 * g.c_step;
  float* second = c + kSide * g.c_step;
  _tile_stored(0, c, step);
  if (nj > 1) _tile_stored(1, c + kSide, step);
  if (mi > 1) _tile_stored(2, second, step);
  if (mi > 1 && nj > 1) _tile_stored(3, second + kSide, step);
  TINYTORCH_MEMORY_BARRIER(c);
}

// Rows of a: in layout kPairs 2 numbers apart, else through a pointer for every third one (the
// address modes reach [p], [p + step], [p + 2 step]).
template <Layout a_layout, int nj, int count>
TINYTORCH_BF16_DOT HWY_NOINLINE void dot_rows(const Factors& given, const uint16_t* rows,
                                              float* c) {
  const Factors g = given;  // in registers: fetching could otherwise change what `given` holds
  constexpr bool kAdjacent = a_layout == Layout::kPairs;
  constexpr int kBases = kAdjacent ? 1 : (count + 2) / 3;
  const int64_t a_row = kAdjacent ? 2 : g.a_row, a_pair = kAdjacent ? g.a_pair : 2;
  __m512 acc[count][nj];
#pragma GCC unroll 16
  for (int i = 0; i < count; ++i)
#pragma GCC unroll 2
    for (int j = 0; j < nj; ++j)
      acc[i][j] = g.add ? _mm512_loadu_ps(c + i * g.c_step + j * kSide) : _mm512_setzero_ps();
  for (int64_t s = 0; s < g.segments; ++s) {
    for (int64_t t = 0; t < g.pieces; ++t) {
      if (g.ahead) g.ahead->fetch();
      const uint16_t* a = rows + s * g.a_segment + t * g.a_piece;
      const uint16_t* b = g.b + s * g.b_segment + t * g.b_piece;
      const uint16_t* base[kBases];
#pragma GCC unroll 16
      for (int i = 0; i < kBases; ++i) base[i] = a + 3 * i * a_row;
      for (int64_t p = 0; p < g.pairs; ++p, b += g.b_pair) {
        __m512bh bv[nj];
#pragma GCC unroll 2
        for (int j = 0; j < nj; ++j) bv[j] = (__m512bh)_mm512_loadu_si512(b + j * g.b_strip);
#pragma GCC unroll 16
        for (int i = 0; i < count; ++i) {
          int pair;
          const uint16_t* from = kAdjacent ? base[0] + i * 2 : base[i / 3] + i % 3 * a_row;
          __builtin_memcpy(&pair, from + p * a_pair, 4);
          const auto av = (__m512bh)_mm512_set1_epi32(pair);
#pragma GCC unroll 2
          for (int j = 0; j < nj; ++j) acc[i][j] = _mm512_dpbf16_ps(acc[i][j], av, bv[j]);
        }
      }
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < count; ++i)
#pragma GCC unroll 2
    for (int j = 0; j < nj; ++j) _mm512_storeu_ps(c + i * g.c_step + j * kSide, acc[i][j]);
}

using DotsFn = void (*)(const Factors&, const uint16_t*, float*);
template <Layout a_layout, int nj, int... i>
constexpr std::array<DotsFn, sizeof...(i)> make_dots(std::integer_sequence<int, i...>) {
  return {dot_rows<a_layout, nj, i + 1>...};
}

// Rows of a tile of dots, 16 or 32 columns wide: as many sums as registers hold.
constexpr int most_rows(bool two_strips_b) {
  return two_strips_b ? 14 : 16;
}

// The fewest tiles that cover the rows, of nearly equal height.
template <Layout a_layout, int mi, int nj>
void multiply_dots(const Factors& g, float* c) {
  constexpr int kMost = most_rows(nj == 2);
  constexpr auto kDots = make_dots<a_layout, nj>(std::make_integer_sequence<int, kMost>());
  const int64_t a_row = a_layout == Layout::kPairs ? 2 : g.a_row;
  for (int strip = 0; strip < mi; ++strip) {
    const uint16_t* a = g.a + strip * g.a_strip;
    float* to = c + strip * kSide * g.c_step;
    for (int64_t left = g.rows, tiles = ceil_div(left, kMost); left > 0; --tiles) {
      const int64_t rows = ceil_div(left, tiles);
      kDots[static_cast<size_t>(rows - 1)](g, a, to);
      a += rows * a_row, to += rows * g.c_step, left -= rows;
    }
  }
}

using MultiplyFn = void (*)(const Factors&, float*);
template <Layout a_layout>
MultiplyFn dots_fn(bool two_strips_a, bool two_strips_b) {
  return two_strips_a
             ? (two_strips_b ? multiply_dots<a_layout, 2, 2> : multiply_dots<a_layout, 2, 1>)
             : (two_strips_b ? multiply_dots<a_layout, 1, 2> : multiply_dots<a_layout, 1, 1>);
}
// For a in layout kRows.
inline MultiplyFn multiply_fn(bool tiles, bool two_strips_a, bool two_strips_b) {
  if (!tiles) return dots_fn<Layout::kRows>(two_strips_a, two_strips_b);
  return two_strips_a ? (two_strips_b ? multiply_tiles<2, 2> : multiply_tiles<2, 1>)
                      : (two_strips_b ? multiply_tiles<1, 2> : multiply_tiles<1, 1>);
}
#endif  // HWY_AVX3

}  // namespace tinytorch::kernels::HWY_NAMESPACE::bf16
HWY_AFTER_NAMESPACE();
#endif
