// The gradient of 2-d convolution with respect to weight and bias, channels last.
//
//   dw[o,c,p,q] (+)= sum over pixels (n,i,j) of dy[n,i,j,o] * x[n, i*stride_h + p*dil_h - pad_h,
//                                                               j*stride_w + q*dil_w - pad_w, c]
//   dbias[o]    (+)= sum over pixels of dy[n,i,j,o]
//
// A product of matrices whose inner dimension is the pixels: kh*kw*cg rows (read in place from the
// image, or from a copy with zeros around it) times og columns (dy, packed to panels as wide as a
// tile). A tile holds rows x two vectors of dw in registers over 256 pixels. With padding, in
// place, the rows of a tile belong to one tap, and pixels that have this tap in the padding are
// left out.
//
// Order of every sum, fixed by the shape alone: pixels (n,i,j) flattened; chains of 256 fused
// multiply-adds that start at 0 (for the bias: four interleaved sums, then their total); chain sums
// added in order within a slab; slabs added in order; then what dw held, when accumulating.
// Products with padding may be left out: they add zero. Slabs are what the threads share out.
#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "tinytorch/core/parallel.h"
#include "tinytorch/kernels/conv.h"
#include "tinytorch/kernels/rows.h"
#include "tinytorch/kernels/simd/direct_conv.h"
#include "tinytorch/kernels/simd/isa.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tinytorch/kernels/simd/conv_grad_weight.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

#ifndef TINYTORCH_CONV_GRAD_WEIGHT_ONCE
#define TINYTORCH_CONV_GRAD_WEIGHT_ONCE
namespace tinytorch::kernels::simd {

constexpr int64_t kChain = 256;        // pixels; part of the contract above
constexpr int64_t kSlabPixels = 1024;  // at least, so that adding slabs up costs nothing
constexpr int64_t kMaxSlabs = 16;
constexpr int64_t kSlabFloats = 4 << 20;  // all slabs of a call together, unless one is larger

// Output pixels (i, j) .. (i, j + count) of a chain, `at` pixels behind its first. The window of
// the first begins at x + offset.
struct Piece {
  int64_t offset;
  int32_t i, j, count, at;
};

// The output pixels that a tile sums over: rows [i0, i1) x columns [j0, j1) of each image.
struct Clip {
  int32_t i0, i1, j0, j1;
};

}  // namespace tinytorch::kernels::simd
#endif

HWY_BEFORE_NAMESPACE();
namespace tinytorch::kernels::simd::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;
constexpr D kTag;
constexpr int kLanes = static_cast<int>(hn::MaxLanes(D()));
constexpr int kPanel = 2 * kLanes;
constexpr bool kManyRegisters = HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_NEON;
constexpr int kRows2 = kManyRegisters ? 14 : 6;
constexpr int kRows1 = kManyRegisters ? 16 : 12;

