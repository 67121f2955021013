#pragma once
#include "tinytorch/kernels/conv.h"

namespace tinytorch::kernels {

// Window of a 2-d pooling over each channel of n x c x h x w. Padding never wins a maximum; an
// average divides by the whole window when count_include_pad, else by the covered elements.
struct PoolGeometry {
  int64_t n, c, h, w, kh, kw, oh, ow;
  int64_t stride_h = 1, stride_w = 1, pad_h = 0, pad_w = 0;
  bool count_include_pad = true;
};

// y = maximum of each window; index (optional) = position p*kw + q inside the window of the first
// maximum in row-major order (NaN wins, as in PyTorch). Windows have at most 256 elements. Dense
// in `layout`, nothing aliases.
template <class T>
struct MaxPoolArgs {
  PoolGeometry g;
  ImageLayout layout = ImageLayout::kNchw;
  const T* x = nullptr;
  T* y = nullptr;
  uint8_t* index = nullptr;
};
// dx = scatter of dy to each window's winner, summed where windows overlap (overwrites dx)
template <class T>
struct MaxPoolGradArgs {
  PoolGeometry g;
  ImageLayout layout = ImageLayout::kNchw;
  const T* dy = nullptr;
  const uint8_t* index = nullptr;
  T* dx = nullptr;
};
template <class T>
struct AvgPoolArgs {
  PoolGeometry g;
  ImageLayout layout = ImageLayout::kNchw;
  const T* x = nullptr;
  T* y = nullptr;
};
template <class T>
struct AvgPoolGradArgs {
  PoolGeometry g;
  ImageLayout layout = ImageLayout::kNchw;
  const T* dy = nullptr;
  T* dx = nullptr;
};

extern Kernel<void(const MaxPoolArgs<float>&)> max_pool2d_f32;
extern Kernel<void(const MaxPoolGradArgs<float>&)> max_pool2d_grad_f32;
extern Kernel<void(const AvgPoolArgs<float>&)> avg_pool2d_f32;
extern Kernel<void(const AvgPoolGradArgs<float>&)> avg_pool2d_grad_f32;

namespace loops {
template <class T>
void max_pool2d(const MaxPoolArgs<T>&);
template <class T>
void max_pool2d_grad(const MaxPoolGradArgs<T>&);
template <class T>
void avg_pool2d(const AvgPoolArgs<T>&);
template <class T>
void avg_pool2d_grad(const AvgPoolGradArgs<T>&);
}  // namespace loops
namespace simd {
void max_pool2d(const MaxPoolArgs<float>&);
void max_pool2d_grad(const MaxPoolGradArgs<float>&);
void avg_pool2d(const AvgPoolArgs<float>&);
void avg_pool2d_grad(const AvgPoolGradArgs<float>&);
}  // namespace simd

}  // namespace tinytorch::kernels
