// Winograd's minimal filtering F(4x4, 3x3): convolution with a 3x3 kernel, and its gradients, with
// a quarter of the multiplications (Lavin and Gray, Fast Algorithms for Convolutional Neural
// Networks, 2016, whose matrices A, B and G these are; derivation: Winograd 1980).
//
// An image is cut into tiles of 4x4 outputs. The 6x6 inputs of a tile, d, and the kernel, g, stand
// for polynomials; both are evaluated at 36 points, multiplied there, and the 4x4 outputs follow:
//
//   y  = A^T [ sum over c of (G g G^T) * (B^T d B) ] A          * : point by point
//   dg = G^T [ sum over tiles of (A dy A^T) * (B^T d B) ] G     the same lines, transposed
//
// At each point the sum is a matrix product, (tiles x c)(c x o) forward and (c x tiles)(tiles x o)
// for the kernel's gradient, by the micro-kernel of matmul.cpp. The values at the points are up
// to 100 times as large as the result (A^T has an 8), and their rounding errors with them: against
// double precision the error is five times that of the direct sum, 1e-6 of the result (root mean
// squares; the largest single one ten times). So it is never the default.
//
// Order of every sum: fixed by the shape alone, the same for all instruction sets and threads.
#include <algorithm>

#include "tinytorch/core/parallel.h"
#include "tinytorch/kernels/conv.h"
#include "tinytorch/kernels/rows.h"
#include "tinytorch/kernels/simd/direct_conv.h"
#include "tinytorch/kernels/simd/isa.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tinytorch/kernels/simd/winograd.cpp"
#include "hwy/foreach_target.h"
#include "tinytorch/kernels/simd/matmul-inl.h"

#ifndef TINYTORCH_WINOGRAD_ONCE
#define TINYTORCH_WINOGRAD_ONCE
namespace tinytorch::kernels::simd {

constexpr int64_t kPoints = 36;
constexpr int64_t kStep = 4;  // outputs of a tile along each axis

// What the tiles are cut from: pixel (i, j) is data + (i * w + j) * c, zero outside of the image.
struct Images {
  const float* data;
  int64_t h, w, c;
};

// How n images of oh x ow outputs fall into tiles. A block is what one thread carries through all
// steps while it lies in its cache.
struct Tiling {
  int64_t n, oh, ow;
  int64_t rows = (oh + kStep - 1) / kStep, cols = (ow + kStep - 1) / kStep;
  int64_t tile_rows = n * rows;  // of all images
  int64_t block_rows = 1, blocks = tile_rows;
  // Rows of tiles of a block: some 64 K floats at all points, `channels` for each tile.
  void cut(int64_t channels) {
    const int64_t tiles = std::max<int64_t>(1, (64 << 10) / (kPoints * channels));
    block_rows = std::clamp<int64_t>(tiles / cols, 1, tile_rows);
    blocks = (tile_rows + block_rows - 1) / block_rows;
  }
  int64_t begin(int64_t block) const { return tile_rows * block / blocks; }
  int64_t block_tiles() const { return (tile_rows / blocks + 1) * cols; }  // at most
};

}  // namespace tinytorch::kernels::simd
#endif

