// The gradient of a convolution with respect to its weight, with operands rounded to bf16 and f32
// sums, channels last (formula: kernels/conv.h): for each tap (p, q) a matrix product of c x o
// whose k are the pixels. bf16 units take them in pairs (bf16-inl.h):
//   dots    A pair is a pixel of dy in rows 2t and 2t + 1, and what the tap multiplies them with,
//   in
//           two rows of x. Both images are interleaved so, channel by channel, with nothing to
//           transpose; a tap is another place to begin in the same copy, and what would be
//           multiplied with padding is left out. Before, dots did as tiles do: all convolutions of
//           a step of ResNet-20 took 51 ms on one thread, with this 45.
//   tiles   A pair is two neighbours in a row. x is turned to one row for each channel, so that a
//           tap is a shift along the row; dy has zeros where the rows of x have their padding. A
//           stride cuts x into its phases first.
// What does not fit (groups, dilation, few channels or columns, a CPU without bf16) is left to the
// f32 kernel.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tinytorch/kernels/simd/conv_grad_weight_bf16.cpp"
#include <algorithm>
#include <cstring>

#include "hwy/foreach_target.h"
#include "tinytorch/core/parallel.h"
#include "tinytorch/kernels/conv.h"
#include "tinytorch/kernels/rows.h"
#include "tinytorch/kernels/simd/bf16-inl.h"
#include "tinytorch/kernels/simd/bf16.h"
#include "tinytorch/kernels/simd/isa.h"
#include "tinytorch/kernels/simd/matmul-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tinytorch::kernels::HWY_NAMESPACE::bf16 {

#if HWY_TARGET == HWY_AVX3
namespace {

// The sums of both units: images are cut into slabs, whose sums are added in order.
struct WeightJob {
  const ConvGradWeightArgs<float>& args;
  const ConvGeometry& g = args.g;
  int64_t taps = g.kh * g.kw;
  int64_t strips_in = ceil_div(g.c, kSide), strips_out = ceil_div(g.o, kSide);
  int64_t channels_in = strips_in * kSide, outputs = strips_out * kSide;
  int64_t slabs = std::min<int64_t>(g.n, 8);
  // [slab][tap][channel][output], then [slab][output] for the bias
  int64_t slab_floats = (taps * channels_in + 1) * outputs;
  float* sums = nullptr;

  int64_t first_image(int64_t slab) const { return g.n * slab / slabs; }
  float* slab_sums(int64_t slab) const { return sums + slab * slab_floats; }
  float* slab_bias(int64_t slab) const {
    return args.dbias ? slab_sums(slab) + taps * channels_in * outputs : nullptr;
  }
};

bool fits_weight(const ConvGradWeightArgs<float>& args) {
  const ConvGeometry& g = args.g;
  return g.groups == 1 && g.dil_h == 1 && g.dil_w == 1 && !args.pool_index && g.c >= 8 &&
         g.o >= 8 && g.ow >= 4;
}

// ---- Dots

struct DotsJob : WeightJob {
  int64_t x_floats = g.h * g.w * g.c, dy_floats = g.oh * g.ow * g.o;  // of an image
  int64_t x_pixel = 2 * channels_in, x_row = g.w * x_pixel;           // of pairs
  int64_t dy_pixel = 2 * outputs, dy_row = g.ow * dy_pixel;
  // A band: this many rows of pairs of dy, with all rows of pairs of x that they meet. As many
  // images, or rows of one, as the second-level cache holds.
  static constexpr int64_t kNearNumbers = 128 << 10;
  int64_t rows_dy =
      std::clamp<int64_t>(kNearNumbers / (dy_row + 2 * g.stride_h * x_row), 1, ceil_div(g.oh, 2));
  int64_t rows_x = (rows_dy - 1) * 2 * g.stride_h + g.kh;
  int64_t x_band = rows_x * x_row, dy_band = rows_dy * dy_row;
  int64_t bands = ceil_div(ceil_div(g.oh, 2), rows_dy);  // of an image
  int64_t images = bands > 1 ? 1 : std::clamp<int64_t>(kNearNumbers / (x_band + dy_band), 1, g.n);

  int64_t tiles = ceil_div(g.c, most_rows(strips_out > 1)) * ceil_div(strips_out, 2);  // of a tap

