#include "modules/autograd/debug/scaled-branch.h"

#include <cmath>

#include "tinytorch/core/autograd.h"
#include "tinytorch/core/error.h"
#include "tinytorch/ops/ops.h"

namespace tinytorch::hunt {

Tensor scale_gradient(const Tensor& x, double factor) {
  Tensor y = alias(x, x.layout());
  if (!needs_grad(x)) return y;
  set_gradient("scale_gradient", y, {&x}, [factor](GradContext& c) {
    Tensor g = c.take_grad();
    // Often nobody else needs the gradient any more: then its memory serves for the result.
    const bool alone = g.use_count() == 1 && g.storage().use_count() == 1 && g.is_dense();
    if (alone)
      g.mul_(factor);
    else
      g = g * factor;
    c.set(0, std::move(g));
  });
  return y;
}

ResidualBlock::ResidualBlock(int64_t features, int64_t hidden, double branch_factor)
    : first(add<nn::Linear>("first", features, hidden)),
      second(add<nn::Linear>("second", hidden, features)),
      branch_factor_(branch_factor) {}

std::string ResidualBlock::describe() const {
  return "x + branch(x), the branch's gradient times " + std::to_string(branch_factor_);
}

Tensor ResidualBlock::forward(const Tensor& x) {
  if (x.dim() < 2)
    throw ShapeError("ResidualBlock: a batch of samples is wanted, got " + x.shape().str() + ".");
  // The branch works on rows of features; samples with more dimensions are looked at as rows.
  const bool rows = x.dim() == 2;
  Tensor h = rows ? x : x.flatten(1);
  h = relu(first(h));
  h = second(h);
  h = scale_gradient(h, branch_factor_);
  return x + (rows ? h : h.view(x.shape()));
}

ResidualNet::ResidualNet(int64_t features, int64_t hidden, int64_t classes, int depth,
                         double branch_factor)
    : head(add<nn::Linear>("head", features, classes)) {
  for (int i = 0; i < depth; ++i)
    blocks_.push_back(
        &add<ResidualBlock>("block" + std::to_string(i), features, hidden, branch_factor));
}

Tensor ResidualNet::forward(const Tensor& x) {
  Tensor h = x;
  for (ResidualBlock* block : blocks_) h = (*block)(h);
  return head(h.dim() == 2 ? h : h.flatten(1));
}

namespace {

double norm(const Tensor& g) {
  if (!g.defined()) return 0;
  const NoGrad no_grad;
  return std::sqrt((g * g).sum().item());
}

}  // namespace

std::vector<double> gradient_profile(ResidualNet& net, int depth) {
  const double last = norm(net.head.weight.grad());
  std::vector<double> out;
  for (int i = 0; i < depth; ++i) {
    const double here =
        std::hypot(norm(net.block(i).first.weight.grad()), norm(net.block(i).second.weight.grad()));
    out.push_back(last > 0 ? here / last : 0);
  }
  return out;
}

}  // namespace tinytorch::hunt