HWY_BEFORE_NAMESPACE();
namespace tinytorch::kernels::HWY_NAMESPACE::winograd {

using simd::Images;
using simd::kPoints;
using simd::kStep;
using simd::Tiling;
using F = Vec<float>;
constexpr int64_t kLanes = F::kLanes;

// ---- The matrices, each applied to one column or row. The points are 0, 1, -1, 2, -2, infinity.

// B^T d
HWY_INLINE void to_points(const F (&d)[6], F (&u)[6]) {
  const F four = 4, five = 5, two = 2;
  const F even = fma(-four, d[2], d[4]), odd = fma(-four, d[1], d[3]);
  const F even2 = d[4] - d[2], odd2 = d[3] - d[1];
  u[0] = fma(four, d[0], fma(-five, d[2], d[4]));
  u[1] = even + odd;
  u[2] = even - odd;
  u[3] = fma(two, odd2, even2);
  u[4] = fma(-two, odd2, even2);
  u[5] = fma(four, d[1], fma(-five, d[3], d[5]));
}
// A y
HWY_INLINE void to_points(const F (&y)[4], F (&u)[6]) {
  const F even = y[0] + y[2], odd = y[1] + y[3];
  const F even2 = fma(F(4), y[2], y[0]), odd2 = fma(F(4), y[3], y[1]);
  u[0] = y[0];
  u[1] = even + odd;
  u[2] = even - odd;
  u[3] = fma(F(2), odd2, even2);
  u[4] = fma(F(-2), odd2, even2);
  u[5] = y[3];
}
// G g
HWY_INLINE void to_points(const F (&g)[3], F (&u)[6]) {
  const F sixth = -1.0f / 6, ends = g[0] + g[2];
  const F even2 = fma(F(1.0f / 6), g[2], g[0] * F(1.0f / 24)), odd2 = g[1] * F(1.0f / 12);
  u[0] = g[0] * F(0.25f);
  u[1] = (ends + g[1]) * sixth;
  u[2] = (ends - g[1]) * sixth;
  u[3] = even2 + odd2;
  u[4] = even2 - odd2;
  u[5] = g[2];
}
// A^T u
HWY_INLINE void from_points(const F (&u)[6], F (&y)[4]) {
  const F even = u[1] + u[2], odd = u[1] - u[2], even2 = u[3] + u[4], odd2 = u[3] - u[4];
  y[0] = u[0] + even + even2;
  y[1] = fma(F(2), odd2, odd);
  y[2] = fma(F(4), even2, even);
  y[3] = fma(F(8), odd2, odd) + u[5];
}
// G^T u
HWY_INLINE void from_points(const F (&u)[6], F (&g)[3]) {
  const F even = u[1] + u[2], odd = u[1] - u[2], even2 = u[3] + u[4], odd2 = u[3] - u[4];
  const F sixth = 1.0f / 6;
  g[0] = fma(F(0.25f), u[0], fma(F(1.0f / 24), even2, even * -sixth));
  g[1] = fma(F(1.0f / 12), odd2, odd * -sixth);
  g[2] = fma(sixth, even2 - even, u[5]);
}

// ---- From images to points and back

// One row of `tiles` tiles of kSize x kSize pixels, four apart, from pixel (top, left) on:
//   to[point * point_step + tile * c + channel] = (M d M^T)[point], M = B^T (kSize 6) or A (4)
// Columns of pixels go first: those that two tiles share are transformed once.
template <int kSize>
void tiles_to_points(const Images& image, int64_t top, int64_t left, int64_t tiles, float* to,
                     int64_t point_step) {
  const int64_t pixels = kStep * (tiles - 1) + kSize;
  float* columns = scratch<float>(Scratch::kD, pixels * 6 * kLanes);
  const int64_t first = std::clamp<int64_t>(-left, 0, pixels);
  const int64_t last = std::clamp<int64_t>(image.w - left, first, pixels);
  std::fill_n(columns, first * 6 * kLanes, 0.0f);
  std::fill(columns + last * 6 * kLanes, columns + pixels * 6 * kLanes, 0.0f);
  HWY_ALIGN static constexpr float kZeros[kLanes] = {};
  for (int64_t c = 0; c < image.c; c += kLanes) {
    // Of each row the next pixel, and the step to the one after it.
    const float* at[kSize];
    int64_t step[kSize];
    for (int i = 0; i < kSize; ++i) {
      const bool inside = top + i >= 0 && top + i < image.h;
      at[i] = inside ? image.data + ((top + i) * image.w + left + first) * image.c + c : kZeros;
      step[i] = inside ? image.c : 0;
    }
    float* to_column = columns + first * 6 * kLanes;
    for (int64_t j = first; j < last; ++j, to_column += 6 * kLanes) {
      F d[kSize], u[6];
      for (int i = 0; i < kSize; ++i) {
        d[i] = F::load(at[i]);
        at[i] += step[i];
      }
      to_points(d, u);
      for (int p = 0; p < 6; ++p) u[p].store(to_column + p * kLanes);
    }
    for (int64_t t = 0; t < tiles; ++t) {
      const float* from = columns + t * kStep * 6 * kLanes;
      float* out = to + t * image.c + c;
      for (int p = 0; p < 6; ++p) {
        F d[kSize], u[6];
        for (int j = 0; j < kSize; ++j) d[j] = F::load(from + (j * 6 + p) * kLanes);
        to_points(d, u);
        for (int q = 0; q < 6; ++q) u[q].store(out + (p * 6 + q) * point_step);
      }
    }
  }
}

// Where a row of tiles is written: `rows` x `cols` pixels of c channels from y on.
struct Outputs {
  float* y;
  int64_t rows, cols, y_row, y_pixel, c;
  const float* bias;
  bool relu;
};
// y = A^T m A + bias for one row of tiles; m as tiles_to_points() lays it out.
void points_to_tiles(const Outputs& out, int64_t tiles, const float* m, int64_t point_step) {
  for (int64_t t = 0; t < tiles; ++t) {
    const int64_t cols = std::min(kStep, out.cols - t * kStep);
    for (int64_t c = 0; c < out.c; c += kLanes) {
      const float* from = m + t * out.c + c;
      F half[4][6];
      for (int q = 0; q < 6; ++q) {
        F u[6], y[4];
        for (int p = 0; p < 6; ++p) u[p] = F::load(from + (p * 6 + q) * point_step);
        from_points(u, y);
        for (int i = 0; i < 4; ++i) half[i][q] = y[i];
      }
      const F bias = out.bias ? F::load(out.bias + c) : F(0);
      float* to = out.y + t * kStep * out.y_pixel + c;
      for (int64_t i = 0; i < std::min(kStep, out.rows); ++i) {
        F y[4];
        from_points(half[i], y);
        for (int64_t j = 0; j < cols; ++j) {
          const F v = y[j] + bias;
          (out.relu ? F(gemm::relu(v.v)) : v).store(to + i * out.y_row + j * out.y_pixel);
        }
      }
    }
  }
}

// c[point] = a[point] b[point] (add: +=) at all points, `m` x `k` times `k` x `n`, row-major, or
// with a as its transpose. n is a multiple of the lanes.
void multiply(int64_t m, int64_t k, int64_t n, const float* a, int64_t a_point, bool transposed,
              const float* b, int64_t b_point, float* c, int64_t c_point, bool add) {
  const int64_t tiles = (m + gemm::kRows - 1) / gemm::kRows;
  for (int64_t point = 0; point < kPoints; ++point, a += a_point, b += b_point, c += c_point) {
    for (int64_t j = 0; j < n; j += gemm::kCols) {
      const int64_t vecs = n - j > kLanes ? 2 : 1;
      for (int64_t t = 0; t < tiles; ++t) {
        const int64_t i = m * t / tiles, rows = m * (t + 1) / tiles - i;
        const float* left = transposed ? a + i : a + i * k;
        float* to = c + i * n + j;
        gemm::tile_fn(rows, vecs, !transposed)({.kc = k,
                                                .a = left,
                                                .a_step = transposed ? m : k,
                                                .b = b + j,
                                                .b_step = n,
                                                .c = to,
                                                .ldc = n,
                                                .before = add ? to : nullptr,
                                                .before_step = n,
                                                .bias = nullptr,
                                                .relu = false,
                                                .touch = to,
                                                .touch_row = n,
                                                .touch_second = kLanes,
                                                .ahead = b + j,
                                                .ahead_step = n,
                                                .far = left,
                                                .far_run = k,
                                                .far_in = 0,
                                                .far_out = 0});
      }
    }
  }
}

// ---- Forward, and the gradient with respect to the input, which is one with the kernel flipped

// The kernel at all points, [point][c][o], for one input channel.
void weight_to_points(const simd::DirectConv& d, int64_t c, float* to) {
  for (int64_t o = 0; o < d.og; o += kLanes) {
    const float* w = d.weight + o * d.w_o + c * d.w_c;
    F half[6][3];
    for (int q = 0; q < 3; ++q) {
      F g[3], u[6];
      for (int p = 0; p < 3; ++p) {
        HWY_ALIGN float lanes[kLanes];
        for (int64_t i = 0; i < kLanes; ++i) lanes[i] = w[i * d.w_o + p * d.w_p + q * d.w_q];
        g[p] = F::load(lanes);
      }
      to_points(g, u);
      for (int p = 0; p < 6; ++p) half[p][q] = u[p];
    }
    for (int p = 0; p < 6; ++p) {
      F u[6];
      to_points(half[p], u);
      for (int q = 0; q < 6; ++q) u[q].store(to + ((p * 6 + q) * d.cg + c) * d.og + o);
    }
  }
}

void convolve(const simd::DirectConv& d) {
  const int64_t c = d.cg, o = d.og;
  Tiling tiling{d.n, d.oh, d.ow};
  tiling.cut(c + o);
  float* weight = scratch<float>(Scratch::kB, kPoints * c * o);
  parallel_rows(c, 12.0 * static_cast<double>(o), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) weight_to_points(d, i, weight);
  });
  const double tile_ns = 0.36 * static_cast<double>(c * o) + 12.0 * static_cast<double>(c + o);
  parallel_tasks(tiling.blocks, tile_ns * static_cast<double>(tiling.tile_rows * tiling.cols),
                 [&](int64_t block) {
                   const int64_t begin = tiling.begin(block), end = tiling.begin(block + 1);
                   const int64_t cols = tiling.cols, tiles = (end - begin) * cols;
                   const int64_t v_point = tiling.block_tiles() * c,
                                 m_point = tiling.block_tiles() * o;
                   float* v = scratch<float>(Scratch::kA, kPoints * v_point);
                   float* m = scratch<float>(Scratch::kC, kPoints * m_point);
                   for (int64_t row = begin; row < end; ++row) {
                     const int64_t n = row / tiling.rows, i = row % tiling.rows * kStep;
                     tiles_to_points<6>({d.x + n * d.h * d.w * c, d.h, d.w, c}, d.top + i, d.left,
                                        cols, v + (row - begin) * cols * c, v_point);
                   }
                   multiply(tiles, c, o, v, v_point, false, weight, c * o, m, m_point, false);
                   for (int64_t row = begin; row < end; ++row) {
                     const int64_t n = row / tiling.rows, i = row % tiling.rows * kStep;
                     points_to_tiles({d.y + n * d.y_image + i * d.y_row, d.oh - i, d.ow, d.y_row,
                                      d.y_pixel, o, d.bias, d.relu},
                                     cols, m + (row - begin) * cols * o, m_point);
                   }
                 });
}

