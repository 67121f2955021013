// Direct convolution: the matrix micro-kernel over overlapping rows of a channels-last image. For
// one tap row the values under a window are contiguous (kw*c floats), and the window of the next
// pixel begins stride_w*c floats later: a left operand whose rows overlap, read in place. Nothing
// is unrolled to columns; only a band of the image is copied once, to put zeros around it.
#include "tinytorch/kernels/simd/direct_conv.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "tinytorch/core/parallel.h"
#include "tinytorch/kernels/simd/isa.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tinytorch/kernels/simd/direct_conv.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

#ifndef TINYTORCH_DIRECT_CONV_ONCE
#define TINYTORCH_DIRECT_CONV_ONCE
namespace tinytorch::kernels::simd {

// A piece of the sum that is contiguous in x: `length` products from x + offset on.
struct Segment {
  int64_t offset;
  int32_t length;
  bool ends_chain;
};

// What the tiles of one call share.
struct TilePlan {
  const Segment* segments;
  int64_t segment_count;
  int64_t x_step;  // floats from one output pixel's window to the next
  int64_t y_pixel;
  bool relu;
};

constexpr int64_t kChain = 256;  // part of the contract: see direct_conv.h

}  // namespace tinytorch::kernels::simd
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
constexpr int kRows1 = kManyRegisters ? 14 : 12;  // rows of a tile one vector wide

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

