// Convolutions with operands rounded to bf16 and f32 sums, channels last (formulas:
// kernels/conv.h; direct_conv.h): the loops of the bf16 matrix product (bf16-inl.h) over images
// that are rounded once.
//   direct        a tile's rows are the windows of neighbouring pixels, read where they overlap in
//                 a band of the image; the weight is packed to pairs along k = (p, q, c)
//   grad_weight   k is the pixels. x is turned to one row for each channel, so that a tap is a
//                 shift along the row; dy is packed to pairs of pixels with zeros where the rows
//                 of x have their padding. A stride cuts x into its phases first.
// What does not fit (groups, dilation, few channels or columns, a CPU without bf16) is left to the
// f32 kernels.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tinytorch/kernels/simd/conv_bf16.cpp"
#include <algorithm>
#include <cstring>

#include "hwy/foreach_target.h"
#include "tinytorch/core/parallel.h"
#include "tinytorch/kernels/conv.h"
#include "tinytorch/kernels/rows.h"
#include "tinytorch/kernels/simd/bf16-inl.h"
#include "tinytorch/kernels/simd/bf16.h"
#include "tinytorch/kernels/simd/direct_conv.h"
#include "tinytorch/kernels/simd/isa.h"
#include "tinytorch/kernels/simd/matmul-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tinytorch::kernels::HWY_NAMESPACE::bf16 {

#if HWY_TARGET == HWY_AVX3

constexpr int64_t kPair = 2 * kSide;

int64_t ceil_div(int64_t a, int64_t b) {
  return (a + b - 1) / b;
}

// Channels as they are stored in bf16: pairs, and from 16 on whole tiles.
int64_t padded_channels(int64_t c) {
  return c < kSide ? ceil_div(c, 2) * 2 : ceil_div(c, kSide) * kSide;
}

// to[i] = bf16(from[i]) for n numbers. Writes up to 31 numbers more.
TINYTORCH_BF16_DOT HWY_INLINE void round_run(const float* from, int64_t n, uint16_t* to) {
  for (int64_t i = 0; i < n; i += kDepth) {
    const __m512 low = _mm512_maskz_loadu_ps(first(n - i), from + i);
    const __m512 high = _mm512_maskz_loadu_ps(first(n - i - 16), from + i + 16);
    _mm512_storeu_si512(to + i, (__m512i)_mm512_cvtne2ps_pbh(high, low));
  }
}

// padded_copy() in bf16, each pixel followed by zeros up to `channels`. Writes up to 31 numbers
// more than rows * cols * channels.
TINYTORCH_BF16_DOT HWY_NOINLINE void padded_round(const simd::PaddedCopy& p, int64_t channels,
                                                  uint16_t* to) {
  const int64_t begin = std::clamp<int64_t>(-p.col, 0, p.cols);
  const int64_t end = std::clamp<int64_t>(p.w - p.col, begin, p.cols);
  const auto zero = [&](uint16_t* at, int64_t pixels) {
    std::memset(at, 0, static_cast<size_t>(pixels * channels) * 2);
  };
  for (int64_t i = 0; i < p.rows; ++i, to += p.cols * channels) {
    const int64_t row = p.row + i;
    if (row < 0 || row >= p.h || begin == end) {
      zero(to, p.cols);
      continue;
    }
    const float* from = p.image + (row * p.w + p.col + begin) * p.c;
    zero(to, begin);
    if (channels == p.c) {
      round_run(from, (end - begin) * p.c, to + begin * channels);
    } else {  // in order: what spills over a pixel is written by the next one
      for (int64_t j = begin; j < end; ++j, from += p.c) round_run(from, p.c, to + j * channels);
    }
    zero(to + end * channels, p.cols - end);
  }
}

// ---- Direct convolution

// The sum over k runs along kh rows of kw * channels numbers, each in `pieces` of 2 * pairs.
struct DirectJob {
  const simd::DirectConv& d;
  int64_t channels = padded_channels(d.cg);
  int64_t run = d.kw * channels;
  int64_t pieces = ceil_div(run, kDepth), pairs = 0;
  int64_t strips_out = ceil_div(d.og, kSide);
  int64_t reach_h = (d.kh - 1) * d.dil_h + 1;
  int64_t cols_read = (d.ow - 1) * d.stride_w + d.kw;
  int64_t pitch = cols_read * channels;
  int64_t blocks = ceil_div(d.ow, kSide);         // of pixels in a row of the output
  int64_t block_pixels = ceil_div(d.ow, blocks);  // the last one overlaps its neighbour
  const uint16_t* weight = nullptr;               // layout kPairs: [strip of outputs][row p][piece]
  bool tiles = false;

