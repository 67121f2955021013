// Max and average pooling in plain loops, in both image layouts.
#include "tinytorch/kernels/pool.h"

#include <algorithm>

namespace tinytorch::kernels::loops {

// tito:begin 3.0
// tito:end 3.0

// Position of element (n, c, row, col) of a dense image tensor of `channels` x `height` x `width`:
// channels outside the pixels (NCHW) or inside them (NHWC).
static int64_t image_offset(ImageLayout layout, int64_t channels, int64_t height, int64_t width,
                            int64_t n, int64_t c, int64_t row, int64_t col) {
  // tito:begin 3.5
  if (layout == ImageLayout::kNhwc) return ((n * height + row) * width + col) * channels + c;
  return ((n * channels + c) * height + row) * width + col;
  // tito:end 3.5
}

// y[n,c,i,j] = max over p < kh, q < kw of x[n, c, i*stride_h + p - pad_h, j*stride_w + q - pad_w]
// over the elements inside the image. index[n,c,i,j] = p*kw + q of the first maximum; a NaN beats
// everything and the first NaN wins. x, y, index dense in args.layout; nothing aliases.
template <class T>
void max_pool2d(const MaxPoolArgs<T>& args) {
  // tito:begin 3.6
  const PoolGeometry& g = args.g;
  for (int64_t n = 0; n < g.n; ++n) {
    for (int64_t c = 0; c < g.c; ++c) {
      for (int64_t i = 0; i < g.oh; ++i) {
        for (int64_t j = 0; j < g.ow; ++j) {
          T best = 0;
          int64_t winner = -1;
          for (int64_t p = 0; p < g.kh; ++p) {
            for (int64_t q = 0; q < g.kw; ++q) {
              const int64_t row = i * g.stride_h + p - g.pad_h, col = j * g.stride_w + q - g.pad_w;
              if (row < 0 || row >= g.h || col < 0 || col >= g.w) continue;
              const T v = args.x[image_offset(args.layout, g.c, g.h, g.w, n, c, row, col)];
              const bool first_nan = v != v && best == best;
              if (winner < 0 || v > best || first_nan) {
                best = v;
                winner = p * g.kw + q;
              }
            }
          }
          const int64_t out = image_offset(args.layout, g.c, g.oh, g.ow, n, c, i, j);
          args.y[out] = best;
          if (args.index) args.index[out] = static_cast<uint8_t>(winner);
        }
      }
    }
  }
  // tito:end 3.6
}

// The elements that the average of window (i, j) divides by. PyTorch's rule: with count_include_pad
// the window as far as the padded image reaches, else the window's elements inside the image.
static int64_t average_divisor(const PoolGeometry& g, int64_t i, int64_t j) {
  // tito:begin 3.7a
  const int64_t top = i * g.stride_h - g.pad_h, left = j * g.stride_w - g.pad_w;
  const int64_t pad_h = g.count_include_pad ? g.pad_h : 0;
  const int64_t pad_w = g.count_include_pad ? g.pad_w : 0;
  const int64_t rows = std::min(top + g.kh, g.h + pad_h) - std::max(top, -pad_h);
  const int64_t cols = std::min(left + g.kw, g.w + pad_w) - std::max(left, -pad_w);
  return rows * cols;
  // tito:end 3.7a
}

// y[n,c,i,j] = (sum of the window's elements inside the image) / divisor
template <class T>
void avg_pool2d(const AvgPoolArgs<T>& args) {
  // tito:begin 3.7b
  const PoolGeometry& g = args.g;
  for (int64_t n = 0; n < g.n; ++n) {
    for (int64_t c = 0; c < g.c; ++c) {
      for (int64_t i = 0; i < g.oh; ++i) {
        for (int64_t j = 0; j < g.ow; ++j) {
          T sum = 0;
          for (int64_t p = 0; p < g.kh; ++p) {
            for (int64_t q = 0; q < g.kw; ++q) {
              const int64_t row = i * g.stride_h + p - g.pad_h, col = j * g.stride_w + q - g.pad_w;
              if (row < 0 || row >= g.h || col < 0 || col >= g.w) continue;
              sum += args.x[image_offset(args.layout, g.c, g.h, g.w, n, c, row, col)];
            }
          }
          const int64_t out = image_offset(args.layout, g.c, g.oh, g.ow, n, c, i, j);
          args.y[out] = sum / static_cast<T>(average_divisor(g, i, j));
        }
      }
    }
  }
  // tito:end 3.7b
}

// dx[each element of window (i,j)] += dy[i,j] / divisor of that window. Overwrites dx.
template <class T>
void avg_pool2d_grad(const AvgPoolGradArgs<T>& args) {
  const PoolGeometry& g = args.g;
  std::fill(args.dx, args.dx + g.n * g.c * g.h * g.w, T(0));
  for (int64_t n = 0; n < g.n; ++n) {
    for (int64_t c = 0; c < g.c; ++c) {
      for (int64_t i = 0; i < g.oh; ++i) {
        for (int64_t j = 0; j < g.ow; ++j) {
          const int64_t out = image_offset(args.layout, g.c, g.oh, g.ow, n, c, i, j);
          const T share = args.dy[out] / static_cast<T>(average_divisor(g, i, j));
          for (int64_t p = 0; p < g.kh; ++p) {
            for (int64_t q = 0; q < g.kw; ++q) {
              const int64_t row = i * g.stride_h + p - g.pad_h, col = j * g.stride_w + q - g.pad_w;
              if (row < 0 || row >= g.h || col < 0 || col >= g.w) continue;
              args.dx[image_offset(args.layout, g.c, g.h, g.w, n, c, row, col)] += share;
            }
          }
        }
      }
    }
  }
}

template void max_pool2d(const MaxPoolArgs<float>&);
template void max_pool2d(const MaxPoolArgs<double>&);
template void avg_pool2d(const AvgPoolArgs<float>&);
template void avg_pool2d(const AvgPoolArgs<double>&);
template void avg_pool2d_grad(const AvgPoolGradArgs<float>&);
template void avg_pool2d_grad(const AvgPoolGradArgs<double>&);

}  // namespace tinytorch::kernels::loops
