#include "tinytorch/nn/transposed_conv.h"

#include <cmath>

#include "tinytorch/core/format.h"
#include "tinytorch/nn/init.h"

namespace tinytorch::nn {

namespace {

void check_sizes(const char* kind, int64_t in, int64_t out, int64_t kernel, int64_t groups) {
  if (in < 1 || out < 1 || kernel < 1 || groups < 1 || in % groups || out % groups)
    raise<ConfigError>("{}({}, {}, {}): sizes must be positive and divisible by {} groups.", kind,
                       in, out, kernel, groups);
}

void draw(const Tensor& weight, const Tensor& bias) {
  const double bound = 1 / std::sqrt(static_cast<double>(init::fan_in(weight)));
  init::uniform_(weight, -bound, bound);
  if (bias.defined()) init::uniform_(bias, -bound, bound);
}

}  // namespace

Conv1d::Conv1d(int64_t in, int64_t out, int64_t kernel, const Options& o) : options_(o) {
  check_sizes("Conv1d", in, out, kernel, o.groups);
  weight = register_parameter("weight", empty({out, in / o.groups, kernel}));
  bias = register_parameter("bias", o.bias ? empty({out}) : Tensor());
  draw(weight, bias);
}

Tensor Conv1d::forward(const Tensor& x) {
  const Options& o = options_;
  return conv1d(x, weight, bias, o.stride, o.padding, o.dilation, o.groups);
}

std::string Conv1d::describe() const {
  return format_text("{} -> {}, {}, stride {}, padding {}", weight.size(1) * options_.groups,
                     weight.size(0), weight.size(2), options_.stride, options_.padding);
}

ConvTranspose2d::ConvTranspose2d(int64_t in, int64_t out, int64_t kernel, const Options& o)
    : options_(o) {
  check_sizes("ConvTranspose2d", in, out, kernel, o.groups);
  weight = register_parameter("weight", empty({in, out / o.groups, kernel, kernel}));
  bias = register_parameter("bias", o.bias ? empty({out}) : Tensor());
  draw(weight, bias);
}

Tensor ConvTranspose2d::forward(const Tensor& x) {
  const Options& o = options_;
  return conv_transpose2d(x, weight, bias,
                          {{o.stride, o.stride},
                           {o.padding, o.padding},
                           {o.output_padding, o.output_padding},
                           o.groups,
                           {o.dilation, o.dilation}});
}

std::string ConvTranspose2d::describe() const {
  return format_text("{} -> {}, {}x{}, stride {}, padding {}", weight.size(0),
                     weight.size(1) * options_.groups, weight.size(2), weight.size(3),
                     options_.stride, options_.padding);
}

}  // namespace tinytorch::nn
