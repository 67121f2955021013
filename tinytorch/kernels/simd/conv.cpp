// 2-d convolution and its gradient with respect to the input, channels last: both are direct
// convolutions (direct_conv.h). This file says which.
#include "tinytorch/kernels/conv.h"

#include <algorithm>
#include <numeric>

#include "tinytorch/core/format.h"
#include "tinytorch/core/parallel.h"
#include "tinytorch/kernels/simd/direct_conv.h"

namespace tinytorch::kernels::simd {

namespace {

// A convolution with a 1x1 kernel that reads each pixel once sees no rows: one long row of h*w
// pixels fills the tiles better than many short ones.
void merge_rows(DirectConv& d) {
  const bool each_pixel_once = d.kh == 1 && d.kw == 1 && d.stride_h == 1 && d.stride_w == 1 &&
                               d.top == 0 && d.left == 0 && d.oh == d.h && d.ow == d.w;
  if (!each_pixel_once || d.ow >= 28 || d.y_row != d.ow * d.y_pixel) return;
  d.w *= d.h, d.h = 1;
  d.ow *= d.oh, d.oh = 1;
}

// All of a forward convolution but where its output goes.
DirectConv forward_conv(const ConvGeometry& g, const float* x, const float* w, const float* bias,
                        bool relu) {
  DirectConv d;
  d.n = g.n, d.groups = g.groups, d.cg = g.c / g.groups, d.og = g.o / g.groups;
  d.x = x, d.h = g.h, d.w = g.w;
  d.kh = g.kh, d.kw = g.kw, d.stride_h = g.stride_h, d.stride_w = g.stride_w;
  d.dil_h = g.dil_h, d.dil_w = g.dil_w, d.top = -g.pad_h, d.left = -g.pad_w;
  d.weight = w;
  d.w_q = 1, d.w_p = g.kw, d.w_c = g.kh * g.kw, d.w_o = d.cg * d.w_c, d.w_group = d.og * d.w_o;
  d.bias = bias, d.relu = relu;
  d.oh = g.oh, d.ow = g.ow;
  return d;
}

// y[n,i,j,o] = act(bias[o] + sum_{p,q,c} x[n, i*stride_h + p*dil_h - pad_h, ..., c] w[o,c,p,q])
// act: none or ReLU. x: n x h x w x c, y: n x oh x ow x o, w: OIHW, packed to panels on the way
// unless args.packed holds them. Nothing aliases.
void convolve(const ConvArgs<float>& args, ConvMethod method) {
  const ConvGeometry& g = args.g;
  if (args.activation != Activation::kNone && args.activation != Activation::kRelu)
    raise<NotImplemented>("conv2d: only ReLU can be fused. Hint: apply gelu to the result.");
  DirectConv d = forward_conv(g, args.x, args.w, args.bias, args.activation == Activation::kRelu);
  d.y = args.y, d.y_pixel = g.o, d.y_row = g.ow * g.o, d.y_image = g.oh * d.y_row;
  d.method = method;
  d.packed = args.packed;
  merge_rows(d);
  direct_conv(d);
}

}  // namespace

void conv2d(const ConvArgs<float>& args) {
  convolve(args, ConvMethod::kDirect);
}

size_t packed_conv_weight_bytes(const ConvGeometry& g) {
  const DirectConv d = forward_conv(g, nullptr, nullptr, nullptr, false);
  return static_cast<size_t>(packed_direct_conv_floats(d)) * sizeof(float);
}
void pack_conv_weight(const ConvGeometry& g, const float* w, float* packed) {
  pack_direct_conv(forward_conv(g, nullptr, w, nullptr, false), packed);
}

// conv2d, then 2x2 max pooling: y and index are n x oh/2 x ow/2 x o. The convolution's own result
// never leaves the cache. Nothing aliases.
void conv2d_pool(const ConvPoolArgs<float>& args) {
  const ConvGeometry& g = args.g;
  DirectConv d = forward_conv(g, args.x, args.w, args.bias, args.relu);
  d.y = args.y, d.y_pixel = g.o, d.y_row = g.ow / 2 * g.o, d.y_image = g.oh / 2 * d.y_row;
  d.pool = true, d.pool_index = args.index;
  d.packed = args.packed;
  direct_conv(d);
}

namespace {

// The taps p of a kernel axis that touch input positions of one phase. Input position u (counted
// with padding, u = i*stride + p*dil) of phase r = u mod stride is read by taps with
// p*dil = r (mod stride): an arithmetic sequence p = first + t*step. The output i that reads u by
// tap t is (u - first*dil)/stride - t*step*dil/stride.
struct TapPhase {
  int64_t first = 0, step = 1, count = 0;
};
TapPhase tap_phase(int64_t r, int64_t kernel, int64_t stride, int64_t dilation) {
  TapPhase phase;
  phase.step = stride / std::gcd(stride, dilation);
  for (phase.first = 0; phase.first < kernel && phase.first < phase.step; ++phase.first)
    if (phase.first * dilation % stride == r) {
      phase.count = (kernel - 1 - phase.first) / phase.step + 1;
      return phase;
    }
  return phase;  // no tap: these inputs are read by nobody
}

// Input positions [begin, begin + count*stride) of one phase on one axis, and where the direct
// convolution over dy begins for the first of them.
struct AxisPhase {
  TapPhase taps;
  int64_t begin = 0, count = 0, dilation = 1, origin = 0;
};
AxisPhase axis_phase(int64_t begin, int64_t size, int64_t kernel, int64_t stride, int64_t pad,
                     int64_t dilation) {
  AxisPhase a;
  a.begin = begin;
  a.count = begin < size ? (size - 1 - begin) / stride + 1 : 0;
  a.taps = tap_phase((begin + pad) % stride, kernel, stride, dilation);
  a.dilation = a.taps.step * dilation / stride;
  // Tap t reads dy at (begin + pad - first*dil)/stride - t*dilation; flipped, the first tap is the
  // last one: t = count - 1. Exact division: the phase makes it so, also when it is negative.
  a.origin = (begin + pad - a.taps.first * dilation) / stride - (a.taps.count - 1) * a.dilation;
  return a;
}

// Inputs that no output reads.
void zero_phase(const DirectConv& d) {
  const int64_t channels = d.groups * d.og;
  parallel_for(d.n * d.oh, 0.1 * static_cast<double>(d.ow * channels), [&](int64_t b, int64_t e) {
    for (int64_t row = b; row < e; ++row) {
      float* y = d.y + row / d.oh * d.y_image + row % d.oh * d.y_row;
      for (int64_t j = 0; j < d.ow; ++j) std::fill_n(y + j * d.y_pixel, channels, 0.0f);
    }
  });
}

// dx[n,h,w,c] = sum over (o,p,q) with i*stride_h + p*dil_h - pad_h = h (likewise w) of
//               dy[n,i,j,o] * w[o,c,p,q]
// A convolution of dy with the flipped kernel, input and output channels exchanged. With a stride,
// the inputs fall in stride_h*stride_w phases, each with the taps that can reach it: no zeros are
// multiplied. dy: n x oh x ow x o, dx: n x h x w x c is overwritten. Nothing aliases.
void convolve_back(const ConvGradInputArgs<float>& args, ConvMethod method) {
  const ConvGeometry& g = args.g;
  DirectConv d;
  d.n = g.n, d.groups = g.groups, d.cg = g.o / g.groups, d.og = g.c / g.groups;
  d.x = args.dy, d.h = g.oh, d.w = g.ow;
  d.method = method;
  d.w_o = g.kh * g.kw, d.w_c = d.og * d.w_o, d.w_group = d.cg * d.w_c;
  d.y_pixel = g.stride_w * g.c, d.y_row = g.stride_h * g.w * g.c, d.y_image = g.h * g.w * g.c;
  for (int64_t r = 0; r < g.stride_h; ++r) {
    const AxisPhase v = axis_phase(r, g.h, g.kh, g.stride_h, g.pad_h, g.dil_h);
    for (int64_t s = 0; s < g.stride_w; ++s) {
      const AxisPhase u = axis_phase(s, g.w, g.kw, g.stride_w, g.pad_w, g.dil_w);
      DirectConv phase = d;
      phase.oh = v.count, phase.ow = u.count;
      phase.y = args.dx + (v.begin * g.w + u.begin) * g.c;
      if (v.taps.count == 0 || u.taps.count == 0) {
        zero_phase(phase);
        continue;
      }
      phase.kh = v.taps.count, phase.kw = u.taps.count;
      phase.dil_h = v.dilation, phase.dil_w = u.dilation;
      phase.top = v.origin, phase.left = u.origin;
      const int64_t last_p = v.taps.first + (v.taps.count - 1) * v.taps.step;
      const int64_t last_q = u.taps.first + (u.taps.count - 1) * u.taps.step;
      phase.weight = args.w + last_p * g.kw + last_q;
      phase.w_p = -v.taps.step * g.kw, phase.w_q = -u.taps.step;
      merge_rows(phase);
      direct_conv(phase);
    }
  }
}

}  // namespace

void conv2d_grad_input(const ConvGradInputArgs<float>& args) {
  convolve_back(args, ConvMethod::kDirect);
}

}  // namespace tinytorch::kernels::simd

namespace tinytorch::kernels {

void bf16::conv2d(const ConvArgs<float>& args) {
  simd::convolve(args, simd::ConvMethod::kBf16);
}
void bf16::conv2d_grad_input(const ConvGradInputArgs<float>& args) {
  simd::convolve_back(args, simd::ConvMethod::kBf16);
}

void winograd::conv2d(const ConvArgs<float>& args) {
  simd::convolve(args, simd::ConvMethod::kWinograd);
}
void winograd::conv2d_grad_input(const ConvGradInputArgs<float>& args) {
  simd::convolve_back(args, simd::ConvMethod::kWinograd);
}

}  // namespace tinytorch::kernels
