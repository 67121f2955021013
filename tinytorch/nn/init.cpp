#include "tinytorch/nn/init.h"

#include <cmath>
#include <utility>

#include "tinytorch/core/autograd.h"
#include "tinytorch/core/format.h"
#include "tinytorch/ops/ops.h"

namespace tinytorch::nn::init {

namespace {

int64_t kernel_size(const Tensor& w) {
  if (w.dim() < 2)
    raise<ShapeError>("init: fan in and out need at least 2 dimensions, got {}.", w.shape().str());
  int64_t size = 1;
  for (int i = 2; i < w.dim(); ++i) size *= w.shape()[i];
  return size;
}

// Values are drawn in f32 for every dtype, so that an f64 model starts where the f32 one does.
void set_values(Tensor& weight, const Tensor& values) {
  const NoGrad no_grad;
  weight.copy_(values);
}

}  // namespace

int64_t fan_in(const Tensor& w) {
  return kernel_size(w) * w.shape()[1];
}
int64_t fan_out(const Tensor& w) {
  return kernel_size(w) * w.shape()[0];
}

void uniform_(Tensor weight, double low, double high, Generator* generator) {
  set_values(weight,
             rand(weight.shape(), DType::kF32, generator) * Scalar(high - low) + Scalar(low));
}
void normal_(Tensor weight, double mean, double std, Generator* generator) {
  set_values(weight, randn(weight.shape(), DType::kF32, generator) * Scalar(std) + Scalar(mean));
}
void constant_(Tensor weight, double value) {
  const NoGrad no_grad;
  weight.fill_(value);
}
void kaiming_uniform_(Tensor weight, double a) {
  const double bound = std::sqrt(6.0 / ((1 + a * a) * static_cast<double>(fan_in(weight))));
  uniform_(std::move(weight), -bound, bound);
}
void kaiming_normal_(Tensor weight, double gain) {
  const double std = gain / std::sqrt(static_cast<double>(fan_in(weight)));
  normal_(std::move(weight), 0, std);
}
void xavier_uniform_(Tensor weight, double gain) {
  const double bound =
      gain * std::sqrt(6.0 / static_cast<double>(fan_in(weight) + fan_out(weight)));
  uniform_(std::move(weight), -bound, bound);
}

}  // namespace tinytorch::nn::init