  bool reads_row(int64_t r) const {  // whether some tap multiplies row r of a band of x
    return r - std::min(r / (2 * g.stride_h), rows_dy - 1) * 2 * g.stride_h < g.kh;
  }
};

// The pairs of rows `row` and `row + step` of an image: to[pixel][channel], channels padded with
// zeros; what lies outside is zero.
TINYTORCH_BF16_DOT void pair_rows(const float* image, int64_t h, int64_t w, int64_t c, int64_t row,
                                  int64_t step, int64_t padded, uint16_t* to) {
  const bool low = row >= 0 && row < h, high = row + step >= 0 && row + step < h;
  const float* from = image + row * w * c;
  if (c == padded) w *= c / kSide, c = padded = kSide;  // one long row of vectors
  const int64_t further = step * w * c;
  for (int64_t j = 0; j < w; ++j, from += c)
    for (int64_t u = 0; u < padded; u += kSide, to += kDepth) {
      const __mmask16 mask = first(c - u);
      _mm512_storeu_si512(
          to, interleave(_mm512_maskz_loadu_ps(low ? mask : first(0), from + u),
                         _mm512_maskz_loadu_ps(high ? mask : first(0), from + u + further)));
    }
}

// Adds the pixels of an image of dy to bias[output].
TINYTORCH_BF16_DOT void add_pixels(const float* dy, int64_t pixels, int64_t o, float* bias) {
  for (int64_t u = 0; u < o; u += kSide) {
    const __mmask16 mask = first(o - u);
    __m512 sum = _mm512_setzero_ps();
    for (int64_t t = 0; t < pixels; ++t)
      sum = _mm512_add_ps(sum, _mm512_maskz_loadu_ps(mask, dy + t * o + u));
    _mm512_storeu_ps(bias + u, _mm512_add_ps(_mm512_loadu_ps(bias + u), sum));
  }
}

// Outputs [begin, end) of an axis for which tap - pad + i * stride lies in [0, size).
void clip(int64_t outputs, int64_t stride, int64_t tap, int64_t pad, int64_t size, int64_t& begin,
          int64_t& end) {
  begin = std::clamp<int64_t>(ceil_div(std::max<int64_t>(0, pad - tap), stride), 0, outputs);
  end =
      std::clamp<int64_t>(ceil_div(std::max<int64_t>(0, size + pad - tap), stride), begin, outputs);
}

// Rounds band number `band` of image n. Row r of x: rows r - pad_h and a stride further of the
// image, from the band's first one on.
void pair_band(const DotsJob& job, int64_t n, int64_t band, uint16_t* x, uint16_t* dy) {
  const ConvGeometry& g = job.g;
  const int64_t first_row = 2 * band * job.rows_dy;
  for (int64_t r = 0; r < job.rows_x; ++r)
    if (job.reads_row(r))
      pair_rows(job.args.x + n * job.x_floats, g.h, g.w, g.c, first_row * g.stride_h - g.pad_h + r,
                g.stride_h, job.channels_in, x + r * job.x_row);
  for (int64_t r = 0; r < job.rows_dy; ++r)
    pair_rows(job.args.dy + n * job.dy_floats, g.oh, g.ow, g.o, first_row + 2 * r, 1, job.outputs,
              dy + r * job.dy_row);
}

// Adds to the sums of all taps what band number `band` of `images` images contributes.
void add_band(const DotsJob& job, int64_t images, int64_t band, const uint16_t* x,
              const uint16_t* dy, Ahead& ahead, float* sums) {
  const ConvGeometry& g = job.g;
  Factors f{};
  f.a_pair = g.stride_w * job.x_pixel, f.a_piece = 2 * g.stride_h * job.x_row;
  f.b_pair = job.dy_pixel, f.b_piece = job.dy_row, f.b_strip = kDepth;
  f.a_segment = job.x_band, f.b_segment = job.dy_band;
  f.segments = images, f.rows = g.c, f.c_step = job.outputs;
  f.add = true, f.ahead = &ahead;
  const int64_t first_row = 2 * band * job.rows_dy;
  const int64_t rows = std::min(2 * job.rows_dy, g.oh - first_row);
  for (int64_t p = 0; p < g.kh; ++p)
    for (int64_t q = 0; q < g.kw; ++q) {
      int64_t i0 = 0, i1 = 0, j0 = 0, j1 = 0;
      clip(rows, g.stride_h, first_row * g.stride_h + p, g.pad_h, g.h, i0, i1);
      clip(g.ow, g.stride_w, q, g.pad_w, g.w, j0, j1);
      if (i0 == i1 || j0 == j1) continue;
      const int64_t t0 = i0 / 2;
      f.pieces = ceil_div(i1, 2) - t0, f.pairs = j1 - j0;
      f.a =
          x + (2 * t0 * g.stride_h + p) * job.x_row + (j0 * g.stride_w + q - g.pad_w) * job.x_pixel;
      f.b = dy + t0 * job.dy_row + j0 * job.dy_pixel;
      float* tap = sums + (p * g.kw + q) * job.channels_in * job.outputs;
      for (int64_t out = 0; out < job.strips_out; out += 2, f.b += 2 * kDepth, tap += kPair)
        dots_fn<Layout::kPairs>(false, out + 1 < job.strips_out)(f, tap);
    }
}

void dots_slab(const DotsJob& job, int64_t slab) {
  const ConvGeometry& g = job.g;
  auto* x = scratch<uint16_t>(Scratch::kA, job.images * job.x_band);
  auto* dy = scratch<uint16_t>(Scratch::kC, job.images * job.dy_band);
  const int64_t last = job.first_image(slab + 1);
  for (int64_t n = job.first_image(slab); n < last; n += job.images) {
    const int64_t images = std::min(job.images, last - n), next = n + images;
    const int64_t then = std::min(job.images, g.n - next);
    Ahead ahead(job.args.x + next * job.x_floats, then * job.x_floats,
                job.args.dy + next * job.dy_floats, then * job.dy_floats,
                images * job.bands * job.rows_dy * job.taps * job.tiles);
    for (int64_t band = 0; band < job.bands; ++band) {
      for (int64_t m = 0; m < images; ++m)
        pair_band(job, n + m, band, x + m * job.x_band, dy + m * job.dy_band);
      add_band(job, images, band, x, dy, ahead, job.slab_sums(slab));
    }
    if (!job.args.dbias) continue;
    for (int64_t m = 0; m < images; ++m)
      add_pixels(job.args.dy + (n + m) * job.dy_floats, g.oh * g.ow, g.o, job.slab_bias(slab));
  }
}

// ---- Tiles

struct TilesJob : WeightJob {
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
};

// Image n of x, turned: [phase][channel][row * pitch + column].
TINYTORCH_BF16_DOT void turn_x(const TilesJob& job, int64_t n, uint16_t* to) {
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
TINYTORCH_BF16_DOT void pair_dy(const TilesJob& job, int64_t n, uint16_t* to, int64_t strip_step,
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

// Adds the product that `f` describes but for its strips to the sums of one tap, 32 x 32 at a time.
void add_tap(const TilesJob& job, Factors f, float* tap) {
  HWY_ALIGN float tile[kPair * kTileStep];
  const uint16_t *a = f.a, *b = f.b;
  for (int64_t in = 0; in < job.strips_in; in += 2)
    for (int64_t out = 0; out < job.strips_out; out += 2) {
      f.a = a + in * f.a_strip;
      f.b = b + out * f.b_strip;
      const bool two_in = in + 1 < job.strips_in, two_out = out + 1 < job.strips_out;
      multiply_fn(true, two_in, two_out)(f, tile);
      gemm::finish_tile(tile, kTileStep, two_in ? kPair : kSide, two_out ? kPair : kSide,
                        tap + in * kSide * job.outputs + out * kSide, job.outputs, true,
                        {nullptr, nullptr, Activation::kNone});
    }
}

void tiles_slab(const TilesJob& job, int64_t slab) {
  const ConvGeometry& g = job.g;
  float *sums = job.slab_sums(slab), *bias = job.slab_bias(slab);
  const int64_t image_blocks = job.blocks * kBlockNumbers;
  auto* x = scratch<uint16_t>(Scratch::kA, job.at_once * job.image);
  auto* dy = scratch<uint16_t>(Scratch::kC, job.at_once * image_blocks * job.strips_out);
  const int64_t last = job.first_image(slab + 1);
  take_tiles(kSide, kSide);
  for (int64_t n = job.first_image(slab); n < last; n += job.at_once) {
    const int64_t images = std::min(job.at_once, last - n);
    for (int64_t m = 0; m < images; ++m) {
      turn_x(job, n + m, x + m * job.image);
      pair_dy(job, n + m, dy + m * image_blocks, images * image_blocks, bias);
    }
    Factors f{};
    f.a_row = job.channel, f.a_piece = kDepth, f.a_segment = job.image;
    f.a_strip = kSide * job.channel;
    f.b = dy, f.b_segment = image_blocks, f.b_strip = images * image_blocks;
    f.segments = images, f.pieces = job.blocks;
    for (int64_t p = 0; p < g.kh; ++p)
      for (int64_t q = 0; q < g.kw; ++q) {
        const int64_t phase = p % g.stride_h * job.phases_w + q % g.stride_w;
        f.a = x + phase * job.phase + p / g.stride_h * job.pitch + q / g.stride_w;
        add_tap(job, f, sums + (p * g.kw + q) * job.channels_in * job.outputs);
      }
  }
  release_tiles();
}

// ---- Both

// dw[.][c][.][.] of one input channel: slabs added in order, then to OIHW.
TINYTORCH_BF16_DOT void merge_channel(const WeightJob& job, int64_t c) {
  const int64_t width = job.outputs;
  float* total = scratch<float>(Scratch::kA, job.taps * width);
  for (int64_t t = 0; t < job.taps; ++t)
    for (int64_t o = 0; o < width; o += kSide) {
      const float* s = job.sums + (t * job.channels_in + c) * width + o;
      __m512 sum = _mm512_loadu_ps(s);
      for (int64_t slab = 1; slab < job.slabs; ++slab)
        sum = _mm512_add_ps(sum, _mm512_loadu_ps(s + slab * job.slab_floats));
      _mm512_storeu_ps(total + t * width + o, sum);
    }
  for (int64_t o = 0; o < job.g.o; ++o) {
    float* dw = job.args.dw + (o * job.g.c + c) * job.taps;
    for (int64_t t = 0; t < job.taps; ++t)
      dw[t] = (job.args.accumulate ? dw[t] : 0.0f) + total[t * width + o];
  }
}

void merge_bias(const WeightJob& job) {
  for (int64_t o = 0; o < job.g.o; ++o) {
    float sum = job.slab_bias(0)[o];
    for (int64_t slab = 1; slab < job.slabs; ++slab) sum += job.slab_bias(slab)[o];
    float& db = job.args.dbias[o];
    db = (job.args.accumulate ? db : 0.0f) + sum;
  }
}

// product_ns: of 16 x 16 sums along 32 pixels; round_ns: of all that is rounded.
template <class Job, class Slab>
void grad_weight(Job job, double product_ns, double round_ns, const Slab& slab_sums) {
  const ConvGeometry& g = job.g;
  job.sums = scratch<float>(Scratch::kB, job.slabs * job.slab_floats);
  const double products = static_cast<double>(g.n * ceil_div(g.oh * g.ow, kDepth) * job.taps *
                                              job.strips_in * job.strips_out);
  parallel_tasks(job.slabs, products * product_ns + round_ns, [&](int64_t slab) {
    std::fill_n(job.slab_sums(slab), job.slab_floats, 0.0f);
    slab_sums(job, slab);
  });
  parallel_rows(g.c,
                0.3 * static_cast<double>(job.slabs * job.slab_floats) / static_cast<double>(g.c),
                [&](int64_t begin, int64_t end) {
                  for (int64_t c = begin; c < end; ++c) merge_channel(job, c);
                });
  if (job.args.dbias) merge_bias(job);
}

void grad_weight(const ConvGradWeightArgs<float>& args) {
  const auto n = static_cast<double>(args.g.n);
  if (bf16_unit() == Bf16Unit::kTiles) {
    const TilesJob job{{args}};
    grad_weight(job, 12, 0.2 * n * static_cast<double>(job.image + job.blocks * kBlockNumbers),
                tiles_slab);
  } else {
    const DotsJob job{{args}};
    grad_weight(job, 40, 0.05 * n * static_cast<double>(job.bands * (job.x_band + job.dy_band)),
                dots_slab);
  }
}

}  // namespace
#endif  // HWY_AVX3

}  // namespace tinytorch::kernels::HWY_NAMESPACE::bf16

namespace tinytorch::kernels::HWY_NAMESPACE {
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
HWY_EXPORT(bf16_grad_weight);

void bf16::conv2d_grad_weight(const ConvGradWeightArgs<float>& args) {
  const ConvGeometry& g = args.g;
  if (g.n * g.oh * g.ow == 0 || !TINYTORCH_DISPATCH(bf16_grad_weight)(args))
    simd::conv2d_grad_weight(args);
}
}  // namespace tinytorch::kernels
#endif
