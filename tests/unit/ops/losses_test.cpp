// What samples away from kinks and edges do not show of the losses. Values are PyTorch's.
#include "tinytorch/ops/losses.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tinytorch/core/autograd.h"
#include "tinytorch/core/random.h"
#include "tinytorch/ops/fusion.h"
#include "tinytorch/tinytorch.h"

namespace tinytorch {
namespace {

TEST(Losses, BinaryCrossEntropyIsFiniteAtTheEnds) {
  Tensor x = Tensor::of({0, 1, 0, 1}).set_requires_grad();
  const Tensor t = Tensor::of({1, 0, 0, 1});
  const Tensor loss = binary_cross_entropy(x, t, {}, Reduction::kNone);
  EXPECT_EQ(to_vector<float>(loss.detach()), (std::vector<float>{100, 100, 0, 0}));
  EXPECT_EQ(to_vector<float>(grad({loss}, {x}, {ones({4})})[0]),
            (std::vector<float>{-1e12f, 1e12f, 0, 0}));
  EXPECT_THROW(binary_cross_entropy(Tensor::of({std::nan("")}), ones({1})), Error);
}

TEST(Losses, EqualValuesHaveNoGradientInL1) {
  for (const double beta : {0.0, 1.0}) {
    Tensor x = Tensor::of({1, 2}).set_requires_grad();
    const Tensor loss = smooth_l1_loss(x, Tensor::of({1, 5}), Reduction::kSum, beta);
    EXPECT_EQ(to_vector<float>(grad({loss}, {x})[0]), (std::vector<float>{0, -1})) << beta;
  }
}

TEST(Losses, DifferencesWhoseSquareOverflowsHaveAGradient) {
  Tensor x = Tensor::of({3e30, -3e30}).set_requires_grad();
  const Tensor loss = smooth_l1_loss(x, zeros({2}), Reduction::kSum);
  EXPECT_EQ(loss.item<float>(), 6e30f);
  EXPECT_EQ(to_vector<float>(grad({loss}, {x})[0]), (std::vector<float>{1, -1}));
}

TEST(Losses, IgnoredRowsMayBeInfinite) {
  const double inf = std::numeric_limits<double>::infinity();
  const Tensor x = Tensor::of({-inf, -2, -1, -inf}, Shape{2, 2});
  const Tensor t = from_vector<int64_t>({-100, 0}, {2});
  EXPECT_EQ(nll_loss(x, t).item(), 1);
  EXPECT_TRUE(std::isnan(nll_loss(x, from_vector<int64_t>({-100, -100}, {2})).item()));
}

TEST(Losses, KlDivergenceOfAnEventThatNeverHappensIsZero) {
  const Tensor each = kl_div(Tensor::of({-3, -0.5}), Tensor::of({0, 1}), KlReduction::kNone);
  EXPECT_EQ(to_vector<float>(each), (std::vector<float>{0, 0.5}));
}

TEST(Losses, KlDivergenceOfANegativeProbabilityIsNaN) {
  const Tensor each = kl_div(Tensor::of({-1, -1}), Tensor::of({-0.5, 1}), KlReduction::kNone);
  EXPECT_TRUE(std::isnan(each.data<float>()[0]));
  EXPECT_EQ(each.data<float>()[1], 1);
}

TEST(Losses, LogitsOfAnySizeGiveFiniteLosses) {
  const Tensor each = binary_cross_entropy_with_logits(Tensor::of({1e4, -1e4, 1e4}),
                                                       Tensor::of({0, 1, 1}), {}, Reduction::kNone);
  EXPECT_EQ(to_vector<float>(each), (std::vector<float>{1e4, 1e4, 0}));
}

// The gradient that the forward pass has made is handed out once; later ones are computed.
TEST(CrossEntropyGradient, IsTheSameOnceTwiceScaledAndWithoutFusion) {
  manual_seed(5);
  const Tensor values = randn({6, 10}), target = randint(0, 10, {6});
  const auto gradient = [&](double scale, bool twice) {
    Tensor x = values.clone();
    x.set_requires_grad();
    const Tensor loss = cross_entropy(x, target) * scale;
    loss.backward({}, twice);
    if (twice) loss.backward();
    return x.grad();
  };
  set_fusion(false);
  const Tensor plain = gradient(1, false);
  set_fusion(true);
  const Tensor wanted = softmax(values, 1);
  for (int64_t r = 0; r < 6; ++r) wanted.data<float>()[10 * r + target.data<int64_t>()[r]] -= 1;
  EXPECT_LT(amax(abs(plain - wanted / 6)).item(), 1e-7);
  EXPECT_EQ(amax(abs(gradient(1, false) - plain)).item(), 0);
  EXPECT_EQ(amax(abs(gradient(1, true) - plain * 2)).item(), 0);
  EXPECT_LT(amax(abs(gradient(3, true) - plain * 6)).item(), 1e-6);
}

TEST(CrossEntropyGradient, LogitsThatChangedAreNoticed) {
  Tensor x = randn({4, 3});
  x.set_requires_grad();
  Tensor logits = x * 2;
  const Tensor loss = cross_entropy(logits, randint(0, 3, {4}));
  logits.add_(1);
  EXPECT_THROW(loss.backward(), GradError);
}

TEST(Losses, LabelSmoothingIsAShare) {
  const Tensor x = zeros({2, 3}), t = zeros({2}, DType::kI64);
  for (const double smoothing : {-1.0, 1.5, std::nan("")}) {
    EXPECT_THROW(cross_entropy(x, t, Reduction::kMean, -100, smoothing), ConfigError);
    EXPECT_THROW(cross_entropy(x, t, ones({3}), -100, Reduction::kMean, smoothing), ConfigError);
  }
}

TEST(Losses, WhatAnIgnoredRowHoldsDoesNotCount) {
  const double inf = std::numeric_limits<double>::infinity();
  const Tensor x = Tensor::of({1, 2, 3, -inf, 0, 1}, Shape{2, 3});
  const Tensor t = Tensor::of({0, -100}).to(DType::kI64);
  const double expected =
      cross_entropy(x.narrow(0, 0, 1), t.narrow(0, 0, 1), Reduction::kMean, -100, 0.1).item();
  EXPECT_NEAR(cross_entropy(x, t, ones({3}), -100, Reduction::kMean, 0.1).item(), expected, 1e-6);
}

}  // namespace
}  // namespace tinytorch
