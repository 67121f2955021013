// What optimizers make of parameters whose data was replaced, has gaps or is frozen, and of their
// own saved state. The formulas: tests/unit/kernels and golden.
#include "tinytorch/optim/optimizer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <memory>

#include "tinytorch/core/autograd.h"
#include "tinytorch/ops/ops.h"

namespace tinytorch::optim {
namespace {

using Make = std::function<std::unique_ptr<Optimizer>(std::vector<Tensor>)>;

template <class O, class Options>
Make with(const Options& options) {
  return [=](std::vector<Tensor> p) { return std::make_unique<O>(std::move(p), options); };
}

// Every optimizer with every choice of state.
const std::pair<const char*, Make> kOptimizers[] = {
    {"sgd", with<Sgd>(SgdOptions{.lr = 0.1})},
    {"sgd with momentum", with<Sgd>(SgdOptions{0.1, 0.9, 0.1, true})},
    {"adam", with<Adam>(AdamOptions{.lr = 0.1})},
    {"adamw", with<Adam>(AdamOptions{.lr = 0.1, .weight_decay = 0.1, .decoupled = true})},
    {"rmsprop", with<Rmsprop>(RmspropOptions{.lr = 0.1})},
    {"rmsprop with momentum", with<Rmsprop>(RmspropOptions{.lr = 0.1, .momentum = 0.9})},
    {"rmsprop, centered", with<Rmsprop>(RmspropOptions{.lr = 0.1, .centered = true})},
    {"rmsprop with both",
     with<Rmsprop>(RmspropOptions{.lr = 0.1, .momentum = 0.9, .centered = true})},
    {"adagrad", with<Adagrad>(AdagradOptions{.lr = 0.1, .initial_accumulator_value = 0.5})},
    {"lion", with<Lion>(LionOptions{.lr = 0.1})},
};

Tensor parameter(const Shape& shape) {
  return Tensor(full(shape, 1)).set_requires_grad();
}
// A gradient of distinct numbers that depend on the step.
Tensor gradient(const Tensor& p, int step) {
  const Tensor g = arange(p.numel()).to(DType::kF32).reshape(p.shape());
  return (g * 0.5 + (1.0 + step)) * (step % 2 ? -1.0 : 1.0);
}
void run(Optimizer& optimizer, const Tensor& p, int from, int to) {
  for (int step = from; step < to; ++step) {
    Tensor(p).set_grad(gradient(p, step));
    optimizer.step();
  }
}

std::string message_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const ShapeError& e) {
    return e.what();
  }
  return "no error";
}

TEST(Optimizers, AParameterOfAnotherSizeIsAnErrorBeforeAnythingChanges) {
  for (const auto& [name, make] : kOptimizers) {
    SCOPED_TRACE(name);
    Tensor other = parameter({2}), p = parameter({3});
    const auto optimizer = make({other, p});
    other.set_grad(ones({2}));
    p.set_grad(ones({3}));
    optimizer->step();
    const std::vector<float> before = to_vector<float>(other);
    const std::vector<int64_t> steps = optimizer->steps();

    p.set_data(ones({5}));  // the gradient still has three elements
    EXPECT_NE(message_of([&] {
                optimizer->step();
              }).find("parameter 1 is f32 [5] now, its gradient f32 [3]"),
              std::string::npos);
    p.set_grad(ones({5}));
    if (!optimizer->state_tensors().empty()) {
      EXPECT_NE(
          message_of([&] { optimizer->step(); }).find("parameter 1 is f32 [5] now, its state '"),
          std::string::npos);
    }
    EXPECT_EQ(to_vector<float>(other), before);
    EXPECT_EQ(optimizer->steps(), steps);
  }
}

