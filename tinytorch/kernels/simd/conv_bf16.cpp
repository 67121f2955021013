// Convolutions with operands rounded to bf16 and f32 sums, channels last (formula: direct_conv.h):
// the loops of the bf16 matrix product (bf16-inl.h) over images that are rounded once. A tile's
// rows are the windows of neighbouring pixels, read where they overlap in a band of the image; the
// weight is packed to pairs along k = (p, q, c).
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

// Channels as they are stored in bf16: pairs, and from 16 on whole tiles.
int64_t padded_channels(int64_t c) {
  return c < kSide ? ceil_div(c, 2) * 2 : ceil_div(c, kSide) * kSide;
}

// to[i] = bf16(from[i]) for n numbers. Writes up to 31 numbers more.
TINYTORCH_BF16_DOT HWY_INLINE void round_run(const float* from, int64_t n, uint16_t* to) {
  int64_t i = 0;
  for (; i + kDepth <= n; i += kDepth)
    _mm512_storeu_si512(to + i, (__m512i)_mm512_cvtne2ps_pbh(_mm512_loadu_ps(from + i + 16),
                                                             _mm512_loadu_ps(from + i)));
  if (i < n) {
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

// The sum over k runs along kh rows of kw * channels numbers, each in `pieces` of 2 * pairs: one
// for dots, as many as tiles need.
struct DirectJob {
  const simd::DirectConv& d;
  int64_t channels = padded_channels(d.cg);
  int64_t run = d.kw * channels;
  bool tiles = bf16_unit() == Bf16Unit::kTiles;
  int64_t pieces = tiles ? ceil_div(run, kDepth) : 1, pairs = 0;
  int64_t strips_out = ceil_div(d.og, kSide);
  int64_t cols_read = (d.ow - 1) * d.stride_w + d.kw;
  int64_t pitch = cols_read * channels;
  int64_t blocks = ceil_div(d.ow, kSide);         // of pixels in a row of the output
  int64_t block_pixels = ceil_div(d.ow, blocks);  // the last one overlaps its neighbour
  const uint16_t* weight = nullptr;               // layout kPairs: [strip of outputs][row p][piece]

  explicit DirectJob(const simd::DirectConv& conv) : d(conv) {
    while (run % (2 * pieces) != 0) ++pieces;  // run is even
    pairs = run / (2 * pieces);
  }
  int64_t piece_numbers() const { return pairs * kDepth; }
  int64_t strip_numbers() const { return d.kh * pieces * piece_numbers(); }
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
      _mm512_storeu_si512(to + block * job.piece_numbers() + pair % job.pairs * kDepth,
                          interleave(_mm512_load_ps(low), _mm512_load_ps(high)));
    }
  }
}