// ---- The gradient with respect to the kernel

// dw[o][c] of one input channel from sums[slab][point][c][o], slabs added in order.
void weight_from_points(const ConvGradWeightArgs<float>& a, int64_t c, const float* sums,
                        int64_t slabs, int64_t slab_floats) {
  const ConvGeometry& g = a.g;
  for (int64_t o = 0; o < g.o; o += kLanes) {
    F half[3][6];
    for (int q = 0; q < 6; ++q) {
      F u[6], w[3];
      for (int p = 0; p < 6; ++p) {
        const float* from = sums + ((p * 6 + q) * g.c + c) * g.o + o;
        u[p] = F::load(from);
        for (int64_t slab = 1; slab < slabs; ++slab) u[p] += F::load(from + slab * slab_floats);
      }
      from_points(u, w);
      for (int p = 0; p < 3; ++p) half[p][q] = w[p];
    }
    for (int p = 0; p < 3; ++p) {
      F w[3];
      from_points(half[p], w);
      for (int q = 0; q < 3; ++q) {
        HWY_ALIGN float lanes[kLanes];
        w[q].store(lanes);
        for (int64_t i = 0; i < kLanes; ++i) {
          float& to = a.dw[((o + i) * g.c + c) * 9 + p * 3 + q];
          to = (a.accumulate ? to : 0.0f) + lanes[i];
        }
      }
    }
  }
}

