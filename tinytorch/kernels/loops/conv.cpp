// 2-d convolution in plain loops (NCHW): the oracle of every faster version.
#include "tinytorch/kernels/conv.h"

#include <cmath>
#include <vector>

namespace tinytorch::kernels {

// tito:begin 3.0
// tito:end 3.0

// Number of positions of a window of `kernel` taps, `dilation` apart, that moves by `stride` over
// `in` elements with `pad` zeros on either side; 0 when the window does not fit once.
int64_t conv_output_size(int64_t in, int64_t kernel, int64_t stride, int64_t pad,
                         int64_t dilation) {
  // tito:begin 3.1
  const int64_t reach = dilation * (kernel - 1) + 1;  // elements from first to last tap
  const int64_t padded = in + 2 * pad;
  return padded < reach ? 0 : (padded - reach) / stride + 1;
  // tito:end 3.1
}

namespace loops {

namespace {

template <class T>
T activate(T v, Activation activation) {
  switch (activation) {
    case Activation::kNone:
      return v;
    case Activation::kRelu:
      return v < T(0) ? T(0) : v;  // NaN stays NaN
    case Activation::kGelu:
      return T(0.5) * v * (T(1) + std::erf(v * T(0.70710678118654752440)));
    case Activation::kGeluTanh: {
      const T u = T(0.79788456080286535588) * (v + T(0.044715) * v * v * v);
      return T(0.5) * v * (T(1) + std::tanh(u));
    }
  }
  return v;
}

}  // namespace

// y[n,o,i,j] = act(bias[o] + sum_{c,p,q} x[n, c, i*stride_h + p*dil_h - pad_h,
//                                               j*stride_w + q*dil_w - pad_w] * w[o,c,p,q])
// x: n x c x h x w, w: o x c/groups x kh x kw, y: n x o x oh x ow. Output channel o reads the
// channels of its group only. Nothing aliases.
template <class T>
void conv2d(const ConvArgs<T>& args) {
  // tito:begin 3.2
  const ConvGeometry& g = args.g;
  const int64_t group_in = g.c / g.groups, group_out = g.o / g.groups;
  for (int64_t n = 0; n < g.n; ++n) {
    for (int64_t o = 0; o < g.o; ++o) {
      const int64_t first_channel = o / group_out * group_in;
      const T* x = args.x + (n * g.c + first_channel) * g.h * g.w;
      const T* w = args.w + o * group_in * g.kh * g.kw;
      T* y = args.y + (n * g.o + o) * g.oh * g.ow;
      for (int64_t i = 0; i < g.oh; ++i) {
        for (int64_t j = 0; j < g.ow; ++j) {
          T sum = 0;
          for (int64_t c = 0; c < group_in; ++c) {
            for (int64_t p = 0; p < g.kh; ++p) {
              const int64_t row = i * g.stride_h + p * g.dil_h - g.pad_h;
              if (row < 0 || row >= g.h) continue;  // padding: adds zero
              for (int64_t q = 0; q < g.kw; ++q) {
                const int64_t col = j * g.stride_w + q * g.dil_w - g.pad_w;
                if (col < 0 || col >= g.w) continue;
                sum += x[(c * g.h + row) * g.w + col] * w[(c * g.kh + p) * g.kw + q];
              }
            }
          }
          if (args.bias) sum += args.bias[o];
          y[i * g.ow + j] = activate(sum, args.activation);
        }
      }
    }
  }
  // tito:end 3.2
}

// Copies one group of one image to columns, so that convolution becomes a product of matrices:
//   columns[(c,p,q), (i,j)] = x[c, i*stride_h + p*dil_h - pad_h, j*stride_w + q*dil_w - pad_w],
// zero where the window hangs over the edge. x: group_in x h x w; columns: (group_in*kh*kw) rows of
// oh*ow, every element written.
template <class T>
static void im2col(const ConvGeometry& g, int64_t group_in, const T* x, T* columns) {
  // tito:begin 3.3
  for (int64_t c = 0; c < group_in; ++c) {
    for (int64_t p = 0; p < g.kh; ++p) {
      for (int64_t q = 0; q < g.kw; ++q) {
        for (int64_t i = 0; i < g.oh; ++i) {
          for (int64_t j = 0; j < g.ow; ++j) {
            const int64_t row = i * g.stride_h + p * g.dil_h - g.pad_h;
            const int64_t col = j * g.stride_w + q * g.dil_w - g.pad_w;
            const bool inside = row >= 0 && row < g.h && col >= 0 && col < g.w;
            *columns++ = inside ? x[(c * g.h + row) * g.w + col] : T(0);
          }
        }
      }
    }
  }
  // tito:end 3.3
}

// The same function as conv2d: for each image and group, y = w (group_out x group_in*kh*kw) times
// the columns, plus bias. Costs kh*kw times the image in memory, and turns the work into one
// matrix product, which runs fast everywhere.
template <class T>
void conv2d_im2col(const ConvArgs<T>& args) {
  // tito:begin 3.4
  const ConvGeometry& g = args.g;
  const int64_t group_in = g.c / g.groups, group_out = g.o / g.groups;
  const int64_t taps = group_in * g.kh * g.kw, pixels = g.oh * g.ow;
  std::vector<T> columns(static_cast<size_t>(taps * pixels));
  for (int64_t n = 0; n < g.n; ++n) {
    for (int64_t group = 0; group < g.groups; ++group) {
      im2col(g, group_in, args.x + (n * g.c + group * group_in) * g.h * g.w, columns.data());
      T* y = args.y + (n * g.o + group * group_out) * pixels;
      for (int64_t o = 0; o < group_out; ++o)
        for (int64_t j = 0; j < pixels; ++j)
          y[o * pixels + j] = args.bias ? args.bias[group * group_out + o] : T(0);
      MatmulArgs<T> product;  // y += w (group_out x taps) times columns (taps x pixels)
      product.m = group_out, product.n = pixels, product.k = taps;
      product.a = args.w + group * group_out * taps, product.a_rs = taps, product.a_cs = 1;
      product.b = columns.data(), product.b_rs = pixels, product.b_cs = 1;
      product.c = y, product.ldc = pixels;
      product.accumulate = true;
      product.activation = args.activation;
      matmul(product);
    }
  }
  // tito:end 3.4
}

template void conv2d(const ConvArgs<float>&);
template void conv2d(const ConvArgs<double>&);
template void conv2d_im2col(const ConvArgs<float>&);
template void conv2d_im2col(const ConvArgs<double>&);

}  // namespace loops
}  // namespace tinytorch::kernels
