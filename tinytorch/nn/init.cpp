#include "tinytorch/nn/init.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>
#include <vector>

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
  if (!is_floating(weight.dtype()))
    raise<DTypeError>("init: a tensor of dtype {} takes no random fractions. Hint: randint().",
                      dtype_name(weight.dtype()));
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
  if (!(low <= high)) raise<ConfigError>("uniform_: from {} to {} is no range.", low, high);
  set_values(weight,
             rand(weight.shape(), DType::kF32, generator) * Scalar(high - low) + Scalar(low));
}
void normal_(Tensor weight, double mean, double std, Generator* generator) {
  if (!(std >= 0)) raise<ConfigError>("normal_: std = {} must not be negative.", std);
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

void ones_(Tensor weight) {
  constant_(std::move(weight), 1);
}
void zeros_(Tensor weight) {
  constant_(std::move(weight), 0);
}
void xavier_normal_(Tensor weight, double gain) {
  const double std = gain * std::sqrt(2.0 / static_cast<double>(fan_in(weight) + fan_out(weight)));
  normal_(std::move(weight), 0, std);
}

double calculate_gain(std::string_view nonlinearity, double param) {
  if (nonlinearity == "tanh") return 5.0 / 3;
  if (nonlinearity == "relu") return std::numbers::sqrt2;
  if (nonlinearity == "leaky_relu") return std::sqrt(2 / (1 + param * param));
  if (nonlinearity == "selu") return 0.75;
  for (const char* name :
       {"linear", "sigmoid", "conv1d", "conv2d", "conv_transpose1d", "conv_transpose2d"})
    if (nonlinearity == name) return 1;
  raise<ConfigError>(
      "init: no gain is known for '{}'. Hint: linear, sigmoid, tanh, relu, leaky_relu, selu, "
      "conv1d, "
      "conv2d, conv_transpose1d and conv_transpose2d are.",
      nonlinearity);
}

namespace {

double kaiming_std(const Tensor& w, double a, FanMode mode, std::string_view nonlinearity) {
  const int64_t fan = mode == FanMode::kFanIn ? fan_in(w) : fan_out(w);
  return calculate_gain(nonlinearity, a) / std::sqrt(static_cast<double>(fan));
}

// The x with erf(x) = y, for |y| < 1: Giles 2010's polynomials for single precision, then a step of
// Newton's method, which doubles the digits.
double inverse_erf(double y) {
  double w = -std::log((1 - y) * (1 + y)), p = 0;
  if (w < 5) {
    w -= 2.5;
    for (const double c : {2.81022636e-08, 3.43273939e-07, -3.5233877e-06, -4.39150654e-06,
                           0.00021858087, -0.00125372503, -0.00417768164, 0.246640727, 1.50140941})
      p = p * w + c;
  } else {
    w = std::sqrt(w) - 3;
    for (const double c : {-0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844,
                           0.00573950773, -0.0076224613, 0.00943887047, 1.00167406, 2.83297682})
      p = p * w + c;
  }
  const double x = p * y;
  return x - (std::erf(x) - y) * std::exp(x * x) * std::sqrt(std::numbers::pi) / 2;
}

}  // namespace

void kaiming_uniform_(Tensor weight, double a, FanMode mode, std::string_view nonlinearity) {
  const double bound = std::sqrt(3.0) * kaiming_std(weight, a, mode, nonlinearity);
  uniform_(std::move(weight), -bound, bound);
}
void kaiming_normal_(Tensor weight, double a, FanMode mode, std::string_view nonlinearity) {
  const double std = kaiming_std(weight, a, mode, nonlinearity);
  normal_(std::move(weight), 0, std);
}

// Gram and Schmidt on normal numbers, each vector twice, which is enough for full precision (Giraud
// et al. 2005). It is the QR decomposition with a positive diagonal of R, so Q is evenly
// distributed (Mezzadri 2007).
void orthogonal_(Tensor weight, double gain, Generator* generator) {
  if (weight.dim() < 2)
    raise<ShapeError>("orthogonal_: the weight {} needs at least 2 dimensions.",
                      weight.shape().str());
  const int64_t rows = weight.size(0), cols = rows ? weight.numel() / rows : 0;
  if (weight.numel() == 0) return;
  const int64_t count = std::min(rows, cols), length = std::max(rows, cols);
  const Tensor drawn = randn({count, length}, DType::kF32, generator).to(DType::kF64);
  double* q = drawn.data<double>();
  const auto dot = [&](int64_t i, int64_t j) {
    double sum = 0;
    for (int64_t k = 0; k < length; ++k) sum += q[i * length + k] * q[j * length + k];
    return sum;
  };
  for (int64_t i = 0; i < count; ++i) {
    for (int pass = 0; pass < 2; ++pass)
      for (int64_t j = 0; j < i; ++j) {
        const double along = dot(i, j);
        for (int64_t k = 0; k < length; ++k) q[i * length + k] -= along * q[j * length + k];
      }
    const double norm = std::sqrt(dot(i, i));
    for (int64_t k = 0; k < length; ++k) q[i * length + k] /= norm;
  }
  const Tensor matrix = rows <= cols ? drawn : drawn.t();
  set_values(weight, (matrix * Scalar(gain)).reshape(weight.shape()));
}

void trunc_normal_(Tensor weight, double mean, double std, double low, double high,
                   Generator* generator) {
  if (!(low < high) || !(std > 0))
    raise<ConfigError>("trunc_normal_: [{}, {}] is empty or std {} not positive.", low, high, std);
  // the inverse of the distribution function, between its values at both ends
  const auto erf_at = [&](double x) { return std::erf((x - mean) / (std * std::numbers::sqrt2)); };
  const double from = erf_at(low), to = erf_at(high);
  const Tensor values = rand(weight.shape(), DType::kF32, generator).to(DType::kF64);
  double* v = values.data<double>();
  for (int64_t i = 0; i < values.numel(); ++i) {
    const double y = from + (to - from) * v[i];
    const double x = y <= -1  ? low
                     : y >= 1 ? high
                              : mean + std * std::numbers::sqrt2 * inverse_erf(y);
    v[i] = std::min(std::max(x, low), high);
  }
  set_values(weight, values);
}

}  // namespace tinytorch::nn::init