  explicit DirectJob(const simd::DirectConv& conv) : d(conv) {
    while (run % (2 * pieces) != 0) ++pieces;  // run is even
    pairs = run / (2 * pieces);
  }
  int64_t strip_numbers() const { return d.kh * pieces * kBlockNumbers; }
};

bool fits_direct(const simd::DirectConv& d) {
  const int64_t blocks = ceil_div(d.ow, kSide);
  return d.groups == 1 && (d.dil_w == 1 || d.kw == 1) && !d.pool && d.ow >= 4 * blocks &&
         d.kw * d.cg >= 8 && d.og >= 8;
}

// One strip of outputs of the weight.
TINYTORCH_BF16_DOT void pack_direct_weight(const DirectJob& job, int64_t strip, uint16_t* to) {
  const simd::DirectConv& d = job.d;
  const int64_t o0 = strip * kSide, count = std::min(kSide, d.og - o0);
  HWY_ALIGN float low[kSide], high[kSide];
  for (int64_t p = 0; p < d.kh; ++p) {
    for (int64_t pair = 0; pair < job.run / 2; ++pair) {
      const int64_t q = 2 * pair / job.channels, c = 2 * pair % job.channels;
      const float* from = d.weight + p * d.w_p + q * d.w_q + c * d.w_c + o0 * d.w_o;
      for (int64_t o = 0; o < kSide; ++o) {
        low[o] = o < count && c < d.cg ? from[o * d.w_o] : 0;
        high[o] = o < count && c + 1 < d.cg ? from[o * d.w_o + d.w_c] : 0;
      }
      const int64_t block = p * job.pieces + pair / job.pairs;
      _mm512_storeu_si512(to + block * kBlockNumbers + pair % job.pairs * kDepth,
                          interleave(_mm512_load_ps(low), _mm512_load_ps(high)));
    }
  }
}

// Output rows [i0, i1) of image n.
void direct_band(const DirectJob& job, int64_t n, int64_t i0, int64_t i1) {
  const simd::DirectConv& d = job.d;
  const int64_t rows = (i1 - i0 - 1) * d.stride_h + job.reach_h;
  auto* band = scratch<uint16_t>(Scratch::kA, rows * job.pitch + kDepth);
  padded_round({d.x + n * d.h * d.w * d.cg, d.h, d.w, d.cg, d.top + i0 * d.stride_h, rows, d.left,
                job.cols_read},
               job.channels, band);
  HWY_ALIGN float sums[kPair * kTileStep];
  Factors f{};
  f.a_row = d.stride_w * job.channels, f.a_piece = 2 * job.pairs;
  f.a_segment = d.dil_h * job.pitch;
  f.b_strip = job.strip_numbers();
  f.segments = d.kh, f.pieces = job.pieces, f.rows = job.block_pixels, f.pairs = job.pairs;
  // The block of pixels number t of the band: its row and first column.
  const int64_t all = (i1 - i0) * job.blocks;
  const auto row_of = [&](int64_t t) { return t / job.blocks; };
  const auto column_of = [&](int64_t t) {
    return std::min(t % job.blocks * job.block_pixels, d.ow - job.block_pixels);
  };
  const auto window = [&](int64_t t) {
    return band + row_of(t) * d.stride_h * job.pitch + column_of(t) * d.stride_w * job.channels;
  };
  const auto activation = d.relu ? Activation::kRelu : Activation::kNone;
  if (job.tiles) take_tiles(f.rows, f.pairs);
  for (int64_t strip = 0; strip < job.strips_out; strip += 2) {
    const int64_t o = strip * kSide, outputs = std::min(kPair, d.og - o);
    f.b = job.weight + strip * f.b_strip;
    for (int64_t t = 0; t < all; t += 2) {
      const bool two = t + 1 < all;
      f.a = window(t);
      f.a_strip = two ? window(t + 1) - f.a : 0;
      multiply_fn(job.tiles, two, outputs > kSide)(f, sums);
      for (int64_t s = t; s < t + 1 + two; ++s) {
        float* y = d.y + n * d.y_image + (i0 + row_of(s)) * d.y_row + column_of(s) * d.y_pixel + o;
        gemm::finish_tile(sums + (s - t) * kSide * kTileStep, kTileStep, f.rows, outputs, y,
                          d.y_pixel, false, {d.bias ? d.bias + o : nullptr, nullptr, activation});
      }
    }
  }
  if (job.tiles) release_tiles();
}