TEST(Optimizers, AnotherDataOfTheSameShapeGoesOnWhateverItsOrder) {
  for (const auto& [name, make] : kOptimizers) {
    SCOPED_TRACE(name);
    Tensor p = parameter({2, 3}), same = parameter({2, 3});
    const auto a = make({p}), b = make({same});
    run(*a, p, 0, 2);
    run(*b, same, 0, 2);
    p.set_data(p.detach().t().contiguous().t());  // column after column
    ASSERT_NE(p.strides(), same.strides());
    run(*a, p, 2, 4);
    run(*b, same, 2, 4);
    EXPECT_EQ(to_vector<float>(p.detach()), to_vector<float>(same.detach()));
  }
}

TEST(Optimizers, AParameterWithGapsIsChangedAndNothingBesideIt) {
  for (const auto& [name, make] : kOptimizers) {
    SCOPED_TRACE(name);
    const Tensor base = full({3, 4}, 1);
    Tensor p = parameter({2, 3}), same = parameter({2, 3});
    const auto a = make({p}), b = make({same});
    p.set_data(base.narrow(1, 1, 2).t());
    run(*a, p, 0, 3);
    run(*b, same, 0, 3);
    EXPECT_EQ(to_vector<float>(p.detach()), to_vector<float>(same.detach()));
    EXPECT_EQ(to_vector<float>(base.narrow(1, 1, 2).t()), to_vector<float>(same.detach()));
    for (const int64_t column : {0, 3})
      EXPECT_EQ(to_vector<float>(base.select(1, column)), (std::vector<float>{1, 1, 1}));
  }
}

TEST(Optimizers, SavedStateGoesOnBitForBit) {
  for (const auto& [name, make] : kOptimizers) {
    SCOPED_TRACE(name);
    Tensor p = parameter({7});
    const auto whole = make({p});
    run(*whole, p, 0, 3);
    Tensor copy = p.detach().clone().set_requires_grad();
    const auto resumed = make({copy});
    resumed->load_state(whole->state_tensors(), whole->steps());
    run(*whole, p, 3, 6);
    run(*resumed, copy, 3, 6);
    EXPECT_EQ(to_vector<float>(copy.detach()), to_vector<float>(p.detach()));
    EXPECT_EQ(resumed->steps(), whole->steps());
    auto tensors = whole->state_tensors();
    if (tensors.empty()) continue;
    tensors.pop_back();
    EXPECT_THROW(resumed->load_state(tensors, whole->steps()), IoError);
    if (!tensors.empty()) {  // half a state is none, even at step 0
      EXPECT_THROW(resumed->load_state(tensors, {0}), IoError);
    }
  }
}

TEST(Optimizers, FrozenParametersStayAndOthersMove) {
  for (const auto& [name, make] : kOptimizers) {
    SCOPED_TRACE(name);
    Tensor frozen = full({2}, 1), integers = zeros({2}, DType::kI8), p = parameter({2});
    const auto optimizer = make({frozen, integers, p});
    sum(p * frozen).backward();
    optimizer->step();
    EXPECT_EQ(to_vector<float>(frozen), (std::vector<float>{1, 1}));
    EXPECT_NE(p.data<float>()[0], 1);
    EXPECT_EQ(optimizer->steps(), (std::vector<int64_t>{0, 0, 1}));
  }
}

TEST(Optimizers, ANanInOneGradientIsSeenInAllOfThem) {
  Tensor p = parameter({2}), q = parameter({1});
  p.set_grad(Tensor::of({std::numeric_limits<double>::quiet_NaN(), 1}));
  q.set_grad(ones({1}));
  EXPECT_TRUE(std::isnan(clip_grad_norm({p, q}, 1)));
  for (const float g : {p.grad().data<float>()[1], q.grad().data<float>()[0]})
    EXPECT_TRUE(std::isnan(g));
}

TEST(Optimizers, ClippingFollowsTheGradientsSizeNotTheParameters) {
  Tensor p = parameter({3});
  p.set_grad(Tensor::of({0, 3, 4}));
  p.set_data(ones({1000}));
  EXPECT_EQ(clip_grad_norm({p}, 1), 5);
  EXPECT_NEAR(p.grad().data<float>()[2], 0.8, 1e-6);
}

}  // namespace
}  // namespace tinytorch::optim
