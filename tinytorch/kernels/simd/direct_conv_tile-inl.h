// The micro-kernels of direct convolution (direct_conv.cpp): a tile of pixels of one output row or
// column, and one of two output rows, by one or two vectors of output channels.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

#include "hwy/highway.h"

#ifndef TINYTORCH_DIRECT_CONV_TILE_ONCE
#define TINYTORCH_DIRECT_CONV_TILE_ONCE
namespace tinytorch::kernels::simd {

// A piece of the sum that is contiguous in x: `length` products from x + offset and from value k of
// the packed weight on.
struct Segment {
  int64_t offset;
  int32_t k, length;
  bool ends_chain;
};

// What the tiles of one call share.
struct TilePlan {
  const Segment* segments;
  int64_t segment_count;
  int64_t x_step;   // floats from the window of one row of the tile to that of the next
  int64_t y_pixel;  // likewise in y
  bool relu;
  bool pool_pairs;  // stores the maxima of pixels 2t and 2t + 1 instead: y_pixel apart
};

}  // namespace tinytorch::kernels::simd
#endif

#if defined(TINYTORCH_DIRECT_CONV_TILE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TINYTORCH_DIRECT_CONV_TILE_INL_H_
#undef TINYTORCH_DIRECT_CONV_TILE_INL_H_
#else
#define TINYTORCH_DIRECT_CONV_TILE_INL_H_
#endif

HWY_BEFORE_NAMESPACE();
namespace tinytorch::kernels::simd::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;
constexpr D kTag;
constexpr int kLanes = static_cast<int>(hn::MaxLanes(D()));
constexpr int kPanel = 2 * kLanes;  // output channels of a full tile
// Accumulators of a tile: rows x vectors, as many as leave registers for the operands.
constexpr bool kManyRegisters = HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_NEON;
constexpr int kRows2 = kManyRegisters ? 14 : 6;   // rows of a tile two vectors wide
constexpr int kRows1 = kManyRegisters ? 16 : 12;  // rows of a tile one vector wide

HWY_INLINE void store_first(V v, int64_t count, float* p) {
  if (count >= kLanes) {
    hn::StoreU(v, kTag, p);
  } else {
#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX2
    hn::BlendedStore(v, hn::FirstN(kTag, static_cast<size_t>(count)), kTag, p);
#else
    HWY_ALIGN float lanes[kLanes];
    hn::Store(v, kTag, lanes);
    std::memcpy(p, lanes, static_cast<size_t>(count) * sizeof(float));
#endif
  }
}

// Of two pixels of a pooling window: the first maximum, and the first NaN beats everything.
HWY_INLINE hn::Mask<D> second_wins(V first, V second) {
  return hn::And(hn::Not(hn::Le(second, first)), hn::Eq(first, first));
}
// On x86 max(a, b) is a > b ? a : b by definition: b for zeros of both signs, and where one is NaN.
constexpr bool kMaxTakesSecond = HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX2;
HWY_INLINE V pool_max(V first, V second) {
  if (!kMaxTakesSecond) return hn::IfThenElse(second_wins(first, second), second, first);
  return hn::IfThenElse(hn::IsNaN(second), second, hn::Max(second, first));
}
HWY_INLINE V relu(V v) {  // NaN and -0 stay
  if (kMaxTakesSecond) return hn::Max(hn::Zero(kTag), v);
  return hn::IfThenZeroElse(hn::Lt(v, hn::Zero(kTag)), v);
}

// GCC 12 put the weights of the tile of 7 rows by 2 vectors on the stack and read them from there
// for each product, at less than half the speed.
HWY_INLINE void stay_in_register(V& v) {
#if HWY_TARGET == HWY_AVX3
  asm("" : "+v"(v.raw));
#else
  static_cast<void>(v);
#endif
}