constexpr int64_t kSlabTiles = 64;  // at least, so that adding slabs up costs little
constexpr int64_t kMaxSlabs = 16;

void grad_weight(const ConvGradWeightArgs<float>& a) {
  const ConvGeometry& g = a.g;
  Tiling tiling{g.n, g.oh, g.ow};
  tiling.cut(g.c + g.o);
  const int64_t tiles_of_all = tiling.tile_rows * tiling.cols;
  const int64_t slabs =
      std::clamp<int64_t>(std::min(tiles_of_all / kSlabTiles, tiling.blocks), 1, kMaxSlabs);
  const int64_t slab_floats = kPoints * g.c * g.o + g.o;  // the last o: for the bias
  float* sums = scratch<float>(Scratch::kB, slabs * slab_floats);
  const double tile_ns =
      0.36 * static_cast<double>(g.c * g.o) + 12.0 * static_cast<double>(g.c + g.o);
  parallel_tasks(slabs, tile_ns * static_cast<double>(tiles_of_all), [&](int64_t slab) {
    float* sum = sums + slab * slab_floats;
    float* bias = sum + kPoints * g.c * g.o;
    std::fill_n(bias, g.o, 0.0f);
    const int64_t cols = tiling.cols;
    const int64_t v_point = tiling.block_tiles() * g.c, m_point = tiling.block_tiles() * g.o;
    float* v = scratch<float>(Scratch::kA, kPoints * v_point);
    float* m = scratch<float>(Scratch::kC, kPoints * m_point);
    const int64_t first = tiling.blocks * slab / slabs, last = tiling.blocks * (slab + 1) / slabs;
    for (int64_t block = first; block < last; ++block) {
      const int64_t begin = tiling.begin(block), end = tiling.begin(block + 1);
      const int64_t tiles = (end - begin) * cols;
      for (int64_t row = begin; row < end; ++row) {
        const int64_t n = row / tiling.rows, i = row % tiling.rows * kStep;
        tiles_to_points<6>({a.x + n * g.h * g.w * g.c, g.h, g.w, g.c}, i - g.pad_h, -g.pad_w, cols,
                           v + (row - begin) * cols * g.c, v_point);
        tiles_to_points<4>({a.dy + n * g.oh * g.ow * g.o, g.oh, g.ow, g.o}, i, 0, cols,
                           m + (row - begin) * cols * g.o, m_point);
      }
      multiply(g.c, tiles, g.o, v, v_point, true, m, m_point, sum, g.c * g.o, block > first);
      // At the point (1, 1) stands the sum of the 16 values of dy.
      if (!a.dbias) continue;
      for (int64_t t = 0; t < tiles; ++t)
        for (int64_t o = 0; o < g.o; o += kLanes)
          (F::load(bias + o) + F::load(m + 7 * m_point + t * g.o + o)).store(bias + o);
    }
  });
  parallel_rows(g.c, 3.0 * static_cast<double>(g.o * slabs), [&](int64_t begin, int64_t end) {
    for (int64_t c = begin; c < end; ++c) weight_from_points(a, c, sums, slabs, slab_floats);
  });
  if (!a.dbias) return;
  for (int64_t o = 0; o < g.o; ++o) {
    const float* bias = sums + kPoints * g.c * g.o + o;
    float sum = bias[0];
    for (int64_t slab = 1; slab < slabs; ++slab) sum += bias[slab * slab_floats];
    a.dbias[o] = (a.accumulate ? a.dbias[o] : 0.0f) + sum;
  }
}

}  // namespace tinytorch::kernels::HWY_NAMESPACE::winograd