// One chain of kRows values of k times kVecs vectors of output channels:
//   sums[i][.] (first: =, else +=) sum over the chain's pixels of x[pixel + row i] * dy[pixel][.]
// Row i lies `tap` + i floats after the window's first when kContiguous, else tap + offsets[i].
struct GradTile {
  const Piece *piece, *end;
  Clip clip;
  const float* x;
  int64_t tap, step;  // step: floats from one pixel's window to the next
  const int64_t* offsets;
  const float* dy;
  float* sums;
  int64_t ld;
  bool first;
};
template <int kRows, int kVecs, bool kContiguous>
HWY_NOINLINE void grad_tile(const GradTile& tile) {
  const int64_t* HWY_RESTRICT offsets = tile.offsets;
  const int64_t step = tile.step;
  V acc[kRows][kVecs];
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i)
    for (int j = 0; j < kVecs; ++j) acc[i][j] = hn::Zero(kTag);
  for (const Piece* piece = tile.piece; piece != tile.end; ++piece) {
    if (piece->i < tile.clip.i0 || piece->i >= tile.clip.i1) continue;
    const int64_t skipped = std::max(tile.clip.j0 - piece->j, 0);
    const int64_t count = std::min(piece->count, tile.clip.j1 - piece->j) - skipped;
    const float* HWY_RESTRICT row = tile.x + (piece->offset + tile.tap + skipped * step);
    const float* HWY_RESTRICT dy = tile.dy + (piece->at + skipped) * kVecs * kLanes;
    for (int64_t t = count; t > 0; --t, row += step, dy += kVecs * kLanes) {
      V b[kVecs];
      for (int j = 0; j < kVecs; ++j) b[j] = hn::Load(kTag, dy + j * kLanes);
#pragma GCC unroll 16
      for (int i = 0; i < kRows; ++i) {
        const V a = hn::Set(kTag, kContiguous ? row[i] : row[offsets[i]]);
        for (int j = 0; j < kVecs; ++j) acc[i][j] = hn::MulAdd(a, b[j], acc[i][j]);
      }
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) {
    for (int j = 0; j < kVecs; ++j) {
      float* s = tile.sums + i * tile.ld + j * kLanes;
      hn::Store(tile.first ? acc[i][j] : hn::Add(hn::Load(kTag, s), acc[i][j]), kTag, s);
    }
  }
}

using TileFn = void (*)(const GradTile&);
template <int kVecs, bool kContiguous, int... i>
constexpr std::array<TileFn, sizeof...(i)> make_tiles(std::integer_sequence<int, i...>) {
  return {grad_tile<i + 1, kVecs, kContiguous>...};
}
using Rows2 = std::make_integer_sequence<int, kRows2>;
using Rows1 = std::make_integer_sequence<int, kRows1>;
constexpr auto kTiles2 = make_tiles<2, true>(Rows2());
constexpr auto kTiles1 = make_tiles<1, true>(Rows1());
constexpr auto kScattered2 = make_tiles<2, false>(Rows2());
constexpr auto kScattered1 = make_tiles<1, false>(Rows1());

TileFn tile_fn(int64_t rows, bool wide, bool contiguous) {
  const auto i = static_cast<size_t>(rows - 1);
  if (wide) return contiguous ? kTiles2[i] : kScattered2[i];
  return contiguous ? kTiles1[i] : kScattered1[i];
}

// Everything about one call that the tasks share.
struct GradWeight {
  const ConvGradWeightArgs<float>& args;
  const ConvGeometry& g = args.g;
  int64_t cg = g.c / g.groups, og = g.o / g.groups, taps = g.kh * g.kw * cg;
  int64_t og_padded = (og + kLanes - 1) / kLanes * kLanes;
  int64_t width = g.groups * og_padded;  // output channels with the lanes that pad each group
  int64_t pixels = g.n * g.oh * g.ow, chains = (pixels + kChain - 1) / kChain;
  int64_t reach_h = (g.kh - 1) * g.dil_h + 1;
  int64_t cols_read = (g.ow - 1) * g.stride_w + (g.kw - 1) * g.dil_w + 1;
  bool padded = g.pad_h != 0 || g.pad_w != 0;
  bool clipped = padded && cg >= 8;  // else a tap's tiles would be too short
  bool in_place = !padded || clipped;
  int64_t pitch = (in_place ? g.w : cols_read) * g.c;
  // With long runs of contiguous values of k, tiles stay within a run.
  int64_t run = g.groups == 1 && g.dil_w == 1 && !clipped ? g.kw * cg : cg;
  bool contiguous = run >= 8;
  int64_t span = contiguous ? run : taps;  // tiles do not cross multiples of this
  int64_t slabs = 1;
  int64_t* offsets = nullptr;  // of each k from the window's first float
  Clip clip(int64_t k) const;
  float* sums = nullptr;  // [slab][taps * width] then [slab][width] for the bias
  int64_t slab_floats() const { return (taps + 1) * width; }
};