// kRows pixels of one output row or column x kVecs vectors of output channels. x: the first tap of
// the first pixel; w: packed panel [k][kVecs*kLanes]; y: first pixel, `valid` channels are stored.
template <int kRows, int kVecs>
HWY_NOINLINE void tile(const TilePlan& plan, const float* HWY_RESTRICT x,
                       const float* HWY_RESTRICT panel, const float* HWY_RESTRICT bias,
                       float* HWY_RESTRICT y, int64_t valid) {
  constexpr int kWidth = kVecs * kLanes;
  V acc[kRows][kVecs];
  HWY_ALIGN float sums[kRows * kWidth];
  const int64_t step = plan.x_step;
  const Segment* segment = plan.segments;
  const Segment* const last = segment + plan.segment_count - 1;
  bool has_sums = false;
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i)
    for (int j = 0; j < kVecs; ++j) acc[i][j] = hn::Zero(kTag);
  for (;; ++segment) {
    // A base pointer for every third row: the address modes reach [p], [p + step], [p + 2 step].
    const float* base[(kRows + 2) / 3];
#pragma GCC unroll 16
    for (int i = 0; i < (kRows + 2) / 3; ++i) base[i] = x + segment->offset + 3 * i * step;
    const float* w = panel + segment->k * kWidth;
    const int64_t length = segment->length;
    for (int64_t k = 0; k < length; ++k, w += kWidth) {
      V b[kVecs];
      for (int j = 0; j < kVecs; ++j) b[j] = hn::Load(kTag, w + j * kLanes);
#pragma GCC unroll 16
      for (int i = 0; i < kRows; ++i) {
        const V a = hn::Set(kTag, base[i / 3][i % 3 * step + k]);
        for (int j = 0; j < kVecs; ++j) acc[i][j] = hn::MulAdd(a, b[j], acc[i][j]);
        for (int j = 0; j < kVecs; ++j) stay_in_register(b[j]);
      }
    }
    if (!segment->ends_chain) continue;
    if (segment == last) break;
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i) {
      for (int j = 0; j < kVecs; ++j) {
        float* s = sums + i * kWidth + j * kLanes;
        hn::Store(has_sums ? hn::Add(hn::Load(kTag, s), acc[i][j]) : acc[i][j], kTag, s);
        acc[i][j] = hn::Zero(kTag);
      }
    }
    has_sums = true;
  }
  if (has_sums) {
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i)
      for (int j = 0; j < kVecs; ++j)
        acc[i][j] = hn::Add(hn::Load(kTag, sums + i * kWidth + j * kLanes), acc[i][j]);
  }
  const auto finished = [&](int i, int j) HWY_ATTR {
    const V v = hn::Add(acc[i][j], hn::Load(kTag, bias + j * kLanes));
    return plan.relu ? relu(v) : v;
  };
  if (kRows % 2 == 0 && plan.pool_pairs) {
#pragma GCC unroll 16
    for (int i = 0; i + 1 < kRows; i += 2)
      for (int j = 0; j < kVecs; ++j)
        store_first(pool_max(finished(i, j), finished(i + 1, j)), valid - j * kLanes,
                    y + i / 2 * plan.y_pixel + j * kLanes);
    return;
  }
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i)
    for (int j = 0; j < kVecs; ++j)
      store_first(finished(i, j), valid - j * kLanes, y + i * plan.y_pixel + j * kLanes);
}

using TileFn = void (*)(const TilePlan&, const float*, const float*, const float*, float*, int64_t);
template <int kVecs, int... i>
constexpr std::array<TileFn, sizeof...(i)> make_tiles(std::integer_sequence<int, i...>) {
  return {tile<i + 1, kVecs>...};
}
constexpr auto kTiles2 = make_tiles<2>(std::make_integer_sequence<int, kRows2>());
constexpr auto kTiles1 = make_tiles<1>(std::make_integer_sequence<int, kRows1>());

// Cache lines 4096 bytes apart compete for the same set of L1, which has 8 to 12 places.
inline int64_t most_rows(int64_t x_step, bool wide) {
  const int64_t most = wide ? kRows2 : kRows1;
  return x_step % 1024 == 0 ? std::min<int64_t>(most, 7) : most;
}

// One output row (or column): the fewest tiles that cover it, of nearly equal length. Pairs stay in
// one tile.
HWY_INLINE void tile_row(const TilePlan& plan, int64_t pixels, const float* x, const float* w,
                         const float* bias, float* y, int64_t valid) {
  const bool wide = valid > kLanes;
  const int64_t most = most_rows(plan.x_step, wide);
  for (int64_t left = pixels, tiles = (pixels + most - 1) / most; left > 0; --tiles) {
    int64_t rows = (left + tiles - 1) / tiles;
    if (plan.pool_pairs) rows += rows % 2;
    const auto index = static_cast<size_t>(rows - 1);
    (wide ? kTiles2[index] : kTiles1[index])(plan, x, w, bias, y, valid);
    x += rows * plan.x_step;
    y += (plan.pool_pairs ? rows / 2 : rows) * plan.y_pixel;
    left -= rows;
  }
}

