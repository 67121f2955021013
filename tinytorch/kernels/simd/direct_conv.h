#pragma once
#include <cstdint>

// Internal to the simd convolutions: one direct convolution over channels-last images. The forward
// pass is one of them; the gradient with respect to the input is one for each phase of the stride.

namespace tinytorch::kernels::simd {

// The ways of kernels/conv.h's namespaces; each falls back on kDirect where it gains nothing.
enum class ConvMethod : uint8_t { kDirect, kBf16, kWinograd };

// y[n,i,j,o] = act( bias[o] + sum_{p,q,c} x[n, top + i*stride_h + p*dil_h,
//                                              left + j*stride_w + q*dil_w, c] * weight(o,c,p,q) )
// x is dense n x h x w x (groups*cg), zero outside of the image. The output channels of a pixel
// are contiguous (groups*og); pixels, rows and images of y lie y_pixel, y_row, y_image apart.
// weight(o,c,p,q) of group g stands at weight + g*w_group + o*w_o + c*w_c + p*w_p + q*w_q: strides
// may be negative, which is how a kernel is flipped. Nothing aliases.
//
// Order of every sum (as for matmul): k = (p,q,c) flattened, chains of 256 fused multiply-adds that
// start at 0, chain sums added in order, then bias. Taps outside of the image may be left out: they
// add zero. Tiles, bands and threads are free.
struct DirectConv {
  int64_t n = 0, groups = 1, cg = 0, og = 0;
  const float* x = nullptr;
  int64_t h = 0, w = 0;
  int64_t kh = 1, kw = 1, stride_h = 1, stride_w = 1, dil_h = 1, dil_w = 1, top = 0, left = 0;
  const float* weight = nullptr;
  int64_t w_group = 0, w_o = 0, w_c = 0, w_p = 0, w_q = 0;
  const float* packed = nullptr;  // what pack_direct_conv() made of weight; else each call packs
  const float* bias = nullptr;
  bool relu = false;
  float* y = nullptr;
  int64_t oh = 0, ow = 0, y_pixel = 0, y_row = 0, y_image = 0;
  // With pool, y takes the 2x2 maxima of the oh x ow results, and pool_index (same strides), when
  // given, the position 0..3 of the first maximum; the y strides are those of the pooled image.
  bool pool = false;
  uint8_t* pool_index = nullptr;
  ConvMethod method = ConvMethod::kDirect;
};
void direct_conv(const DirectConv& conv);
// The weight as panels of output channels, for any number of calls. Only the fields about channels,
// kernel and weight count.
int64_t packed_direct_conv_floats(const DirectConv& conv);
void pack_direct_conv(const DirectConv& conv, float* packed);
// false, nothing done: what does not suit the method and runs direct
bool direct_conv_bf16(const DirectConv& conv);
bool direct_conv_winograd(const DirectConv& conv);

// Copies rows [row, row + rows) x columns [col, col + cols) of an image (h x w pixels of c floats)
// to dst, dense, with zeros for what lies outside of the image.
struct PaddedCopy {
  const float* image;
  int64_t h, w, c, row, rows, col, cols;
};
void padded_copy(const PaddedCopy& p, float* dst);
// Reads each cache line of [from, end), so that it is in the second-level cache.
void touch(const float* from, const float* end);

}  // namespace tinytorch::kernels::simd