// Floats from the first float of a window to the one that k = (p, q, c) multiplies.
void make_offsets(GradWeight& w) {
  const ConvGeometry& g = w.g;
  for (int64_t p = 0, k = 0; p < g.kh; ++p)
    for (int64_t q = 0; q < g.kw; ++q)
      for (int64_t c = 0; c < w.cg; ++c, ++k)
        w.offsets[k] = p * g.dil_h * w.pitch + q * g.dil_w * g.c + c;
}

// Outputs [begin, end) of an axis whose tap lies inside of the image.
void clip_axis(int64_t outputs, int64_t tap, int64_t stride, int64_t pad, int64_t size,
               int32_t& begin, int32_t& end) {
  const auto outputs_before = [&](int64_t position) {  // those whose tap lies before it
    return std::clamp<int64_t>((position + pad - tap + stride - 1) / stride, 0, outputs);
  };
  begin = static_cast<int32_t>(tap < pad ? outputs_before(0) : 0);
  end = static_cast<int32_t>(tap < size + pad ? outputs_before(size) : 0);
}

// The pixels that row k of a tile is summed over.
Clip GradWeight::clip(int64_t k) const {
  Clip all{0, static_cast<int32_t>(g.oh), 0, static_cast<int32_t>(g.ow)};
  if (!clipped) return all;
  const int64_t p = k / (g.kw * cg), q = k / cg % g.kw;
  clip_axis(g.oh, p * g.dil_h, g.stride_h, g.pad_h, g.h, all.i0, all.i1);
  clip_axis(g.ow, q * g.dil_w, g.stride_w, g.pad_w, g.w, all.j0, all.j1);
  return all;
}

// Where the gradient of a pixel of the convolution comes from when dy is the gradient of its pooled
// output: the window's offset in dy, and the index the window must hold.
struct Window {
  int64_t offset;  // -1: in an odd last row or column, which no window covers
  int32_t position;
};

void list_windows(const ConvGeometry& g, int64_t pixel, int64_t count, Window* windows) {
  const int64_t rows = g.oh / 2, cols = g.ow / 2;
  int64_t j = pixel % g.ow, row = pixel / g.ow;
  for (int64_t t = 0; t < count; ++row, j = 0) {
    const int64_t i = row % g.oh, first = (row / g.oh * rows + i / 2) * cols;
    const int32_t below = static_cast<int32_t>(i % 2 * 2);
    for (; j < g.ow && t < count; ++j, ++t) {
      const bool covered = i < 2 * rows && j < 2 * cols;
      windows[t] = {covered ? (first + j / 2) * g.o : -1, below + static_cast<int32_t>(j % 2)};
    }
  }
}

// Loads `valid` values, zero in the other lanes.
template <class D2>
HWY_INLINE hn::Vec<D2> load_first(D2 d, const hn::TFromD<D2>* p, int64_t valid) {
  if (valid >= kLanes) return hn::LoadU(d, p);
  HWY_ALIGN hn::TFromD<D2> lanes[kLanes] = {};
  std::memcpy(lanes, p, static_cast<size_t>(valid) * sizeof(*p));
  return hn::Load(d, lanes);
}

// The gradient of a convolution's pixel, channels [o, o + kLanes), through pooling and ReLU.
HWY_INLINE V pooled_dy(const ConvGradWeightArgs<float>& args, const Window& window, int64_t o,
                       int64_t valid) {
  if (window.offset < 0) return hn::Zero(kTag);
  const int64_t at = window.offset + o;
  const hn::Rebind<int32_t, D> di;
  const hn::Rebind<uint8_t, D> bytes;
  const V dy = load_first(kTag, args.dy + at, valid);
  const auto index = hn::PromoteTo(di, load_first(bytes, args.pool_index + at, valid));
  const auto hit = hn::RebindMask(kTag, hn::Eq(index, hn::Set(di, window.position)));
  const V passed = hn::IfThenElseZero(hit, dy);
  if (!args.pool_y) return passed;
  const V y = load_first(kTag, args.pool_y + at, valid);
  return hn::IfThenZeroElse(hn::Le(y, hn::Zero(kTag)), passed);
}

