#pragma once
#include <cstdint>

#include "tinytorch/kernels/matmul.h"
#include "tinytorch/kernels/registry.h"

namespace tinytorch::kernels {

// One 2-d convolution: x is n x c x h x w, weight o x (c/groups) x kh x kw (OIHW, contiguous),
// y is n x o x oh x ow with oh = (h + 2 pad_h - dil_h (kh - 1) - 1) / stride_h + 1, ow likewise.
struct ConvGeometry {
  int64_t n, c, h, w, o, kh, kw, oh, ow;
  int64_t stride_h = 1, stride_w = 1, pad_h = 0, pad_w = 0, dil_h = 1, dil_w = 1, groups = 1;
};
int64_t conv_output_size(int64_t in, int64_t kernel, int64_t stride, int64_t pad, int64_t dilation);

// How the images of a call lie in memory. The "loops" variants take kNchw only, the "simd" variants
// kNhwc only (channels_last: shape stays n,c,h,w, channels are innermost).
enum class ImageLayout : uint8_t { kNchw, kNhwc };

// y[n,o,i,j] = act( bias[o] + sum_{c,p,q} x[n, c, i*stride_h + p*dil_h - pad_h, ...] w[o,c,p,q] )
// x, y dense in `layout`; nothing aliases. bias may be nullptr.
template <class T>
struct ConvArgs {
  ConvGeometry g;
  const T* x = nullptr;
  const T* w = nullptr;
  const T* bias = nullptr;
  T* y = nullptr;
  Activation activation = Activation::kNone;
};
// dx[n,c,h,w] = sum over outputs that read it of dy[n,o,i,j] w[o,c,p,q]   (overwrites dx)
template <class T>
struct ConvGradInputArgs {
  ConvGeometry g;
  const T* dy = nullptr;
  const T* w = nullptr;
  T* dx = nullptr;
};
// dw[o,c,p,q] (+)= sum_{n,i,j} dy[n,o,i,j] x[n,c,...]; dbias[o] (+)= sum_{n,i,j} dy (if not null)
template <class T>
struct ConvGradWeightArgs {
  ConvGeometry g;
  const T* x = nullptr;
  const T* dy = nullptr;
  T* dw = nullptr;     // OIHW contiguous
  T* dbias = nullptr;  // o values or nullptr
  bool accumulate = false;
};

extern Kernel<void(const ConvArgs<float>&)> conv2d_f32;                       // "conv2d"
extern Kernel<void(const ConvGradInputArgs<float>&)> conv2d_grad_input_f32;    // "conv2d_grad_input"
extern Kernel<void(const ConvGradWeightArgs<float>&)> conv2d_grad_weight_f32;  // "conv2d_grad_weight"
ImageLayout conv2d_layout();  // the layout that the chosen f32 variants take (all three agree)

namespace loops {
template <class T> void conv2d(const ConvArgs<T>&);
template <class T> void conv2d_im2col(const ConvArgs<T>&);  // copy to columns, then matmul
template <class T> void conv2d_grad_input(const ConvGradInputArgs<T>&);
template <class T> void conv2d_grad_weight(const ConvGradWeightArgs<T>&);
}  // namespace loops
namespace simd {
void conv2d(const ConvArgs<float>&);
void conv2d_grad_input(const ConvGradInputArgs<float>&);
void conv2d_grad_weight(const ConvGradWeightArgs<float>&);
}  // namespace simd

}  // namespace tinytorch::kernels
