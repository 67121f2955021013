// Linear layers and the perceptrons built of them.
#include "tinytorch/nn/linear.h"

#include <cmath>

#include "tinytorch/core/format.h"
#include "tinytorch/nn/activation.h"
#include "tinytorch/nn/init.h"

namespace tinytorch::nn {

// tito:begin 2.0
// tito:end 2.0

Linear::Linear(int64_t in_features, int64_t out_features, bool with_bias) {
  if (in_features < 1 || out_features < 1)
    raise<ConfigError>("Linear({}, {}): both sizes must be positive.", in_features, out_features);
  weight = register_parameter("weight", empty({out_features, in_features}));
  bias = register_parameter("bias", with_bias ? empty({out_features}) : Tensor());
  reset_parameters();
}

// Draws the weight, then the bias, from U(-b, b) with b = 1 / sqrt(in_features), as PyTorch's
// nn.Linear does. The weight is out x in.
void Linear::reset_parameters() {
  // tito:begin 2.9
  const double bound = 1 / std::sqrt(static_cast<double>(weight.size(1)));
  init::uniform_(weight, -bound, bound);
  if (bias.defined()) init::uniform_(bias, -bound, bound);
  // tito:end 2.9
}

// activation(x W^T + bias) over the last dimension of x; the bias may be undefined.
Tensor Linear::forward(const Tensor& x, Fused activation) {
  // tito:begin 2.10
  return linear(x, weight, bias, activation);
  // tito:end 2.10
}

std::string Linear::describe() const {
  return format_text("{} -> {}{}", weight.size(1), weight.size(0),
                     bias.defined() ? "" : ", no bias");
}

void Linear::tie_weight(const Tensor& shared) {
  if (shared.shape() != weight.shape())
    raise<ShapeError>("tie_weight: {} does not fit the weight {}.", shared.shape().str(),
                      weight.shape().str());
  replace_parameter("weight", shared);
  weight = shared;
}

// Children: a Linear from each size to the next, a ReLU between two of them.
Mlp::Mlp(const std::vector<int64_t>& sizes) {
  if (sizes.size() < 2)
    raise<ConfigError>("Mlp: layers needs at least an input and an output size.");
  // tito:begin 2.11a
  for (size_t i = 0; i + 1 < sizes.size(); ++i) {
    if (i > 0) push_back(make<ReLU>());
    push_back(make<Linear>(sizes[i], sizes[i + 1]));
  }
  // tito:end 2.11a
}

// The children in order, on rows: more than two dimensions, (n, c, h, w), become (n, c*h*w) first.
Tensor Mlp::forward(const Tensor& x) {
  // tito:begin 2.11b
  return Sequential::forward(x.dim() > 2 ? x.flatten(1) : x);
  // tito:end 2.11b
}

}  // namespace tinytorch::nn
