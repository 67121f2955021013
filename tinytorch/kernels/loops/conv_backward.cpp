// Gradients of 2-d convolution and max pooling in plain loops (NCHW).
#include "tinytorch/kernels/conv.h"
#include "tinytorch/kernels/pool.h"

namespace tinytorch::kernels::loops {

// tito:begin 4.0
// tito:end 4.0

// dx[n,c,h,w] = sum over all (o,i,j,p,q) whose tap reads that element of dy[n,o,i,j] * w[o,c,p,q]
// Each output gives its gradient back to the inputs it was made from: the forward loops with the
// arrow turned around. dy: n x o x oh x ow, w: o x c/groups x kh x kw, dx: n x c x h x w is
// overwritten. Nothing aliases.
template <class T>
void conv2d_grad_input(const ConvGradInputArgs<T>& args) {
  // tito:begin 4.10
  const ConvGeometry& g = args.g;
  const int64_t group_in = g.c / g.groups, group_out = g.o / g.groups;
  for (int64_t i = 0; i < g.n * g.c * g.h * g.w; ++i) args.dx[i] = T(0);
  for (int64_t n = 0; n < g.n; ++n) {
    for (int64_t o = 0; o < g.o; ++o) {
      const int64_t first_channel = o / group_out * group_in;
      const T* dy = args.dy + (n * g.o + o) * g.oh * g.ow;
      for (int64_t c = 0; c < group_in; ++c) {
        T* dx = args.dx + (n * g.c + first_channel + c) * g.h * g.w;
        for (int64_t p = 0; p < g.kh; ++p) {
          for (int64_t q = 0; q < g.kw; ++q) {
            const T weight = args.w[((o * group_in + c) * g.kh + p) * g.kw + q];
            for (int64_t i = 0; i < g.oh; ++i) {
              const int64_t row = i * g.stride_h + p * g.dil_h - g.pad_h;
              if (row < 0 || row >= g.h) continue;
              for (int64_t j = 0; j < g.ow; ++j) {
                const int64_t col = j * g.stride_w + q * g.dil_w - g.pad_w;
                if (col < 0 || col >= g.w) continue;
                dx[row * g.w + col] += dy[i * g.ow + j] * weight;
              }
            }
          }
        }
      }
    }
  }
  // tito:end 4.10
}

// dw[o,c,p,q] (+)= sum_{n,i,j} dy[n,o,i,j] * x[n, c, i*stride_h + p*dil_h - pad_h, ...]
// dbias[o]    (+)= sum_{n,i,j} dy[n,o,i,j]                               (when dbias is given)
// (+)= adds to what is there when `accumulate` is set, else overwrites. Nothing aliases.
template <class T>
void conv2d_grad_weight(const ConvGradWeightArgs<T>& args) {
  // tito:begin 4.11
  const ConvGeometry& g = args.g;
  const int64_t group_in = g.c / g.groups, group_out = g.o / g.groups;
  T* dw = args.dw;
  for (int64_t o = 0; o < g.o; ++o) {
    const int64_t first_channel = o / group_out * group_in;
    for (int64_t c = 0; c < group_in; ++c) {
      for (int64_t p = 0; p < g.kh; ++p) {
        for (int64_t q = 0; q < g.kw; ++q, ++dw) {
          T sum = 0;
          for (int64_t n = 0; n < g.n; ++n) {
            const T* x = args.x + (n * g.c + first_channel + c) * g.h * g.w;
            const T* dy = args.dy + (n * g.o + o) * g.oh * g.ow;
            for (int64_t i = 0; i < g.oh; ++i) {
              const int64_t row = i * g.stride_h + p * g.dil_h - g.pad_h;
              if (row < 0 || row >= g.h) continue;
              for (int64_t j = 0; j < g.ow; ++j) {
                const int64_t col = j * g.stride_w + q * g.dil_w - g.pad_w;
                if (col < 0 || col >= g.w) continue;
                sum += dy[i * g.ow + j] * x[row * g.w + col];
              }
            }
          }
          *dw = (args.accumulate ? *dw : T(0)) + sum;
        }
      }
    }
    if (args.dbias) {
      T sum = 0;
      for (int64_t n = 0; n < g.n; ++n) {
        const T* dy = args.dy + (n * g.o + o) * g.oh * g.ow;
        for (int64_t i = 0; i < g.oh * g.ow; ++i) sum += dy[i];
      }
      args.dbias[o] = (args.accumulate ? args.dbias[o] : T(0)) + sum;
    }
  }
  // tito:end 4.11
}

// dx[winner of window (i,j)] += dy[i,j] for each image and channel; dx is zero elsewhere. The
// winner of a window is element (index / kw, index % kw) of it. Both layouts: in NCHW a plane's
// elements are 1 apart, in NHWC they are c apart. Overwrites dx; nothing aliases.
template <class T>
void max_pool2d_grad(const MaxPoolGradArgs<T>& args) {
  // tito:begin 4.12
  const PoolGeometry& g = args.g;
  const bool nhwc = args.layout == ImageLayout::kNhwc;
  const int64_t step = nhwc ? g.c : 1;  // from one pixel of a plane to the next
  for (int64_t i = 0; i < g.n * g.c * g.h * g.w; ++i) args.dx[i] = T(0);
  for (int64_t n = 0; n < g.n; ++n) {
    for (int64_t c = 0; c < g.c; ++c) {
      const int64_t out_plane = nhwc ? n * g.oh * g.ow * g.c + c : (n * g.c + c) * g.oh * g.ow;
      const int64_t in_plane = nhwc ? n * g.h * g.w * g.c + c : (n * g.c + c) * g.h * g.w;
      for (int64_t i = 0; i < g.oh; ++i) {
        for (int64_t j = 0; j < g.ow; ++j) {
          const int64_t out = out_plane + (i * g.ow + j) * step;
          const int64_t row = i * g.stride_h - g.pad_h + args.index[out] / g.kw;
          const int64_t col = j * g.stride_w - g.pad_w + args.index[out] % g.kw;
          args.dx[in_plane + (row * g.w + col) * step] += args.dy[out];
        }
      }
    }
  }
  // tito:end 4.12
}

template void conv2d_grad_input(const ConvGradInputArgs<float>&);
template void conv2d_grad_input(const ConvGradInputArgs<double>&);
template void conv2d_grad_weight(const ConvGradWeightArgs<float>&);
template void conv2d_grad_weight(const ConvGradWeightArgs<double>&);
template void max_pool2d_grad(const MaxPoolGradArgs<float>&);
template void max_pool2d_grad(const MaxPoolGradArgs<double>&);

}  // namespace tinytorch::kernels::loops