void direct(const simd::DirectConv& d) {
  DirectJob job(d);
  job.tiles = bf16_unit() == Bf16Unit::kTiles;
  auto* weight = scratch<uint16_t>(Scratch::kB, job.strips_out * job.strip_numbers());
  job.weight = weight;
  parallel_tasks(
      job.strips_out, static_cast<double>(job.strips_out * d.kh * job.run) * 16,
      [&](int64_t strip) { pack_direct_weight(job, strip, weight + strip * job.strip_numbers()); });
  // Bands of rows of about 30 us, at most one image each.
  const double row_ns =
      static_cast<double>(job.blocks * d.kh * job.pieces * job.strips_out) * (job.tiles ? 12 : 80) +
      static_cast<double>(d.ow * d.og) * 0.1 + static_cast<double>(d.stride_h * job.pitch) * 0.1;
  const double image_ns = row_ns * static_cast<double>(d.oh);
  const int64_t bands =
      std::clamp<int64_t>(static_cast<int64_t>(image_ns / 30e3), 1, std::max<int64_t>(1, d.oh / 4));
  parallel_tasks(d.n * bands, image_ns * static_cast<double>(d.n), [&](int64_t task) {
    const int64_t band = task % bands;
    direct_band(job, task / bands, d.oh * band / bands, d.oh * (band + 1) / bands);
  });
}

// ---- The gradient with respect to the weight

struct WeightJob {
  const ConvGradWeightArgs<float>& args;
  const ConvGeometry& g = args.g;
  int64_t strips_in = ceil_div(g.c, kSide), strips_out = ceil_div(g.o, kSide);
  // Phase (e, f) of x holds rows e, e + stride_h, .. and columns f, f + stride_w, ..; all phases
  // have rows_x rows of pitch numbers, as many as their taps reach.
  int64_t phases_h = std::min(g.stride_h, g.kh), phases_w = std::min(g.stride_w, g.kw);
  int64_t rows_x = g.oh + (g.kh - 1) / g.stride_h, pitch = g.ow + (g.kw - 1) / g.stride_w;
  int64_t blocks = depth_blocks(g.oh * pitch);  // of pixels of one image, with padding
  // A shifted row of x is read past its end by less than this.
  int64_t channel = ceil_div(rows_x * pitch + pitch + 2 * kDepth, kDepth) * kDepth;
  int64_t phase = strips_in * kSide * channel, image = phases_h * phases_w * phase;
  int64_t at_once = std::clamp<int64_t>((256 << 10) / (image + blocks * kBlockNumbers * strips_out),
                                        1, g.n);  // images in L2
  int64_t slabs = std::min<int64_t>(g.n, 8);
  // [slab][tap][channel][output], then [slab][output] for the bias
  int64_t channels_in = strips_in * kSide, outputs = strips_out * kSide;
  int64_t slab_floats = (g.kh * g.kw * channels_in + 1) * outputs;
  float* sums = nullptr;
  bool tiles = false;
};

bool fits_weight(const ConvGradWeightArgs<float>& args) {
  const ConvGeometry& g = args.g;
  return g.groups == 1 && g.dil_h == 1 && g.dil_w == 1 && !args.pool_index && g.c >= 8 &&
         g.o >= 8 && g.ow >= 4;
}

