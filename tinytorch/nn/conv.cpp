// Convolution and pooling layers.
#include "tinytorch/nn/conv.h"

#include <cmath>

#include "tinytorch/core/format.h"
#include "tinytorch/nn/init.h"

namespace tinytorch::nn {

// tito:begin 3.0
// tito:end 3.0

Conv2d::Conv2d(int64_t in, int64_t out, int64_t kernel, const Options& o)
    : options_{{o.stride, o.stride}, {o.padding, o.padding}, {o.dilation, o.dilation}, o.groups} {
  if (in < 1 || out < 1 || kernel < 1 || o.groups < 1 || in % o.groups || out % o.groups)
    raise<ConfigError>("Conv2d({}, {}, {}): sizes must be positive and divisible by {} groups.", in,
                       out, kernel, o.groups);
  // tito:begin 3.8a
  weight = register_parameter("weight", empty({out, in / o.groups, kernel, kernel}));
  bias = register_parameter("bias", o.bias ? empty({out}) : Tensor());
  // tito:end 3.8a
  reset_parameters();
}

// Draws the weight, then the bias, from U(-b, b) with b = 1 / sqrt(fan_in), as PyTorch does; fan_in
// is the number of products in one output: input channels of a group times taps.
void Conv2d::reset_parameters() {
  // tito:begin 3.8b
  const double bound = 1 / std::sqrt(static_cast<double>(init::fan_in(weight)));
  init::uniform_(weight, -bound, bound);
  if (bias.defined()) init::uniform_(bias, -bound, bound);
  // tito:end 3.8b
}

Tensor Conv2d::forward(const Tensor& x, Fused activation) {
  // tito:begin 3.9a
  return conv2d(x, weight, bias, options_, activation);
  // tito:end 3.9a
}

Tensor Conv2d::forward_pooled(const Tensor& x, Fused activation) {
  const auto out_size = [&](int d) {
    const ConvOptions& o = options_;
    return (x.size(2 + d) + 2 * o.padding[d] - o.dilation[d] * (weight.size(2 + d) - 1) - 1) /
               o.stride[d] +
           1;
  };
  if (x.dim() != 4 || out_size(0) < 2 || out_size(1) < 2) return {};
  return conv2d_pool(x, weight, bias, options_, activation);
}

std::string Conv2d::describe() const {
  return format_text("{} -> {}, {}x{}, stride {}, padding {}{}{}", weight.size(1) * options_.groups,
                     weight.size(0), weight.size(2), weight.size(3), options_.stride[0],
                     options_.padding[0],
                     options_.groups > 1 ? format_text(", {} groups", options_.groups) : "",
                     bias.defined() ? "" : ", no bias");
}

MaxPool2d::MaxPool2d(int64_t kernel, int64_t stride, int64_t padding)
    : options_{{kernel, kernel}, {stride, stride}, {padding, padding}, true} {}

Tensor MaxPool2d::forward(const Tensor& x) {
  // tito:begin 3.9b
  return max_pool2d(x, options_);
  // tito:end 3.9b
}

bool MaxPool2d::halves() const {
  const PoolOptions& o = options_;
  const auto two = [](const int64_t(&v)[2]) { return v[0] == 2 && v[1] == 2; };
  return two(o.kernel) && (two(o.stride) || (o.stride[0] == 0 && o.stride[1] == 0)) &&
         o.padding[0] == 0 && o.padding[1] == 0;
}

AvgPool2d::AvgPool2d(int64_t kernel, int64_t stride, int64_t padding)
    : options_{{kernel, kernel}, {stride, stride}, {padding, padding}, true} {}

Tensor AvgPool2d::forward(const Tensor& x) {
  // tito:begin 3.9c
  return avg_pool2d(x, options_);
  // tito:end 3.9c
}

}  // namespace tinytorch::nn