// kRows pixels of one output row x kVecs vectors of output channels. x: window of the first pixel;
// w: packed panel [k][kVecs*kLanes]; y: first pixel, `valid` channels are stored.
template <int kRows, int kVecs>
HWY_NOINLINE void tile(const TilePlan& plan, const float* HWY_RESTRICT x,
                       const float* HWY_RESTRICT w, const float* HWY_RESTRICT bias,
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
    // Five base pointers reach 14 rows by the address modes [p], [p + step], [p + 2 step].
    const float* x0 = x + segment->offset;
    const float *x3 = x0 + 3 * step, *x6 = x3 + 3 * step, *x9 = x6 + 3 * step, *xc = x9 + 3 * step;
    const int64_t length = segment->length;
    for (int64_t k = 0; k < length; ++k, w += kWidth) {
      V b[kVecs];
      for (int j = 0; j < kVecs; ++j) b[j] = hn::Load(kTag, w + j * kLanes);
#pragma GCC unroll 16
      for (int i = 0; i < kRows; ++i) {
        const float* row = (i < 3 ? x0 : i < 6 ? x3 : i < 9 ? x6 : i < 12 ? x9 : xc) + i % 3 * step;
        const V a = hn::Set(kTag, row[k]);
        for (int j = 0; j < kVecs; ++j) acc[i][j] = hn::MulAdd(a, b[j], acc[i][j]);
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
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) {
    for (int j = 0; j < kVecs; ++j) {
      V v = hn::Add(acc[i][j], hn::Load(kTag, bias + j * kLanes));
      // Not Max: the comparison keeps NaN and the sign of zero alike on every target.
      if (plan.relu) v = hn::IfThenZeroElse(hn::Lt(v, hn::Zero(kTag)), v);
      store_first(v, valid - j * kLanes, y + i * plan.y_pixel + j * kLanes);
    }
  }
}

using TileFn = void (*)(const TilePlan&, const float*, const float*, const float*, float*, int64_t);
template <int kVecs, int... i>
constexpr std::array<TileFn, sizeof...(i)> make_tiles(std::integer_sequence<int, i...>) {
  return {tile<i + 1, kVecs>...};
}
constexpr auto kTiles2 = make_tiles<2>(std::make_integer_sequence<int, kRows2>());
constexpr auto kTiles1 = make_tiles<1>(std::make_integer_sequence<int, kRows1>());

// One output row: the fewest tiles that cover it, of nearly equal length.
HWY_INLINE void tile_row(const TilePlan& plan, int64_t pixels, const float* x, const float* w,
                         const float* bias, float* y, int64_t valid) {
  const bool wide = valid > kLanes;
  const int64_t most = wide ? kRows2 : kRows1;
  for (int64_t left = pixels, tiles = (pixels + most - 1) / most; tiles > 0; --tiles) {
    const int64_t rows = (left + tiles - 1) / tiles;
    const auto index = static_cast<size_t>(rows - 1);
    (wide ? kTiles2[index] : kTiles1[index])(plan, x, w, bias, y, valid);
    x += rows * plan.x_step;
    y += rows * plan.y_pixel;
    left -= rows;
  }
}

// Packs the weights of one input channel and one panel: element (k, j) of the panel is
// weight(o + j, c, p, q) with k = (p*kw + q)*cg + c; lanes past the group's channels are zero.
void pack_channel(const DirectConv& d, const float* weight, int64_t o, int64_t c, float* panel) {
  const int64_t valid = std::min<int64_t>(kPanel, d.og - o);
  const int64_t width = valid > kLanes ? kPanel : kLanes;
  const float* src = weight + o * d.w_o + c * d.w_c;
  for (int64_t p = 0; p < d.kh; ++p) {
    for (int64_t q = 0; q < d.kw; ++q) {
      float* dst = panel + ((p * d.kw + q) * d.cg + c) * width;
      const float* s = src + p * d.w_p + q * d.w_q;
      for (int64_t j = 0; j < valid; ++j) dst[j] = s[j * d.w_o];
      for (int64_t j = valid; j < width; ++j) dst[j] = 0;
    }
  }
}

// The segments of the sum over k for rows of x that lie `pitch` floats apart.
int64_t make_segments(const DirectConv& d, int64_t pitch, Segment* segments) {
  const int64_t pixel = d.groups * d.cg;
  const bool whole_rows = d.groups == 1 && d.dil_w == 1;  // the taps of a row touch each other
  const int64_t runs = whole_rows ? 1 : d.kw, run = whole_rows ? d.kw * d.cg : d.cg;
  int64_t count = 0, k = 0;
  for (int64_t p = 0; p < d.kh; ++p) {
    for (int64_t r = 0; r < runs; ++r) {
      const int64_t begin = p * d.dil_h * pitch + r * d.dil_w * pixel;
      for (int64_t done = 0; done < run;) {
        const int64_t length = std::min(run - done, kChain - k % kChain);
        k += length;
        segments[count++] = {begin + done, static_cast<int32_t>(length), k % kChain == 0};
        done += length;
      }
    }
  }
  segments[count - 1].ends_chain = true;
  return count;
}

void run_direct_conv(const DirectConv& d) {
  const int64_t taps = d.kh * d.kw * d.cg;
  const int64_t og_padded = (d.og + kLanes - 1) / kLanes * kLanes;
  const int64_t panels = (d.og + kPanel - 1) / kPanel;
  const int64_t pixel = d.groups * d.cg;

  // Weights and bias to panels, shared by all threads.
  float* packed = scratch<float>(Scratch::kB, d.groups * og_padded * (taps + 1));
  float* bias = packed + d.groups * og_padded * taps;
  parallel_for(d.groups * panels * d.cg, 0.5 * static_cast<double>(d.kh * d.kw * kPanel),
               [&](int64_t begin, int64_t end) {
                 for (int64_t i = begin; i < end; ++i) {
                   const int64_t group = i / d.cg / panels, o = i / d.cg % panels * kPanel;
                   pack_channel(d, d.weight + group * d.w_group, o, i % d.cg,
                                packed + (group * og_padded + o) * taps);
                 }
               });
  for (int64_t g = 0; g < d.groups; ++g)
    for (int64_t o = 0; o < og_padded; ++o)
      bias[g * og_padded + o] = d.bias && o < d.og ? d.bias[g * d.og + o] : 0.0f;

  const int64_t reach_h = (d.kh - 1) * d.dil_h + 1;
  const int64_t rows_read = (d.oh - 1) * d.stride_h + reach_h;
  const int64_t cols_read = (d.ow - 1) * d.stride_w + (d.kw - 1) * d.dil_w + 1;
  const bool in_place =
      d.top >= 0 && d.left >= 0 && d.top + rows_read <= d.h && d.left + cols_read <= d.w;
  const int64_t pitch = (in_place ? d.w : cols_read) * pixel;
  auto* segments = scratch<Segment>(Scratch::kD, d.kh * d.kw + taps / kChain + 1);
  const TilePlan plan{segments, make_segments(d, pitch, segments), d.stride_w * pixel, d.y_pixel,
                      d.relu};

  // Bands of output rows: at most about 150 us each, and a few for each thread.
  const double row_ns = 0.01 * static_cast<double>(d.ow * d.groups * og_padded * taps) + 20.0;
  const double total_ns = row_ns * static_cast<double>(d.oh * d.n);
  const double band_ns = std::clamp(total_ns / (4.0 * num_threads()), 3e3, 150e3);
  const int64_t bands = std::clamp<int64_t>(
      static_cast<int64_t>(row_ns * static_cast<double>(d.oh) / band_ns + 0.999), 1, d.oh);
  parallel_tasks(d.n * bands, total_ns, [&](int64_t chunk) {
    const int64_t n = chunk / bands, band = chunk % bands;
    const int64_t i0 = d.oh * band / bands, i1 = d.oh * (band + 1) / bands;
    const float* image = d.x + n * d.h * d.w * pixel;
    const int64_t row = d.top + i0 * d.stride_h;
    const float* x = image + (row * d.w + d.left) * pixel;
    if (!in_place) {
      const int64_t rows = (i1 - i0 - 1) * d.stride_h + reach_h;
      float* copy = scratch<float>(Scratch::kA, rows * pitch);
      padded_copy({image, d.h, d.w, pixel, row, rows, d.left, cols_read}, copy);
      x = copy;
    }
    for (int64_t g = 0; g < d.groups; ++g) {
      for (int64_t o = 0; o < d.og; o += kPanel) {
        const int64_t at = g * og_padded + o;
        float* y = d.y + n * d.y_image + g * d.og + o;
        for (int64_t i = i0; i < i1; ++i)
          tile_row(plan, d.ow, x + g * d.cg + (i - i0) * d.stride_h * pitch, packed + at * taps,
                   bias + at, y + i * d.y_row, d.og - o);
      }
    }
  });
}

}  // namespace tinytorch::kernels::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tinytorch::kernels::simd {

HWY_EXPORT(run_direct_conv);

void direct_conv(const DirectConv& conv) {
  if (conv.n == 0 || conv.oh == 0 || conv.ow == 0 || conv.og == 0) return;
  TINYTORCH_DISPATCH(run_direct_conv)(conv);
}

void padded_copy(const PaddedCopy& p, float* dst) {
  const int64_t first = std::clamp<int64_t>(-p.col, 0, p.cols);  // columns before the image
  const int64_t last = std::clamp<int64_t>(p.w - p.col, first, p.cols);
  const auto bytes = [&](int64_t pixels) {
    return static_cast<size_t>(pixels * p.c) * sizeof(float);
  };
  for (int64_t i = 0; i < p.rows; ++i, dst += p.cols * p.c) {
    const int64_t row = p.row + i;
    if (row < 0 || row >= p.h || first == last) {
      std::memset(dst, 0, bytes(p.cols));
      continue;
    }
    std::memset(dst, 0, bytes(first));
    std::memcpy(dst + first * p.c, p.image + (row * p.w + p.col + first) * p.c,
                bytes(last - first));
    std::memset(dst + last * p.c, 0, bytes(p.cols - last));
  }
}

}  // namespace tinytorch::kernels::simd
#endif