// Image n of x, turned: [phase][channel][row * pitch + column].
TINYTORCH_BF16_DOT void turn_x(const WeightJob& job, int64_t n, uint16_t* to) {
  const ConvGeometry& g = job.g;
  std::memset(to, 0, static_cast<size_t>(job.image) * 2);
  const float* x = job.args.x + n * g.h * g.w * g.c;
  for (int64_t e = 0; e < job.phases_h; ++e)
    for (int64_t f = 0; f < job.phases_w; ++f, to += job.phase) {
      // Column j of the phase is column j * stride_w + f - pad_w of the image.
      const int64_t begin = std::max<int64_t>(0, ceil_div(g.pad_w - f, g.stride_w));
      const int64_t end = std::min(job.pitch, ceil_div(g.w + g.pad_w - f, g.stride_w));
      for (int64_t strip = 0; strip < job.strips_in; ++strip) {
        uint16_t* channels = to + strip * kSide * job.channel;
        for (int64_t i = 0; i < job.rows_x; ++i) {
          const int64_t row = i * g.stride_h + e - g.pad_h;
          if (row < 0 || row >= g.h || begin >= end) continue;
          const float* from = x + (row * g.w + begin * g.stride_w + f - g.pad_w) * g.c;
          const Source s{from + strip * kSide, 1, g.stride_w * g.c, g.c - strip * kSide,
                         end - begin};
          // In ascending order: zeros past a row's end are overwritten by the next row.
          for (int64_t j = 0; j < s.depth; j += kDepth)
            pack_block<Layout::kRows>(s, 0, j, channels + i * job.pitch + begin + j, job.channel);
        }
      }
    }
}

// Image n of dy to [strip of outputs, strip_step numbers apart][block of pixels], zero in the
// columns that only x has; adds its pixels to bias[output] when that is given.
TINYTORCH_BF16_DOT void pair_dy(const WeightJob& job, int64_t n, uint16_t* to, int64_t strip_step,
                                float* bias) {
  const ConvGeometry& g = job.g;
  const float* dy = job.args.dy + n * g.oh * g.ow * g.o;
  for (int64_t strip = 0; strip < job.strips_out; ++strip) {
    const __mmask16 mask = first(g.o - strip * kSide);
    __m512 total = _mm512_setzero_ps();
    uint16_t* out = to + strip * strip_step;
    int64_t i = 0, j = 0;
    const auto next = [&]() TINYTORCH_BF16_DOT {
      const bool inside = i < g.oh && j < g.ow;
      const float* from = dy + (inside ? (i * g.ow + j) * g.o + strip * kSide : 0);
      const __m512 v = _mm512_maskz_loadu_ps(inside ? mask : first(0), from);
      if (++j == job.pitch) j = 0, ++i;
      total = _mm512_add_ps(total, v);
      return v;
    };
    for (int64_t pair = 0; pair < job.blocks * kSide; ++pair, out += kDepth) {
      const __m512 low = next();
      const __m512 high = next();
      _mm512_storeu_si512(out, interleave(low, high));
    }
    if (bias)
      _mm512_storeu_ps(bias + strip * kSide,
                       _mm512_add_ps(_mm512_loadu_ps(bias + strip * kSide), total));
  }
}

void grad_weight_slab(const WeightJob& job, int64_t slab) {
  const ConvGeometry& g = job.g;
  float* sums = job.sums + slab * job.slab_floats;
  std::fill_n(sums, job.slab_floats, 0.0f);
  float* bias = job.args.dbias ? sums + g.kh * g.kw * job.channels_in * job.outputs : nullptr;
  const int64_t image_blocks = job.blocks * kBlockNumbers;
  auto* x = scratch<uint16_t>(Scratch::kA, job.at_once * job.image);
  auto* dy = scratch<uint16_t>(Scratch::kC, job.at_once * image_blocks * job.strips_out);
  const int64_t last = g.n * (slab + 1) / job.slabs;
  HWY_ALIGN float tile[kPair * kTileStep];
  for (int64_t n = g.n * slab / job.slabs; n < last; n += job.at_once) {
    const int64_t images = std::min(job.at_once, last - n);
    for (int64_t m = 0; m < images; ++m) {
      turn_x(job, n + m, x + m * job.image);
      pair_dy(job, n + m, dy + m * image_blocks, images * image_blocks, bias);
    }
    Factors f{};
    f.a_row = job.channel, f.a_piece = kDepth, f.a_segment = job.image;
    f.a_strip = kSide * job.channel;
    f.b_strip = images * image_blocks;
    f.segments = images, f.pieces = job.blocks;
    if (job.tiles) take_tiles(kSide, kSide);
    for (int64_t p = 0; p < g.kh; ++p)
      for (int64_t q = 0; q < g.kw; ++q) {
        const int64_t phase = p % g.stride_h * job.phases_w + q % g.stride_w;
        const uint16_t* shifted =
            x + phase * job.phase + p / g.stride_h * job.pitch + q / g.stride_w;
        float* tap = sums + (p * g.kw + q) * job.channels_in * job.outputs;
        for (int64_t in = 0; in < job.strips_in; in += 2)
          for (int64_t out = 0; out < job.strips_out; out += 2) {
            f.a = shifted + in * kSide * job.channel;
            f.b = dy + out * f.b_strip;
            const bool two_in = in + 1 < job.strips_in, two_out = out + 1 < job.strips_out;
            multiply_fn(job.tiles, two_in, two_out)(f, tile);
            gemm::finish_tile(tile, kTileStep, two_in ? kPair : kSide, two_out ? kPair : kSide,
                              tap + in * kSide * job.outputs + out * kSide, job.outputs, true,
                              {nullptr, nullptr, Activation::kNone});
          }
      }
    if (job.tiles) release_tiles();
  }
}