// Of panels one vector wide a tile would load one value for each product. Two output rows at a time
// share what they read: row s of the image is tap row s of the upper one and s - 1 of the lower.
// Tap rows are whole segments, all of one chain. Worth 2 % of a ResNet-20.
template <int kPixels>
HWY_NOINLINE void pair_tile(const TilePlan& plan, int64_t x_row, const float* HWY_RESTRICT x,
                            const float* HWY_RESTRICT panel, const float* HWY_RESTRICT bias,
                            float* HWY_RESTRICT y, int64_t y_row, int64_t valid) {
  V upper[kPixels], lower[kPixels];
  const int64_t step = plan.x_step, length = plan.segments[0].length;
#pragma GCC unroll 16
  for (int i = 0; i < kPixels; ++i) upper[i] = lower[i] = hn::Zero(kTag);
  const auto add_row = [&](int64_t s, auto to_upper, auto to_lower) HWY_ATTR {
    const float* base[(kPixels + 2) / 3];
#pragma GCC unroll 16
    for (int i = 0; i < (kPixels + 2) / 3; ++i)
      base[i] = x + plan.segments[0].offset + s * x_row + 3 * i * step;
    const float* first = panel + (to_upper() ? plan.segments[s].k * kLanes : 0);
    const float* second = panel + (to_lower() ? plan.segments[s - 1].k * kLanes : 0);
    for (int64_t k = 0; k < length; ++k, first += kLanes, second += kLanes) {
      V b0 = hn::Zero(kTag), b1 = b0;
      if (to_upper()) b0 = hn::Load(kTag, first);
      if (to_lower()) b1 = hn::Load(kTag, second);
#pragma GCC unroll 16
      for (int i = 0; i < kPixels; ++i) {
        const V a = hn::Set(kTag, base[i / 3][i % 3 * step + k]);
        if (to_upper()) upper[i] = hn::MulAdd(a, b0, upper[i]);
        if (to_lower()) lower[i] = hn::MulAdd(a, b1, lower[i]);
        stay_in_register(b0);
        stay_in_register(b1);
      }
    }
  };
  const std::true_type yes;
  const std::false_type no;
  add_row(0, yes, no);
  for (int64_t s = 1; s < plan.segment_count; ++s) add_row(s, yes, yes);
  add_row(plan.segment_count, no, yes);
  const V b = hn::Load(kTag, bias);
#pragma GCC unroll 16
  for (int i = 0; i < kPixels; ++i) {
    const V u = hn::Add(upper[i], b), l = hn::Add(lower[i], b);
    store_first(plan.relu ? relu(u) : u, valid, y + i * plan.y_pixel);
    store_first(plan.relu ? relu(l) : l, valid, y + y_row + i * plan.y_pixel);
  }
}

constexpr int kPairPixels = kManyRegisters ? 14 : 6;
using PairFn = void (*)(const TilePlan&, int64_t, const float*, const float*, const float*, float*,
                        int64_t, int64_t);
template <int... i>
constexpr std::array<PairFn, sizeof...(i)> make_pairs(std::integer_sequence<int, i...>) {
  return {pair_tile<i + 1>...};
}
constexpr auto kPairs = make_pairs(std::make_integer_sequence<int, kPairPixels>());

// Two output rows of `pixels` pixels.
inline void pair_rows(const TilePlan& plan, int64_t pixels, int64_t x_row, const float* x,
                      const float* w, const float* bias, float* y, int64_t y_row, int64_t valid) {
  for (int64_t left = pixels, tiles = (pixels + kPairPixels - 1) / kPairPixels; left > 0; --tiles) {
    const int64_t some = (left + tiles - 1) / tiles;
    kPairs[static_cast<size_t>(some - 1)](plan, x_row, x, w, bias, y, y_row, valid);
    x += some * plan.x_step;
    y += some * plan.y_pixel;
    left -= some;
  }
}

}  // namespace tinytorch::kernels::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