namespace tinytorch::kernels::HWY_NAMESPACE {
void winograd_convolve(const simd::DirectConv& d) {
  winograd::convolve(d);
}
void winograd_grad_weight(const ConvGradWeightArgs<float>& args) {
  winograd::grad_weight(args);
}
}  // namespace tinytorch::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tinytorch::kernels {
HWY_EXPORT(winograd_convolve);
HWY_EXPORT(winograd_grad_weight);
namespace {

// Whether tiles spare at least a third of the multiplications, and all lanes of every instruction
// set are channels.
bool fits(int64_t kh, int64_t kw, int64_t oh, int64_t ow, int64_t c, int64_t o) {
  return kh == 3 && kw == 3 && c % 16 == 0 && o % 16 == 0 &&
         6 * simd::kPoints * ((oh + 3) / 4) * ((ow + 3) / 4) <= 4 * 9 * oh * ow;
}

}  // namespace

bool simd::direct_conv_winograd(const DirectConv& d) {
  if (d.groups != 1 || d.stride_h != 1 || d.stride_w != 1 || d.dil_h != 1 || d.dil_w != 1 ||
      !fits(d.kh, d.kw, d.oh, d.ow, d.cg, d.og))
    return false;
  TINYTORCH_DISPATCH(winograd_convolve)(d);
  return true;
}

void winograd::conv2d_grad_weight(const ConvGradWeightArgs<float>& args) {
  const ConvGeometry& g = args.g;
  if (g.n == 0 || g.groups != 1 || g.stride_h != 1 || g.stride_w != 1 || g.dil_h != 1 ||
      g.dil_w != 1 || args.pool_index || !fits(g.kh, g.kw, g.oh, g.ow, g.c, g.o))
    return simd::conv2d_grad_weight(args);
  TINYTORCH_DISPATCH(winograd_grad_weight)(args);
}

}  // namespace tinytorch::kernels
#endif
