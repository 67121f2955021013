// Layer norm and its gradient as plain loops; sums are taken in double.
#include <cmath>
#include <cstdint>

#include "tinytorch/kernels/norm.h"
#include "tinytorch/kernels/rows.h"

namespace tinytorch::kernels::loops {

template <class T>
void layer_norm(const LayerNormArgs<T>& a) {
  if (a.cols == 0) return;
  const double n = static_cast<double>(a.cols);
  parallel_rows(a.rows, 3 * n, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      const T* x = a.x + r * a.x_stride;
      T* y = a.y + r * a.y_stride;
      double sum = 0, squares = 0;
      for (int64_t c = 0; c < a.cols; ++c) sum += x[c];
      const double mean = sum / n;
      for (int64_t c = 0; c < a.cols; ++c) squares += (x[c] - mean) * (x[c] - mean);
      const double rstd = 1 / std::sqrt(squares / n + a.eps);
      if (a.mean) a.mean[r] = static_cast<T>(mean);
      if (a.rstd) a.rstd[r] = static_cast<T>(rstd);
      for (int64_t c = 0; c < a.cols; ++c)
        y[c] = static_cast<T>((x[c] - mean) * rstd * (a.gamma ? a.gamma[c] : 1) +
                              (a.beta ? a.beta[c] : 0));
    }
  });
}

namespace {

template <class T>
void layer_norm_grad_input(const LayerNormGradArgs<T>& a) {
  const double n = static_cast<double>(a.cols);
  parallel_rows(a.rows, 4 * n, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      const T* x = a.x + r * a.x_stride;
      const T* dy = a.dy + r * a.dy_stride;
      T* dx = a.dx + r * a.dx_stride;
      const double mean = a.mean[r], rstd = a.rstd[r];
      double sum_g = 0, sum_gh = 0;
      for (int64_t c = 0; c < a.cols; ++c) {
        const double g = dy[c] * (a.gamma ? a.gamma[c] : 1);
        sum_g += g;
        sum_gh += g * (x[c] - mean) * rstd;
      }
      for (int64_t c = 0; c < a.cols; ++c) {
        const double g = dy[c] * (a.gamma ? a.gamma[c] : 1), h = (x[c] - mean) * rstd;
        dx[c] = static_cast<T>(rstd * (g - sum_g / n - h * sum_gh / n));
      }
    }
  });
}

}  // namespace

template <class T>
void layer_norm_grad(const LayerNormGradArgs<T>& a) {
  // Parameters first: dx may overwrite dy.
  for (int64_t c = 0; c < a.cols && (a.dgamma || a.dbeta); ++c) {
    double dgamma = 0, dbeta = 0;
    for (int64_t r = 0; r < a.rows; ++r) {
      const double dy = a.dy[r * a.dy_stride + c];
      dgamma += dy * (a.x[r * a.x_stride + c] - a.mean[r]) * a.rstd[r];
      dbeta += dy;
    }
    if (a.dgamma) a.dgamma[c] = static_cast<T>(dgamma);
    if (a.dbeta) a.dbeta[c] = static_cast<T>(dbeta);
  }
  if (a.dx) layer_norm_grad_input(a);
}

template void layer_norm(const LayerNormArgs<float>&);
template void layer_norm(const LayerNormArgs<double>&);
template void layer_norm_grad(const LayerNormGradArgs<float>&);
template void layer_norm_grad(const LayerNormGradArgs<double>&);

}  // namespace tinytorch::kernels::loops