// dy of pixels [pixel, pixel + count) to panels [panel][pixel][lanes of the panel]; adds up the
// bias gradient of this chain when bias_sums is given: pixel t goes to sum t mod 4, then (0+1) +
// (2+3).
void pack_dy(const GradWeight& w, int64_t pixel, int64_t count, float* packed, float* bias_sums,
             bool first) {
  Window windows[kChain];
  const bool pooled = w.args.pool_index != nullptr;
  if (pooled) list_windows(w.g, pixel, count, windows);
  for (int64_t group = 0; group < w.g.groups; ++group) {
    for (int64_t o = 0; o < w.og_padded; o += kLanes) {
      const int64_t valid = std::min<int64_t>(kLanes, w.og - o);
      const int64_t panel = o / kPanel * kPanel, channel = group * w.og + o;
      const int64_t panel_width = std::min<int64_t>(kPanel, w.og_padded - panel);
      float* dst = packed + (group * w.og_padded + panel) * count + (o - panel);
      const float* src = w.args.dy + pixel * w.g.o + channel;
      V sum[4] = {hn::Zero(kTag), hn::Zero(kTag), hn::Zero(kTag), hn::Zero(kTag)};
      const auto take = [&](int64_t t, V& s) HWY_ATTR {
        const V v = pooled ? pooled_dy(w.args, windows[t], channel, valid)
                           : load_first(kTag, src + t * w.g.o, valid);
        hn::Store(v, kTag, dst + t * panel_width);
        s = hn::Add(s, v);
      };
      int64_t t = 0;
      for (; t + 4 <= count; t += 4) {
        take(t, sum[0]);
        take(t + 1, sum[1]);
        take(t + 2, sum[2]);
        take(t + 3, sum[3]);
      }
      for (; t < count; ++t) take(t, sum[t % 4]);
      if (!bias_sums) continue;
      const V total = hn::Add(hn::Add(sum[0], sum[1]), hn::Add(sum[2], sum[3]));
      float* s = bias_sums + group * w.og_padded + o;
      hn::Store(first ? total : hn::Add(hn::Load(kTag, s), total), kTag, s);
    }
  }
}

// Prepares pixels [begin, end): copies the rows of x they read, unless those are read in place, and
// lists the row pieces. Returns the base of the pieces' offsets; a piece never crosses a chain.
const float* gather_pixels(const GradWeight& w, int64_t begin, int64_t end, Piece* pieces) {
  const ConvGeometry& g = w.g;
  const int64_t image_pixels = g.oh * g.ow;
  float* copy = nullptr;
  if (!w.in_place) {
    const int64_t images = (end - 1) / image_pixels - begin / image_pixels + 1;
    const int64_t rows = (end - 1) / g.ow - begin / g.ow + 1;
    copy = scratch<float>(Scratch::kA, (rows * g.stride_h + images * w.reach_h) * w.pitch);
  }
  int64_t used = 0;
  for (int64_t at = begin; at < end;) {
    const int64_t n = at / image_pixels, stop = std::min(end, (n + 1) * image_pixels);
    const int64_t i0 = at % image_pixels / g.ow, i1 = (stop - 1) % image_pixels / g.ow + 1;
    const float* image = w.args.x + n * g.h * g.w * g.c;
    int64_t base = n * g.h * g.w * g.c + (i0 * g.stride_h - g.pad_h) * w.pitch - g.pad_w * g.c;
    const int64_t row = i0 * g.stride_h - g.pad_h, rows = (i1 - i0 - 1) * g.stride_h + w.reach_h;
    if (w.in_place) {
      touch(image + std::clamp<int64_t>(row, 0, g.h) * w.pitch,
            image + std::clamp<int64_t>(row + rows, 0, g.h) * w.pitch);
    } else {
      padded_copy({image, g.h, g.w, g.c, row, rows, -g.pad_w, w.cols_read}, copy + used);
      base = used;
      used += rows * w.pitch;
    }
    while (at < stop) {
      const int64_t i = at % image_pixels / g.ow, j = at % g.ow;
      const int64_t count = std::min({g.ow - j, stop - at, kChain - at % kChain});
      *pieces++ = {base + (i - i0) * g.stride_h * w.pitch + j * g.stride_w * g.c,
                   static_cast<int32_t>(i), static_cast<int32_t>(j), static_cast<int32_t>(count),
                   static_cast<int32_t>(at % kChain)};
      at += count;
    }
  }
  return w.in_place ? w.args.x : copy;
}

