#include "tinytorch/nn/fuse.h"

#include <gtest/gtest.h>

#include "tinytorch/core/autograd.h"
#include "tinytorch/core/random.h"
#include "tinytorch/nn/activation.h"
#include "tinytorch/nn/conv.h"
#include "tinytorch/nn/linear.h"
#include "tinytorch/nn/norm.h"
#include "tinytorch/ops/ops.h"

namespace tinytorch::nn {
namespace {

double distance(const Tensor& a, const Tensor& b) {
  const NoGrad no_grad;
  const Tensor d = a - b;
  return std::max(max(d).item(), max(neg(d)).item());
}

Conv2d::Options padded() {
  Conv2d::Options options;
  options.padding = 1;
  return options;
}

// Every group that Sequential knows, with sizes that do not divide evenly.
std::shared_ptr<Sequential> network() {
  return std::shared_ptr<Sequential>(new Sequential{
      make<Conv2d>(2, 5, 3, padded()), make<ReLU>(), make<MaxPool2d>(2),    // one pass
      make<Conv2d>(5, 6, 3, padded()), make<BatchNorm2d>(6), make<ReLU>(),  // norm with ReLU
      make<Conv2d>(6, 7, 3, padded()), make<ReLU>(), make<MaxPool2d>(3, 2),
      make<Flatten>(),  // this pooling is not the fused one
      make<Linear>(7 * 2 * 1, 9), make<GELU>(), make<Linear>(9, 3)});
}

TEST(Fusion, IsOnUnlessItIsTurnedOff) {
  EXPECT_TRUE(fusion_enabled());
}

TEST(Fusion, GivesTheValuesAndGradientsOfTheSingleSteps) {
  manual_seed(3);
  const auto net = network();
  const Tensor x = randn({4, 2, 11, 7});
  for (const bool input_gradient : {false, true}) {
    SCOPED_TRACE(input_gradient);
    Tensor in = x.clone();
    if (input_gradient) in.set_requires_grad();
    std::vector<Tensor> single, fused;
    for (const bool fuse : {false, true}) {
      set_fusion(fuse);
      net->zero_grad();
      in.set_grad(Tensor());
      Tensor y = (*net)(in);
      sum(y * y).backward();
      std::vector<Tensor>& out = fuse ? fused : single;
      out.push_back(y.detach());
      for (const Tensor& p : net->parameters()) out.push_back(p.grad().clone());
      if (input_gradient) out.push_back(in.grad().clone());
    }
    set_fusion(true);
    ASSERT_EQ(single.size(), fused.size());
    for (size_t i = 0; i < single.size(); ++i)
      EXPECT_LT(distance(single[i], fused[i]), 2e-4) << "tensor " << i;
  }
}

TEST(Fusion, OnlyReluIsPooledInOnePass) {
  manual_seed(4);
  const Tensor x = randn({2, 3, 8, 6});
  Sequential net{make<Conv2d>(3, 4, 3, padded()), make<GELU>(), make<MaxPool2d>(2)};
  const Tensor fused = net(x);
  set_fusion(false);
  const Tensor single = net(x);
  set_fusion(true);
  EXPECT_LT(distance(single, fused), 1e-5);
}

TEST(Fusion, AHookSeesTheUnfusedResultOfItsModule) {
  manual_seed(4);
  const NoGrad no_grad;
  const Tensor x = randn({1, 2, 8, 8});
  for (const int hooked : {0, 1, 2}) {
    const auto net = network();
    Shape seen;
    bool negative = false;
    (*net)[hooked].register_forward_hook([&](Module&, const Tensor&, const Tensor& out) {
      seen = out.shape();
      negative = max(neg(out)).item() > 0;
      return Tensor();
    });
    net->eval();
    try {
      (*net)(x);
    } catch (const ShapeError&) {  // the last Linear takes another size: not of interest here
    }
    EXPECT_EQ(seen, hooked == 2 ? (Shape{1, 5, 4, 4}) : (Shape{1, 5, 8, 8})) << hooked;
    EXPECT_EQ(negative, hooked == 0);  // before the ReLU
  }
}

// Layers of a user's own, derived from those that Sequential fuses.
template <class M>
struct Negated final : M {
  using M::M;
  Tensor forward(const Tensor& x) override { return neg(M::forward(x)); }
};

TEST(Fusion, ADerivedLayersOwnForwardRuns) {
  manual_seed(4);
  const NoGrad no_grad;
  const Tensor rows = randn({3, 4}), images = randn({2, 2, 6, 6});
  const auto same = [](std::initializer_list<std::shared_ptr<Module>> layers, const Tensor& x) {
    Sequential net(layers);
    net.eval();
    const Tensor y = net(x);
    set_fusion(false);
    const Tensor single = net(x);
    set_fusion(true);
    EXPECT_LT(distance(single, y), 1e-5) << net.str();
  };
  same({make<Linear>(4, 3), make<Negated<ReLU>>()}, rows);
  same({make<Linear>(4, 3), make<Negated<GELU>>()}, rows);
  same({make<Negated<Linear>>(4, 3), make<ReLU>()}, rows);
  same({make<Negated<Conv2d>>(2, 3, 3), make<ReLU>(), make<MaxPool2d>(2)}, images);
  same({make<Conv2d>(2, 3, 3), make<ReLU>(), make<Negated<MaxPool2d>>(2)}, images);
  same({make<Negated<BatchNorm2d>>(2), make<ReLU>()}, images);
}

TEST(Fusion, AnImageTooSmallToPoolGivesThePoolsError) {
  Sequential net{make<Conv2d>(1, 2, 3, padded()), make<ReLU>(), make<MaxPool2d>(2)};
  try {
    net(zeros({1, 1, 1, 4}));
    FAIL() << "expected a ShapeError";
  } catch (const ShapeError& e) {
    EXPECT_NE(std::string(e.what()).find("max_pool2d"), std::string::npos) << e.what();
  }
}

}  // namespace
}  // namespace tinytorch::nn
