#include "tinytorch/core/autograd.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <stdexcept>

#include "tinytorch/core/random.h"
#include "tinytorch/ops/ops.h"

namespace tinytorch {
namespace {

Tensor leaf(std::initializer_list<double> values) {
  return Tensor::of(values).set_requires_grad();
}

std::string message_of(const std::function<void()>& run) {
  try {
    run();
  } catch (const Error& e) {
    return e.what();
  }
  return "no error";
}

TEST(Autograd, GradientsOfAProductReachBothLeaves) {
  Tensor a = leaf({2, 3}), b = leaf({5, 7});
  (a * b).sum().backward();
  EXPECT_EQ(to_vector<float>(a.grad()), (std::vector<float>{5, 7}));
  EXPECT_EQ(to_vector<float>(b.grad()), (std::vector<float>{2, 3}));
}

TEST(Autograd, ASecondBackwardAddsToTheGradient) {
  Tensor a = leaf({2});
  (a * 3.0).sum().backward();
  (a * a).sum().backward();
  EXPECT_EQ(a.grad().item(), 3 + 4);
}

TEST(Autograd, EveryPathToALeafCounts) {
  Tensor x = leaf({3});
  Tensor y = x * x;
  (y * x + y).sum().backward();  // x^3 + x^2
  EXPECT_EQ(x.grad().item(), 3 * 9 + 2 * 3);
}

TEST(Autograd, AMillionNodesNeitherOverflowNorSlow) {
  const auto seconds_for = [](int n) {
    Tensor x = leaf({1});
    Tensor y = x;
    for (int i = 0; i < n; ++i) y = y + x;
    const auto start = std::chrono::steady_clock::now();
    y.backward();
    const double s =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    EXPECT_EQ(x.grad().item(), n + 1);
    return s;
  };
  seconds_for(1000);
  const double small = seconds_for(100'000), large = seconds_for(1'000'000);
  EXPECT_LT(large, 40 * small + 0.05) << "backward is not linear in the number of nodes";
}

TEST(Autograd, AnUnusedChainOfAMillionNodesDies) {
  Tensor y = leaf({1});
  for (int i = 0; i < 1'000'000; ++i) y = neg(y);
  y = Tensor();
}

TEST(Autograd, SharedNodesRunOnce) {
  Tensor x = leaf({1});
  Tensor y = x;
  for (int i = 0; i < 60; ++i) y = y + y;  // 2^60 paths
  y.backward();
  EXPECT_EQ(x.grad().item(), std::pow(2.0, 60));
}

TEST(Autograd, AChangeInPlaceOfASavedValueIsReported) {
  Tensor a = leaf({2, 3});
  Tensor b = a * 1.0;
  Tensor y = (b * b).sum();
  {
    const NoGrad no_grad;
    b.add_(1.0);
  }
  const std::string text = message_of([&] { y.backward(); });
  EXPECT_NE(text.find("backward of mul: a saved input of shape [2] was changed in place"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("version 1, saved at version 0"), std::string::npos) << text;
}

TEST(Autograd, AViewSharesTheVersionOfItsBase) {
  Tensor a = leaf({2, 3});
  Tensor b = a * 1.0;
  Tensor y = (b * b).sum();
  b.detach().narrow(0, 0, 1).fill_(9);
  EXPECT_NE(message_of([&] { y.backward(); }).find("changed in place"), std::string::npos);
}

TEST(Autograd, LeavesAndViewsInAGraphCannotBeChangedInPlace) {
  Tensor a = leaf({2, 3});
  EXPECT_NE(message_of([&] { a.add_(1.0); }).find("a leaf of shape [2] that requires a gradient"),
            std::string::npos);
  Tensor b = a * 2.0;
  EXPECT_NE(message_of([&] { b.narrow(0, 0, 1).mul_(2.0); }).find("a view of shape [1]"),
            std::string::npos);
  EXPECT_EQ(to_vector<float>(a), (std::vector<float>{2, 3}));
}

TEST(Autograd, InPlaceOperationsInAGraphAreDifferentiated) {
  Tensor a = leaf({2, 3});
  Tensor b = a * 2.0;
  b.add_(a);                   // 3a
  b.mul_(b.detach().clone());  // times 6, 9
  b.sum().backward();
  EXPECT_EQ(to_vector<float>(a.grad()), (std::vector<float>{18, 27}));
}

TEST(Autograd, AViewOlderThanARecordedChangeOfItsBaseIsAnError) {
  using Change = std::function<void(Tensor&)>;
  using View = std::function<Tensor(const Tensor&)>;
  const std::pair<const char*, Change> changes[] = {
      {"mul_", [](Tensor& y) { y.mul_(2.0); }},
      {"add_", [](Tensor& y) { y.add_(y.detach().clone()); }},
      {"zero_", [](Tensor& y) { y.zero_(); }},
      {"fill_", [](Tensor& y) { y.fill_(3); }},
      {"copy_", [](Tensor& y) { y.copy_(y.detach().clone() * leaf({2, 2, 2})); }}};
  const std::pair<const char*, View> views[] = {
      {"narrow", [](const Tensor& y) { return y.narrow(0, 1, 2); }},
      {"view", [](const Tensor& y) { return y.view({3, 1}); }},
      {"unsqueeze", [](const Tensor& y) { return y.unsqueeze(0); }},
      {"expand", [](const Tensor& y) { return y.expand({2, 3}); }},
      {"view of a view", [](const Tensor& y) { return y.view({3, 1}).t(); }}};
  for (const auto& [change_name, change] : changes)
    for (const auto& [view_name, view] : views) {
      SCOPED_TRACE(std::string(change_name) + " behind " + view_name);
      Tensor x = leaf({1, 2, 3});
      Tensor y = x * 1.0;
      const Tensor before = view(y);
      const Tensor used = before + 1.0;  // before the change: good
      change(y);
      EXPECT_NE(message_of([&] { sum(before); }).find("take the view after the change"),
                std::string::npos);
      sum(used).backward();
      EXPECT_TRUE(x.grad().defined());
    }
  Tensor x = leaf({1, 2, 3});
  Tensor y = x * 1.0;
  y.mul_(2.0);
  sum(y.narrow(0, 1, 2)).backward();
  EXPECT_EQ(to_vector<float>(x.grad()), (std::vector<float>{0, 2, 2}));
}

TEST(Autograd, AViewOfALeafOutlivesChangesUnderNoGrad) {
  Tensor w = leaf({1, 2, 3});
  const Tensor v = w.view({3, 1}).narrow(0, 1, 2);
  {
    const NoGrad no_grad;
    w.mul_(2.0);
  }
  sum(v * 3.0).backward();
  EXPECT_EQ(to_vector<float>(w.grad()), (std::vector<float>{0, 3, 3}));
  Tensor own = (w * 2.0).view({3, 1});
  {
    const NoGrad no_grad;
    own.add_(1.0);
  }
  sum(own).backward();
  EXPECT_EQ(to_vector<float>(w.grad()), (std::vector<float>{2, 5, 5}));
}

TEST(Autograd, AValueWithAGradientIsNotLostInAViewOfAnother) {
  const Tensor x = leaf({1, 2});
  const Tensor base = zeros({3});
  for (const auto& [name, write] :
       {std::pair<const char*, std::function<void(Tensor)>>{"add_", [&](Tensor v) { v.add_(x); }},
        {"sub_", [&](Tensor v) { v.sub_(x); }},
        {"mul_", [&](Tensor v) { v.mul_(x); }},
        {"div_", [&](Tensor v) { v.div_(x); }}}) {
    SCOPED_TRACE(name);
    EXPECT_NE(message_of([&] { write(base.narrow(0, 1, 2)); }).find("write through the base"),
              std::string::npos);
    EXPECT_EQ(base.version(), 0u);
  }
  // Nobody else holds the memory: the view is as good as its base.
  Tensor alone = zeros({2, 1}).view({2});
  alone.add_(x);
  alone.mul_(x);
  sum(alone).backward();
  EXPECT_EQ(to_vector<float>(x.grad()), (std::vector<float>{2, 4}));
  // Nor does a detached tensor belong to a base in a graph.
  Tensor detached = base.detach();
  detached.narrow(0, 0, 2).add_(x.detach());
  detached.add_(leaf({1, 1, 1}));
  EXPECT_TRUE(detached.requires_grad());
}

TEST(Autograd, TheGraphIsUsedOnceUnlessRetained) {
  Tensor a = leaf({2});
  Tensor y = (a * a).sum();
  y.backward({}, true);
  y.backward();
  EXPECT_EQ(a.grad().item(), 8);
  EXPECT_NE(message_of([&] { y.backward(); }).find("retain_graph"), std::string::npos);
}

TEST(Autograd, SavedValuesAreDroppedDuringBackward) {
  Tensor x = leaf({1, 2, 3});
  Tensor mid = x * 2.0;
  Tensor y = (mid * mid).sum();
  EXPECT_GT(mid.use_count(), 1);
  y.backward();
  EXPECT_EQ(mid.use_count(), 1);
}

TEST(Autograd, NoGradAndDetachRecordNothing) {
  Tensor a = leaf({2});
  {
    const NoGrad no_grad;
    EXPECT_FALSE((a * a).requires_grad());
  }
  EXPECT_FALSE(a.detach().requires_grad());
  EXPECT_FALSE((a.detach() * 2.0).requires_grad());
  EXPECT_TRUE((a * 2.0).requires_grad());
}

TEST(Autograd, HooksSeeAndReplaceGradients) {
  Tensor a = leaf({2});
  Tensor b = a * 3.0;
  double seen = 0;
  b.register_hook([&](const Tensor& g) {
    seen = g.item();
    return g * 10.0;
  });
  (b * 2.0).sum().backward();
  EXPECT_EQ(seen, 2);
  EXPECT_EQ(a.grad().item(), 60);
}

TEST(Autograd, GradGivesGradientsWithoutTouchingLeaves) {
  Tensor a = leaf({2}), unused = leaf({1});
  const Tensor mid = a * a;
  const std::vector<Tensor> g = grad({mid * 3.0}, {a, mid, unused});
  EXPECT_EQ(g[0].item(), 12);
  EXPECT_EQ(g[1].item(), 3);
  EXPECT_FALSE(g[2].defined());
  EXPECT_FALSE(a.grad().defined());
}

TEST(Autograd, SecondDerivativesOfComposedFormulas) {
  Tensor x = leaf({3});
  const Tensor y = x * x * x;
  const Tensor dy = grad({y}, {x}, {}, true, true)[0];
  EXPECT_EQ(dy.item(), 27);
  EXPECT_EQ(grad({dy}, {x})[0].item(), 18);
}

TEST(Autograd, CheckpointGivesTheSameGradientsAndRandomNumbers) {
  const auto run = [](bool recompute) {
    manual_seed(3);
    Tensor x = leaf({1, -2, 3, 4});
    Tensor w = leaf({0.5, 0.25, 2, 1});
    const auto fn = [&](const Tensor& t) { return tanh(dropout(t * w, 0.5) * w); };
    Tensor y = recompute ? checkpoint(fn, x) : fn(x);
    (y * rand({4})).sum().backward();
    return std::make_pair(to_vector<float>(x.grad()), to_vector<float>(w.grad()));
  };
  EXPECT_EQ(run(true), run(false));
}

TEST(Autograd, ACheckpointThatThrowsLeavesTheGeneratorWhereItWas) {
  const Tensor x = leaf({1, 2});
  bool fails = false;
  const Tensor y = checkpoint(
      [&](const Tensor& t) {
        Tensor out = dropout(t, 0.5);
        if (fails) throw std::runtime_error("the second run");
        return out;
      },
      x);
  fails = true;
  static_cast<void>(rand({7}));
  const GeneratorState before = default_generator().state();
  EXPECT_THROW(y.backward(ones({2})), std::runtime_error);
  EXPECT_EQ(default_generator().state(), before);
}

TEST(Autograd, GradRefusesACheckpointBecauseItFillsGrad) {
  const Tensor x = leaf({1, 2}), w = leaf({3, 4}), apart = leaf({5, 6});
  const Tensor inside = checkpoint([&](const Tensor& t) { return t * w; }, x * 2.0);
  const Tensor y = (inside * apart).sum();
  for (const Tensor& input : {x, w})  // before it; in it alone
    EXPECT_NE(message_of([&] { grad({y}, {input}, {}, true); }).find("there is a checkpoint"),
              std::string::npos);
  EXPECT_FALSE(x.grad().defined());
  EXPECT_FALSE(w.grad().defined());
  EXPECT_EQ(to_vector<float>(grad({y}, {apart}, {}, true)[0]), (std::vector<float>{6, 16}));
  y.backward();
  EXPECT_EQ(to_vector<float>(w.grad()), (std::vector<float>{10, 24}));
}

TEST(Autograd, BackwardNeedsAScalarOrAGradient) {
  Tensor a = leaf({1, 2});
  EXPECT_NE(message_of([&] { (a * 2.0).backward(); }).find("only a scalar starts with 1"),
            std::string::npos);
  EXPECT_NE(message_of([&] { Tensor::of({1}).backward(); }).find("has no graph"),
            std::string::npos);
  EXPECT_NE(message_of([&] {
              zeros({2}, DType::kI64).set_requires_grad();
            }).find("dtype i64 has no gradient"),
            std::string::npos);
}

TEST(Autograd, GradCheckFindsAWrongGradient) {
  const Tensor x = Tensor::of({1, 2}, {}, DType::kF64).set_requires_grad();
  const auto wrong = [](const std::vector<Tensor>& in) {
    const NoGrad no_grad;
    Tensor y = in[0] * in[0];
    const GradMode on(true);
    set_gradient("wrong", y, {&in[0]}, [](GradContext& c) { c.set(0, c.grad()); });
    return y;
  };
  EXPECT_FALSE(grad_check(wrong, {x}).ok);
}

TEST(Autograd, GradRunsOnlyWhatLeadsToItsInputs) {
  const Tensor x = Tensor(full({2}, 3)).set_requires_grad();
  const Tensor y = square(x), z = square(y);
  const Tensor dy = grad({sum(z)}, {y})[0];  // frees z's saved values, and no others
  EXPECT_EQ(dy.data<float>()[0], 18);
  EXPECT_FALSE(x.grad().defined());
  y.backward(full({2}, 1));
  EXPECT_EQ(x.grad().data<float>()[1], 6);
}

TEST(Autograd, AGradThatFailsLeavesNothingBehind) {
  Tensor w = leaf({1, 1, 1, 1});
  const Tensor y = (w * w).sum();
  Tensor a = w * 1.0;
  const Tensor older = a.narrow(0, 0, 2);
  a.mul_(3.0);
  EXPECT_THROW(grad({y, older}, {w}, {Tensor(), ones({2})}), GradError);
  y.backward();
  EXPECT_EQ(to_vector<float>(w.grad()), (std::vector<float>{2, 2, 2, 2}));
}

TEST(Autograd, AGradientOfAnotherDtypeIsConverted) {
  Tensor x = leaf({1, -2});
  relu(x).backward(Tensor::of({3, 3}).to(DType::kF64));
  EXPECT_EQ(x.grad().dtype(), DType::kF32);
  EXPECT_EQ(to_vector<float>(x.grad()), (std::vector<float>{3, 0}));
  EXPECT_EQ(grad({relu(x)}, {x}, {ones({2}, DType::kF64)})[0].dtype(), DType::kF32);
}

TEST(Autograd, AHookGivesAGradientOfTheSameKind) {
  for (const bool shape : {true, false}) {
    Tensor x = leaf({1, 2, 3, 4});
    const Tensor y = x * 2.0;
    y.register_hook([=](const Tensor& g) { return shape ? g.narrow(0, 0, 2) : g.to(DType::kF64); });
    EXPECT_EQ(message_of([&] { y.sum().backward(); }),
              shape
                  ? "a hook was given a gradient f32 [4] and gave f32 [2]; both must be the same."
                  : "a hook was given a gradient f32 [4] and gave f64 [4]; both must be the same.");
  }
}

TEST(Autograd, ReluLetsTheGradientThroughANan) {  // as PyTorch, which asks for y <= 0
  Tensor x = leaf({1, -1, std::nan(""), 0});
  for (const bool with_graph : {false, true}) {
    const Tensor g = grad({relu(x).sum()}, {x}, {}, true, with_graph)[0];
    EXPECT_EQ(to_vector<float>(g.detach()), (std::vector<float>{1, 0, 1, 0}));
  }
}

}  // namespace
}  // namespace tinytorch