// The tiles of one chain: values of k [k0, k1) x all output channels.
void chain_tiles(const GradWeight& w, const Piece* piece, const Piece* end, const float* x,
                 const float* packed, int64_t count, int64_t k0, int64_t k1, float* sums,
                 bool first) {
  GradTile tile{piece,   end,     {},      x,       0,    w.g.stride_w * w.g.c,
                nullptr, nullptr, nullptr, w.width, first};
  for (int64_t group = 0; group < w.g.groups; ++group) {
    for (int64_t o = 0; o < w.og; o += kPanel) {
      const int64_t column = group * w.og_padded + o;
      const bool wide = w.og_padded - o > kLanes;
      for (int64_t k = k0; k < k1;) {
        const int64_t stop = std::min(k1, (k / w.span + 1) * w.span);
        const int64_t most = wide ? kRows2 : kRows1;
        const int64_t tiles = (stop - k + most - 1) / most;
        const int64_t rows = (stop - k + tiles - 1) / tiles;
        tile.clip = w.clip(k);
        tile.tap = group * w.cg + (w.contiguous ? w.offsets[k] : 0);
        tile.offsets = w.offsets + k;
        tile.dy = packed + column * count;
        tile.sums = sums + k * w.width + column;
        tile_fn(rows, wide, w.contiguous)(tile);
        k += rows;
      }
    }
  }
}

// One task: chains [c0, c1) of a slab, values of k [k0, k1).
void run_slab(const GradWeight& w, int64_t c0, int64_t c1, int64_t k0, int64_t k1, float* sums) {
  const ConvGeometry& g = w.g;
  // As many chains at a time as make about 400 KB of image: it stays in L2.
  const int64_t pixel_floats = std::max<int64_t>(1, g.c * g.stride_h * g.stride_w);
  const int64_t step = std::clamp<int64_t>(100000 / (kChain * pixel_floats), 1, c1 - c0);
  const int64_t most = std::min(step * kChain, w.pixels);
  auto* pieces = scratch<Piece>(Scratch::kC, most / std::min(g.ow, kChain) + 2 * step + 2);
  for (int64_t c = c0; c < c1; c += step) {
    const int64_t begin = c * kChain, end = std::min({(c + step) * kChain, c1 * kChain, w.pixels});
    const float* x = gather_pixels(w, begin, end, pieces);
    const Piece* piece = pieces;
    for (int64_t at = begin; at < end; at += kChain) {
      const int64_t count = std::min(kChain, end - at);
      const Piece* last = piece;
      for (int64_t seen = 0; seen < count; ++last) seen += last->count;
      float* packed = scratch<float>(Scratch::kD, kChain * w.width);
      const bool first = at == c0 * kChain;
      pack_dy(w, at, count, packed, k0 == 0 ? sums + w.taps * w.width : nullptr, first);
      chain_tiles(w, piece, last, x, packed, count, k0, k1, sums, first);
      piece = last;
    }
  }
}

