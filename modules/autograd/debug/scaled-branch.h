#pragma once
// Residual networks whose branches learn with a smaller gradient than their shortcuts.
#include <string>
#include <vector>

#include "tinytorch/nn/linear.h"

namespace tinytorch::hunt {

// The values of x; the gradient that comes back is multiplied by `factor`.
Tensor scale_gradient(const Tensor& x, double factor);

// y = x + branch(x), branch = second(relu(first(x))) over all features of a sample. x is (n,
// features) or has more dimensions behind the first, whose product is `features`; y has x's shape.
// The gradient of the branch is multiplied by `branch_factor`, the shortcut's is not.
class ResidualBlock : public nn::Module {
 public:
  ResidualBlock(int64_t features, int64_t hidden, double branch_factor);
  Tensor forward(const Tensor& x) override;
  const char* kind() const override { return "ResidualBlock"; }
  std::string describe() const override;

  nn::Linear& first;
  nn::Linear& second;

 private:
  double branch_factor_;
};

// `depth` blocks, then a linear layer to the classes.
class ResidualNet : public nn::Module {
 public:
  ResidualNet(int64_t features, int64_t hidden, int64_t classes, int depth, double branch_factor);
  Tensor forward(const Tensor& x) override;
  const char* kind() const override { return "ResidualNet"; }
  ResidualBlock& block(int i) { return *blocks_.at(static_cast<size_t>(i)); }
  nn::Linear& head;

 private:
  std::vector<ResidualBlock*> blocks_;
};

// How large the gradient of each block's weights is against that of the head: a report for people.
std::vector<double> gradient_profile(ResidualNet& net, int depth);

}  // namespace tinytorch::hunt