// dw[o][c][.][.] of one output: slabs in order.
void merge_output(const WeightJob& job, int64_t o) {
  const ConvGeometry& g = job.g;
  const int64_t taps = g.kh * g.kw;
  const auto total = [&](const float* s) {
    float sum = s[0];
    for (int64_t slab = 1; slab < job.slabs; ++slab) sum += s[slab * job.slab_floats];
    return sum;
  };
  for (int64_t c = 0; c < g.c; ++c)
    for (int64_t t = 0; t < taps; ++t) {
      float& dw = job.args.dw[(o * g.c + c) * taps + t];
      const float sum = total(job.sums + (t * job.channels_in + c) * job.outputs + o);
      dw = (job.args.accumulate ? dw : 0.0f) + sum;
    }
  if (!job.args.dbias) return;
  float& db = job.args.dbias[o];
  db = (job.args.accumulate ? db : 0.0f) +
       total(job.sums + taps * job.channels_in * job.outputs + o);
}

void grad_weight(const ConvGradWeightArgs<float>& args) {
  WeightJob job{args};
  job.tiles = bf16_unit() == Bf16Unit::kTiles;
  job.sums = scratch<float>(Scratch::kB, job.slabs * job.slab_floats);
  const ConvGeometry& g = args.g;
  const double ns =
      static_cast<double>(g.n * job.blocks * g.kh * g.kw * job.strips_in * job.strips_out) *
          (job.tiles ? 12 : 80) +
      static_cast<double>(g.n * (job.image + job.blocks * kBlockNumbers)) * 0.2;
  parallel_tasks(job.slabs, ns, [&](int64_t slab) { grad_weight_slab(job, slab); });
  parallel_rows(g.o, static_cast<double>(job.slabs * job.slab_floats) / static_cast<double>(g.o),
                [&](int64_t begin, int64_t end) {
                  for (int64_t o = begin; o < end; ++o) merge_output(job, o);
                });
}
#endif  // HWY_AVX3

}  // namespace tinytorch::kernels::HWY_NAMESPACE::bf16

namespace tinytorch::kernels::HWY_NAMESPACE {
bool bf16_direct_conv([[maybe_unused]] const simd::DirectConv& d) {
#if HWY_TARGET == HWY_AVX3
  if (bf16_unit() == Bf16Unit::kNone || !bf16::fits_direct(d)) return false;
  bf16::direct(d);
  return true;
#else
  return false;
#endif
}
bool bf16_grad_weight([[maybe_unused]] const ConvGradWeightArgs<float>& args) {
#if HWY_TARGET == HWY_AVX3
  if (bf16_unit() == Bf16Unit::kNone || !bf16::fits_weight(args)) return false;
  bf16::grad_weight(args);
  return true;
#else
  return false;
#endif
}
}  // namespace tinytorch::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tinytorch::kernels {
HWY_EXPORT(bf16_direct_conv);
HWY_EXPORT(bf16_grad_weight);

bool simd::direct_conv_bf16(const DirectConv& conv) {
  return TINYTORCH_DISPATCH(bf16_direct_conv)(conv);
}

void bf16::conv2d_grad_weight(const ConvGradWeightArgs<float>& args) {
  const ConvGeometry& g = args.g;
  if (g.n * g.oh * g.ow == 0 || !TINYTORCH_DISPATCH(bf16_grad_weight)(args))
    simd::conv2d_grad_weight(args);
}
}  // namespace tinytorch::kernels
#endif
