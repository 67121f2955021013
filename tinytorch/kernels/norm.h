#pragma once
#include <cstdint>

#include "tinytorch/kernels/conv.h"
#include "tinytorch/kernels/registry.h"

namespace tinytorch::kernels {

// ---- layer norm ------------------------------------------------------------------------------
// y[r,c] = (x[r,c] - mean_r) rstd_r gamma[c] + beta[c]
//   mean_r = sum_c x[r,c] / cols,   rstd_r = 1 / sqrt(sum_c (x[r,c] - mean_r)^2 / cols + eps)
// rows x cols, columns contiguous, rows `stride` elements apart. gamma, beta: cols values or
// nullptr (1 and 0). mean, rstd: rows values for the gradient, or nullptr. The variance is taken
// around the mean in a second pass over the (cached) row, so a large offset costs no digits.
// y may be x (same stride).
template <class T>
struct LayerNormArgs {
  int64_t rows = 0, cols = 0;
  const T* x = nullptr;
  int64_t x_stride = 0;
  const T* gamma = nullptr;
  const T* beta = nullptr;
  double eps = 1e-5;
  T* y = nullptr;
  int64_t y_stride = 0;
  T* mean = nullptr;
  T* rstd = nullptr;
};

// With h = (x - mean) rstd and g = dy gamma, row by row:
//   dx = rstd (g - sum_c(g)/cols - h sum_c(g h)/cols)
//   dgamma[c] = sum_r dy h,   dbeta[c] = sum_r dy
// dx, dgamma, dbeta: overwritten; each may be nullptr. Sums over rows run in blocks that depend on
// cols alone, whose partial sums are added in order: no result depends on the number of threads.
// dx may be dy (same stride); nothing else aliases.
template <class T>
struct LayerNormGradArgs {
  int64_t rows = 0, cols = 0;
  const T* x = nullptr;
  int64_t x_stride = 0;
  const T* dy = nullptr;
  int64_t dy_stride = 0;
  const T* gamma = nullptr;
  const T* mean = nullptr;
  const T* rstd = nullptr;
  T* dx = nullptr;
  int64_t dx_stride = 0;
  T* dgamma = nullptr;
  T* dbeta = nullptr;
};

extern Kernel<void(const LayerNormArgs<float>&)> layer_norm_f32;
extern Kernel<void(const LayerNormGradArgs<float>&)> layer_norm_grad_f32;

// ---- batch norm ------------------------------------------------------------------------------
// x is n x c x spatial (spatial = h w; 1 for a plain n x c matrix), dense in `layout`: kNhwc is
// n*spatial rows of c channels, kNchw is n*c rows of spatial values. With m = n*spatial:
//   mean_c = sum x / m,   var_c = sum (x - mean_c)^2 / m,   rstd_c = 1 / sqrt(var_c + eps)
//   y = act((x - mean_c) rstd_c gamma[c] + beta[c] + residual),   act = relu or nothing
// residual (layout of x) may be nullptr; gamma, beta: c values or nullptr (1 and 0).
// batch_norm (training) writes mean and rstd (c values, needed by the gradient) and, when
// running_mean is set, running = (1 - momentum) running + momentum (mean; var m/(m-1)).
// batch_norm_eval takes mean and var from running_mean and running_var (read only); mean and rstd
// are written when they are set, for batch_norm_grad with training = false.
// y may be x or residual. Statistics ("simd"): every block of rows is summed twice in float (mean,
// then squared deviations from it, so that a large offset costs few digits), the blocks are
// combined in double, in order; blocks depend on c alone. The caller has checked that m > 1 in
// training.
template <class T>
struct BatchNormArgs {
  int64_t n = 0, c = 0, spatial = 1;
  ImageLayout layout = ImageLayout::kNhwc;
  const T* x = nullptr;
  const T* residual = nullptr;
  const T* gamma = nullptr;
  const T* beta = nullptr;
  double eps = 1e-5;
  bool relu = false;
  T* y = nullptr;
  T* mean = nullptr;
  T* rstd = nullptr;
  T* running_mean = nullptr;
  T* running_var = nullptr;
  double momentum = 0.1;
};

// With h = (x - mean) rstd and d = dy but 0 where y <= 0 (relu), or dy everywhere:
//   dbeta[c] = sum d,   dgamma[c] = sum d h,   dresidual = d
//   dx = gamma rstd (d - dbeta/m - h dgamma/m)   in training, gamma rstd d otherwise
// dx, dgamma, dbeta, dresidual: overwritten; each may be nullptr. y is the forward's output, read
// only when relu is set; without a residual it may be nullptr: y <= 0 is then found again from x,
// gamma and beta, which spares reading y twice. dx may be dy, dresidual may be dy, but not both.
template <class T>
struct BatchNormGradArgs {
  int64_t n = 0, c = 0, spatial = 1;
  ImageLayout layout = ImageLayout::kNhwc;
  const T* x = nullptr;
  const T* dy = nullptr;
  const T* y = nullptr;
  const T* gamma = nullptr;
  const T* beta = nullptr;  // read only when relu is set and y is not
  const T* mean = nullptr;
  const T* rstd = nullptr;
  bool relu = false;
  bool training = true;
  T* dx = nullptr;
  T* dgamma = nullptr;
  T* dbeta = nullptr;
  T* dresidual = nullptr;
};

extern Kernel<void(const BatchNormArgs<float>&)> batch_norm_f32;
extern Kernel<void(const BatchNormArgs<float>&)> batch_norm_eval_f32;
extern Kernel<void(const BatchNormGradArgs<float>&)> batch_norm_grad_f32;

// The chosen variant for float, loops for double.
void layer_norm(const LayerNormArgs<float>& args);
void layer_norm(const LayerNormArgs<double>& args);
void layer_norm_grad(const LayerNormGradArgs<float>& args);
void layer_norm_grad(const LayerNormGradArgs<double>& args);
void batch_norm(const BatchNormArgs<float>& args);
void batch_norm(const BatchNormArgs<double>& args);
void batch_norm_eval(const BatchNormArgs<float>& args);
void batch_norm_eval(const BatchNormArgs<double>& args);
void batch_norm_grad(const BatchNormGradArgs<float>& args);
void batch_norm_grad(const BatchNormGradArgs<double>& args);

namespace loops {  // both layouts
template <class T>
void layer_norm(const LayerNormArgs<T>& args);
template <class T>
void layer_norm_grad(const LayerNormGradArgs<T>& args);
template <class T>
void batch_norm(const BatchNormArgs<T>& args);
template <class T>
void batch_norm_eval(const BatchNormArgs<T>& args);
template <class T>
void batch_norm_grad(const BatchNormGradArgs<T>& args);
}  // namespace loops

namespace simd {  // batch norm: kNhwc; hands kNchw to loops
void layer_norm(const LayerNormArgs<float>& args);
void layer_norm_grad(const LayerNormGradArgs<float>& args);
void batch_norm(const BatchNormArgs<float>& args);
void batch_norm_eval(const BatchNormArgs<float>& args);
void batch_norm_grad(const BatchNormGradArgs<float>& args);
}  // namespace simd

}  // namespace tinytorch::kernels