// Output rows [i0, i1) of image n. Rows of padding are left out and sums that need nothing more go
// to their place at once: together worth 8 %. Columns of padding are multiplied with, which costs
// 2 % at 32 columns and 8 % at 8.
void direct_band(const DirectJob& job, int64_t n, int64_t i0, int64_t i1) {
  const simd::DirectConv& d = job.d;
  // The rows of the image that row i reads, by the taps [first, last).
  struct Rows {
    int64_t row, first, last;
  };
  const auto rows_of = [&](int64_t i) {
    const int64_t row = d.top + i * d.stride_h;
    const int64_t taps = ceil_div(std::max<int64_t>(0, d.h - row), d.dil_h);
    const int64_t last = std::min(d.kh, taps);
    return Rows{row, std::min(last, ceil_div(std::max<int64_t>(0, -row), d.dil_h)), last};
  };
  const int64_t begin = std::clamp<int64_t>(d.top + i0 * d.stride_h, 0, d.h);
  const int64_t end =
      std::clamp<int64_t>(d.top + (i1 - 1) * d.stride_h + (d.kh - 1) * d.dil_h + 1, begin, d.h);
  auto* band = scratch<uint16_t>(Scratch::kA, (end - begin) * job.pitch + kDepth);
  padded_round(
      {d.x + n * d.h * d.w * d.cg, d.h, d.w, d.cg, begin, end - begin, d.left, job.cols_read},
      job.channels, band);
  HWY_ALIGN float sums[kPair * kTileStep];
  Factors f{};
  f.a_row = d.stride_w * job.channels, f.a_piece = 2 * job.pairs;
  f.a_segment = d.dil_h * job.pitch;
  f.b_strip = job.strip_numbers(), f.b_piece = job.piece_numbers();
  f.b_segment = job.pieces * f.b_piece;
  f.pieces = job.pieces, f.rows = job.block_pixels, f.pairs = job.pairs;
  const int64_t all = (i1 - i0) * job.blocks;
  const int64_t next = n * d.h + end, then = std::min(end - begin, d.n * d.h - next);  // rows
  Ahead ahead(d.x + next * d.w * d.cg, then * d.w * d.cg, nullptr, 0,
              all * d.kh * job.pieces * job.strips_out);
  f.ahead = &ahead;
  // The block of pixels number t of the band: its row and first column.
  const auto row_of = [&](int64_t t) { return i0 + t / job.blocks; };
  const auto column_of = [&](int64_t t) {
    return std::min(t % job.blocks * job.block_pixels, d.ow - job.block_pixels);
  };
  const auto window = [&](int64_t t, const Rows& rows) {
    return band + (rows.row + rows.first * d.dil_h - begin) * job.pitch +
           column_of(t) * d.stride_w * job.channels;
  };
  const auto activation = d.relu ? Activation::kRelu : Activation::kNone;
  if (job.tiles) take_tiles(f.rows, f.pairs);
  for (int64_t strip = 0; strip < job.strips_out; strip += 2) {
    const int64_t o = strip * kSide, outputs = std::min(kPair, d.og - o);
    const bool as_they_are = !job.tiles && !d.bias && !d.relu && outputs % kSide == 0;
    f.c_step = as_they_are ? d.y_pixel : kTileStep;
    for (int64_t t = 0, blocks = 1; t < all; t += blocks) {
      const Rows rows = rows_of(row_of(t)), next = rows_of(row_of(std::min(t + 1, all - 1)));
      const auto y_of = [&](int64_t block) {
        return d.y + n * d.y_image + row_of(block) * d.y_row + column_of(block) * d.y_pixel + o;
      };
      f.segments = rows.last - rows.first;
      f.a = window(t, rows);
      f.b = job.weight + strip * f.b_strip + rows.first * f.b_segment;
      if (as_they_are) {
        multiply_fn(false, false, outputs > kSide)(f, y_of(t));
        continue;
      }
      const bool two = t + 1 < all && rows.first == next.first && rows.last == next.last;
      f.a_strip = two ? window(t + 1, next) - f.a : 0;
      multiply_fn(job.tiles, two, outputs > kSide)(f, sums);
      blocks = 1 + two;
      for (int64_t s = t; s < t + blocks; ++s)
        gemm::finish_tile(sums + (s - t) * kSide * kTileStep, kTileStep, f.rows, outputs, y_of(s),
                          d.y_pixel, false, {d.bias ? d.bias + o : nullptr, nullptr, activation});
    }
  }
  if (job.tiles) release_tiles();
}

void direct(const simd::DirectConv& d) {
  DirectJob job(d);
  auto* weight = scratch<uint16_t>(Scratch::kB, job.strips_out * job.strip_numbers());
  job.weight = weight;
  parallel_tasks(
      job.strips_out, static_cast<double>(job.strips_out * d.kh * job.run) * 16,
      [&](int64_t strip) { pack_direct_weight(job, strip, weight + strip * job.strip_numbers()); });
  // Bands of rows of about 30 us, at most one image each.
  const double row_ns =
      static_cast<double>(job.blocks * d.kh * depth_blocks(job.run) * job.strips_out) *
          (job.tiles ? 12 : 40) +
      static_cast<double>(d.ow * d.og) * 0.1 + static_cast<double>(d.stride_h * job.pitch) * 0.1;
  const double image_ns = row_ns * static_cast<double>(d.oh);
  const int64_t bands =
      std::clamp<int64_t>(static_cast<int64_t>(image_ns / 30e3), 1, std::max<int64_t>(1, d.oh / 4));
  parallel_tasks(d.n * bands, image_ns * static_cast<double>(d.n), [&](int64_t task) {
    const int64_t band = task % bands;
    direct_band(job, task / bands, d.oh * band / bands, d.oh * (band + 1) / bands);
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
}  // namespace tinytorch::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tinytorch::kernels {
HWY_EXPORT(bf16_direct_conv);

bool simd::direct_conv_bf16(const DirectConv& conv) {
  return TINYTORCH_DISPATCH(bf16_direct_conv)(conv);
}
}  // namespace tinytorch::kernels
#endif