// dw[.][c][.][.] of one input channel of a group: slabs added in order, then to OIHW.
void merge_channel(const GradWeight& w, int64_t group, int64_t c) {
  const int64_t window = w.g.kh * w.g.kw;
  float* total = scratch<float>(Scratch::kA, window * w.og_padded);
  for (int64_t t = 0; t < window; ++t) {
    const float* s = w.sums + (t * w.cg + c) * w.width + group * w.og_padded;
    for (int64_t o = 0; o < w.og_padded; o += kLanes) {
      V sum = hn::Load(kTag, s + o);
      for (int64_t slab = 1; slab < w.slabs; ++slab)
        sum = hn::Add(sum, hn::Load(kTag, s + slab * w.slab_floats() + o));
      hn::Store(sum, kTag, total + t * w.og_padded + o);
    }
  }
  for (int64_t o = 0; o < w.og; ++o) {
    float* dw = w.args.dw + ((group * w.og + o) * w.cg + c) * window;
    for (int64_t t = 0; t < window; ++t)
      dw[t] = (w.args.accumulate ? dw[t] : 0.0f) + total[t * w.og_padded + o];
  }
}

void merge_bias(const GradWeight& w) {
  for (int64_t group = 0; group < w.g.groups; ++group) {
    for (int64_t o = 0; o < w.og; ++o) {
      const float* s = w.sums + w.taps * w.width + group * w.og_padded + o;
      float sum = s[0];
      for (int64_t slab = 1; slab < w.slabs; ++slab) sum += s[slab * w.slab_floats()];
      float& db = w.args.dbias[group * w.og + o];
      db = (w.args.accumulate ? db : 0.0f) + sum;
    }
  }
}

void run_grad_weight(const ConvGradWeightArgs<float>& args) {
  GradWeight w{args};
  w.slabs = std::clamp<int64_t>(w.pixels / kSlabPixels, 1, kMaxSlabs);
  // By the channels padded alike on every target: slabs are part of the order of sums.
  const int64_t numbers = (w.taps + 1) * w.g.groups * ((w.og + 15) / 16 * 16);
  w.slabs = std::clamp<int64_t>(w.slabs, 1, std::max<int64_t>(1, kSlabFloats / numbers));
  const int64_t offset_floats = (2 * w.taps + 15) / 16 * 16;  // whole cache lines
  float* shared = scratch<float>(Scratch::kB, offset_floats + w.slabs * w.slab_floats());
  w.offsets = reinterpret_cast<int64_t*>(shared);
  w.sums = shared + offset_floats;
  make_offsets(w);

  const double total_ns = 0.01 * static_cast<double>(w.pixels * w.taps * w.width);
  // Few slabs: the threads also share out k, each for its own copy of the image.
  const int64_t tiles = std::max<int64_t>(1, (w.taps + kRows2 - 1) / kRows2);
  const int64_t wanted = num_threads() == 1 || total_ns < 3e4 ? 1 : 3 * num_threads();
  const int64_t parts = std::clamp<int64_t>((wanted + w.slabs - 1) / w.slabs, 1, tiles);
  parallel_tasks(w.slabs * parts, total_ns, [&](int64_t task) {
    const int64_t slab = task / parts, part = task % parts;
    run_slab(w, w.chains * slab / w.slabs, w.chains * (slab + 1) / w.slabs,
             tiles * part / parts * kRows2, std::min(w.taps, tiles * (part + 1) / parts * kRows2),
             w.sums + slab * w.slab_floats());
  });
  const double merge_ns = 0.3 * static_cast<double>(w.slabs * w.slab_floats());
  parallel_rows(w.g.c, merge_ns / static_cast<double>(w.g.c), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) merge_channel(w, i / w.cg, i % w.cg);
  });
  if (args.dbias) merge_bias(w);
}

}  // namespace tinytorch::kernels::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tinytorch::kernels::simd {

HWY_EXPORT(run_grad_weight);

void conv2d_grad_weight(const ConvGradWeightArgs<float>& args) {
  const ConvGeometry& g = args.g;
  if (g.n * g.oh * g.ow > 0) return TINYTORCH_DISPATCH(run_grad_weight)(args);
  if (args.accumulate) return;
  std::fill_n(args.dw, g.o * (g.c / g.groups) * g.kh * g.kw, 0.0f);
  if (args.dbias) std::fill_n(args.dbias, g.o, 0.0f);
}

}  // namespace tinytorch::kernels::simd
#endif
