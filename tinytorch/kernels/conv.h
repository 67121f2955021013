#pragma once
#include <cstddef>
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

// How the images of a call lie in memory. The "loops" variants take kNchw only, "simd", "bf16" and
// "winograd" kNhwc only (channels_last: shape stays n,c,h,w, channels are innermost).
enum class ImageLayout : uint8_t { kNchw, kNhwc };

// y[n,o,i,j] = act( bias[o] + sum_{c,p,q} x[n, c, i*stride_h + p*dil_h - pad_h, ...] w[o,c,p,q] )
// x, y dense in `layout`; nothing aliases. bias may be nullptr. GELU: the "loops" variants only (an
// operation applies it afterwards, with the bits of gelu); the others raise NotImplemented.
template <class T>
struct ConvArgs {
  ConvGeometry g;
  const T* x = nullptr;
  const T* w = nullptr;
  const T* bias = nullptr;
  T* y = nullptr;
  Activation activation = Activation::kNone;
  const T* packed = nullptr;  // "simd" only: w as pack_conv_weight() lays it out, or nullptr
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
  // "simd" only: when given, dy is the gradient of conv2d_pool's output (n x o x oh/2 x ow/2) and
  // goes through its index and, with pool_y (conv2d_pool's y), its ReLU, as conv2d_pool_grad would
  // send it. Spares the dense gradient where no gradient with respect to x is wanted.
  const uint8_t* pool_index = nullptr;
  const T* pool_y = nullptr;
};

// Convolution, bias, activation and 2x2 max pooling (stride 2, no padding, odd last rows and
// columns dropped) in one pass: y and index are n x o x oh/2 x ow/2, g describes the convolution.
// index = position 0..3 in the window of the first maximum, as max_pool2d's; nullptr: not wanted.
template <class T>
struct ConvPoolArgs {
  ConvGeometry g;
  const T* x = nullptr;
  const T* w = nullptr;
  const T* bias = nullptr;
  T* y = nullptr;
  uint8_t* index = nullptr;
  bool relu = true;
  const T* packed = nullptr;  // as in ConvArgs
};
// The gradient of its pooling and activation: dconv (n x o x oh x ow, overwritten) takes dy at each
// window's winner (none where relu and y <= 0) and 0 elsewhere; dbias and the other gradients
// follow from it by conv2d_grad_input and conv2d_grad_weight.
template <class T>
struct ConvPoolGradArgs {
  ConvGeometry g;
  const T* dy = nullptr;  // n x o x oh/2 x ow/2, as y and index
  const T* y = nullptr;
  const uint8_t* index = nullptr;
  T* dconv = nullptr;
  bool relu = true;
};

extern Kernel<void(const ConvArgs<float>&)> conv2d_f32;                      // "conv2d"
extern Kernel<void(const ConvGradInputArgs<float>&)> conv2d_grad_input_f32;  // "conv2d_grad_input"
extern Kernel<void(const ConvGradWeightArgs<float>&)>
    conv2d_grad_weight_f32;                                                // "conv2d_grad_weight"
extern Kernel<void(const ConvPoolArgs<float>&)> conv2d_pool_f32;           // "conv2d_pool"
extern Kernel<void(const ConvPoolGradArgs<float>&)> conv2d_pool_grad_f32;  // "conv2d_pool_grad"
ImageLayout conv2d_layout();  // the layout that the chosen f32 variants take (all of them agree)

namespace loops {
template <class T>
void conv2d(const ConvArgs<T>&);
template <class T>
void conv2d_im2col(const ConvArgs<T>&);  // copy to columns, then matmul
template <class T>
void conv2d_grad_input(const ConvGradInputArgs<T>&);
template <class T>
void conv2d_grad_weight(const ConvGradWeightArgs<T>&);
template <class T>
void conv2d_pool(const ConvPoolArgs<T>&);
template <class T>
void conv2d_pool_grad(const ConvPoolGradArgs<T>&);
}  // namespace loops
namespace simd {
void conv2d(const ConvArgs<float>&);
void conv2d_grad_input(const ConvGradInputArgs<float>&);
void conv2d_grad_weight(const ConvGradWeightArgs<float>&);
void conv2d_pool(const ConvPoolArgs<float>&);
void conv2d_pool_grad(const ConvPoolGradArgs<float>&);
// A weight in the order in which these read it, for many calls on the same one. Of g only the
// numbers of channels, groups and the kernel's size count. `packed` is aligned to 64 bytes.
size_t packed_conv_weight_bytes(const ConvGeometry& g);
void pack_conv_weight(const ConvGeometry& g, const float* w, float* packed);
}  // namespace simd
// As simd, with both factors of each product rounded to bf16 (see kernels/matmul.h) where the CPU
// has a bf16 unit and the shape suits it: one group, no dilation, 8 channels and 4 columns or more.
namespace bf16 {
void conv2d(const ConvArgs<float>&);
void conv2d_grad_input(const ConvGradInputArgs<float>&);
void conv2d_grad_weight(const ConvGradWeightArgs<float>&);
}  // namespace bf16
// As simd, by Winograd's F(4x4, 3x3) where it applies: 3x3 kernels, stride 1, no dilation, one
// group, channels in sixteens, outputs that fill most of the 4x4 tiles. A quarter of the
// multiplications, and five times the rounding error of simd.
namespace winograd {
void conv2d(const ConvArgs<float>&);
void conv2d_grad_input(const ConvGradInputArgs<float>&);
void conv2d_grad_weight(const ConvGradWeightArgs<float>&);
}  // namespace winograd

}  // namespace tinytorch::kernels
