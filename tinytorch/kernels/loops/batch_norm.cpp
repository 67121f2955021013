// Batch norm as plain loops: a channel at a time, both layouts; sums are taken in double.
#include <cmath>
#include <cstdint>

#include "tinytorch/kernels/norm.h"
#include "tinytorch/kernels/rows.h"

namespace tinytorch::kernels::loops {

namespace {

// Where the elements of one channel lie: element (i, s) of channel c at c*channel + i*image +
// s*step.
struct ChannelWalk {
  int64_t n, spatial, channel, image, step;

  template <class Args>
  explicit ChannelWalk(const Args& a)
      : n(a.n),
        spatial(a.spatial),
        channel(a.layout == ImageLayout::kNchw ? a.spatial : 1),
        image(a.c * a.spatial),
        step(a.layout == ImageLayout::kNchw ? 1 : a.c) {}

  double count() const { return static_cast<double>(n * spatial); }
  // Calls fn(offset) for every element of channel c, image by image.
  template <class F>
  void each(int64_t c, F&& fn) const {
    for (int64_t i = 0; i < n; ++i)
      for (int64_t s = 0; s < spatial; ++s) fn(c * channel + i * image + s * step);
  }
};

constexpr double kElementNs = 4;

template <class T>
void normalise_channel(const BatchNormArgs<T>& a, const ChannelWalk& walk, int64_t c, double mean,
                       double rstd) {
  const double gamma = a.gamma ? a.gamma[c] : 1, beta = a.beta ? a.beta[c] : 0;
  walk.each(c, [&](int64_t at) {
    double y = (a.x[at] - mean) * rstd * gamma + beta;
    if (a.residual) y += a.residual[at];
    a.y[at] = static_cast<T>(a.relu && y < 0 ? 0 : y);
  });
}

}  // namespace

template <class T>
void batch_norm(const BatchNormArgs<T>& a) {
  const ChannelWalk walk(a);
  const double m = walk.count();
  parallel_rows(a.c, kElementNs * m, [&](int64_t begin, int64_t end) {
    for (int64_t c = begin; c < end; ++c) {
      double sum = 0, squares = 0;
      walk.each(c, [&](int64_t at) { sum += a.x[at]; });
      const double mean = sum / m;
      walk.each(c, [&](int64_t at) { squares += (a.x[at] - mean) * (a.x[at] - mean); });
      const double var = squares / m, rstd = 1 / std::sqrt(var + a.eps);
      a.mean[c] = static_cast<T>(mean);
      a.rstd[c] = static_cast<T>(rstd);
      if (a.running_mean) {
        const double old = 1 - a.momentum;
        a.running_mean[c] = static_cast<T>(old * a.running_mean[c] + a.momentum * mean);
        a.running_var[c] = static_cast<T>(old * a.running_var[c] + a.momentum * squares / (m - 1));
      }
      normalise_channel(a, walk, c, mean, rstd);
    }
  });
}

template <class T>
void batch_norm_eval(const BatchNormArgs<T>& a) {
  const ChannelWalk walk(a);
  parallel_rows(a.c, kElementNs * walk.count(), [&](int64_t begin, int64_t end) {
    for (int64_t c = begin; c < end; ++c) {
      const double mean = a.running_mean[c], rstd = 1 / std::sqrt(a.running_var[c] + a.eps);
      if (a.mean) a.mean[c] = static_cast<T>(mean);
      if (a.rstd) a.rstd[c] = static_cast<T>(rstd);
      normalise_channel(a, walk, c, mean, rstd);
    }
  });
}

template <class T>
void batch_norm_grad(const BatchNormGradArgs<T>& a) {
  const ChannelWalk walk(a);
  const double m = walk.count();
  parallel_rows(a.c, kElementNs * m, [&](int64_t begin, int64_t end) {
    for (int64_t c = begin; c < end; ++c) {
      const double mean = a.mean[c], rstd = a.rstd[c], gamma = a.gamma ? a.gamma[c] : 1;
      const double beta = a.beta ? a.beta[c] : 0;
      const auto masked = [&](int64_t at) {
        if (!a.relu) return a.dy[at];
        const double y = a.y ? a.y[at] : (a.x[at] - mean) * rstd * gamma + beta;
        return y <= 0 ? T(0) : a.dy[at];
      };
      double dgamma = 0, dbeta = 0;
      walk.each(c, [&](int64_t at) {
        dbeta += masked(at);
        dgamma += masked(at) * (a.x[at] - mean) * rstd;
      });
      if (a.dgamma) a.dgamma[c] = static_cast<T>(dgamma);
      if (a.dbeta) a.dbeta[c] = static_cast<T>(dbeta);
      walk.each(c, [&](int64_t at) {
        const T d = masked(at);  // read before dx or dresidual may overwrite dy
        double g = d;
        if (a.training) g -= dbeta / m + (a.x[at] - mean) * rstd * dgamma / m;
        if (a.dresidual) a.dresidual[at] = d;
        if (a.dx) a.dx[at] = static_cast<T>(gamma * rstd * g);
      });
    }
  });
}

template void batch_norm(const BatchNormArgs<float>&);
template void batch_norm(const BatchNormArgs<double>&);
template void batch_norm_eval(const BatchNormArgs<float>&);
template void batch_norm_eval(const BatchNormArgs<double>&);
template void batch_norm_grad(const BatchNormGradArgs<float>&);
template void batch_norm_grad(const BatchNormGradArgs<double>&);

}  // namespace tinytorch::kernels::loops
