// What the samples of the op table cannot say of ops/math.h: dtypes, kinks, ties, special values.
#include "tinytorch/ops/math.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tinytorch/core/autograd.h"
#include "tinytorch/ops/ops.h"

namespace tinytorch {
namespace {

const double kInf = std::numeric_limits<double>::infinity(), kNan = std::nan("");

std::vector<double> values(const Tensor& x) {
  return to_vector<double>(x.to(DType::kF64));
}
using Values = std::vector<double>;

Tensor leaf(std::initializer_list<double> v, DType dtype = DType::kF32) {
  return Tensor::of(v, {}, dtype).set_requires_grad();
}
// By the kernel, after seeing that the formula for second gradients says the same.
Values gradient(const Tensor& y, const Tensor& x) {
  const Values g = values(grad({sum(y)}, {x}, {}, true)[0]);
  const Values again = values(grad({sum(y)}, {x}, {}, true, true)[0].detach());
  for (size_t i = 0; i < g.size(); ++i)
    EXPECT_TRUE(g[i] == again[i] || (std::isnan(g[i]) && std::isnan(again[i])))
        << i << ": " << g[i] << " and " << again[i];
  return g;
}

TEST(Math, PowKeepsIntegersAndFollowsPromotion) {
  const Tensor i = Tensor::of({-2, 0, 3}, {}, DType::kI32);
  EXPECT_EQ(pow(i, 3).dtype(), DType::kI32);
  EXPECT_EQ(values(pow(i, 3)), Values({-8, 0, 27}));
  EXPECT_EQ(values(pow(i, 0)), Values({1, 1, 1}));
  EXPECT_EQ(pow(i, 0.5).dtype(), DType::kF32);
  EXPECT_EQ(pow(Tensor::of({1, 0}, {}, DType::kBool), 2).dtype(), DType::kI64);
  EXPECT_EQ(pow(2, i).dtype(), DType::kI32);
  EXPECT_EQ(values(pow(2, i)), Values({0, 1, 8}));
  const Tensor e = Tensor::of({-3, -1, -1}, {}, DType::kI64);
  EXPECT_EQ(values(pow(Tensor::of({-1, 1, 5}, {}, DType::kI64), e)), Values({-1, 1, 0}));
  EXPECT_EQ(values(pow(Tensor::of({3}, {}, DType::kI64), 39)), Values({4052555153018976267.0}));
  EXPECT_EQ(pow(leaf({2}).to(DType::kBF16), 1.5).dtype(), DType::kBF16);
}

TEST(Math, ATensorWithoutDimensionsWidensOnlyToAnotherKind) {
  const Tensor f32 = ones({2}), f64 = ones({2}, DType::kF64), i32 = ones({2}, DType::kI32);
  const Tensor one = scalar_tensor(1, DType::kF64), whole = scalar_tensor(1, DType::kI64);
  EXPECT_EQ(maximum(f32, one).dtype(), DType::kF32);
  EXPECT_EQ(maximum(one, f32).dtype(), DType::kF32);
  EXPECT_EQ(maximum(one, ones({2, 2})).dtype(), DType::kF32);
  EXPECT_EQ(maximum(whole, i32).dtype(), DType::kI32);
  EXPECT_EQ(maximum(i32, one).dtype(), DType::kF64);
  EXPECT_EQ(maximum(one, i32).dtype(), DType::kF64);
  EXPECT_EQ(maximum(f32, f64).dtype(), DType::kF64);
  EXPECT_EQ(maximum(one, scalar_tensor(1)).dtype(), DType::kF64);
}

TEST(Math, GradientsOfPowAtZeroArePyTorchs) {
  for (const DType dtype : {DType::kF32, DType::kF64}) {
    const Tensor x = leaf({0, 0, 0, 0, -2}, dtype), e = leaf({0, 1, 2, 0.5, 3}, dtype);
    const Tensor y = pow(x, e);
    EXPECT_EQ(values(y), Values({1, 0, 0, 0, -8}));
    EXPECT_EQ(gradient(y, x), Values({0, 1, 0, kInf, 12}));
    const Values de = gradient(y, e);
    EXPECT_EQ(Values(de.begin(), de.end() - 1), Values({0, 0, 0, 0}));
    EXPECT_TRUE(std::isnan(de.back()));  // the logarithm of a negative number
    const Tensor z = leaf({0, 0}, dtype);
    EXPECT_EQ(gradient(pow(z, 1), z), Values({1, 1}));
    EXPECT_EQ(gradient(pow(z, 0), z), Values({0, 0}));
    EXPECT_EQ(gradient(pow(z, 3), z), Values({0, 0}));
    EXPECT_EQ(gradient(pow(0, z), z), Values({0, 0}));
  }
}

TEST(Math, HalfPrecisionHasGradientsAndTheirGradients) {
  const Tensor x = leaf({2, 4}), y = leaf({3, 0.5});
  for (const bool again : {false, true}) {
    SCOPED_TRACE(again);
    const Tensor a = x.to(DType::kBF16), b = y.to(DType::kBF16);
    const std::vector<Tensor> g = grad({sum(pow(a, b))}, {x, y}, {}, true, again);
    EXPECT_EQ(values(g[0]), Values({12, 0.25}));
    EXPECT_NEAR(values(g[1])[0], 8 * std::log(2), 0.03);
    EXPECT_EQ(values(grad({sum(maximum(a, b))}, {x}, {}, true, again)[0]), Values({0, 1}));
    EXPECT_EQ(values(grad({sum(maximum(a, b))}, {y}, {}, true, again)[0]), Values({1, 0}));
    EXPECT_NEAR(values(grad({sum(sin(a))}, {x}, {}, true, again)[0])[0], std::cos(2), 0.01);
  }
}

TEST(Math, KinksHaveOneGradient) {
  const Tensor x = leaf({0, -0.0, 2, -2});
  EXPECT_EQ(gradient(abs(x), x), Values({0, 0, 1, -1}));
  EXPECT_EQ(gradient(sign(x), x), Values({0, 0, 0, 0}));
  EXPECT_EQ(gradient(leaky_relu(x, 0.5), x), Values({0.5, 0.5, 1, 0.5}));
  EXPECT_EQ(gradient(relu(x), x), Values({0, 0, 1, 0}));
  EXPECT_EQ(gradient(elu(x, 0.5), x)[0], 0.5);
  EXPECT_EQ(gradient(clamp(x, 0, 2), x), Values({1, 1, 1, 0}));
  EXPECT_EQ(gradient(clamp(x, -2, 0), x), Values({1, 1, 0, 1}));
  EXPECT_EQ(gradient(softplus(x, 1, 2), x)[2],
            sigmoid(Tensor::of({2})).item());  // at the threshold
}

TEST(Math, EqualValuesShareTheGradient) {
  const Tensor a = leaf({1, 2, 3, kNan}), b = leaf({1, 3, 2, 0});
  for (const auto fn : {maximum, minimum}) {
    const Tensor y = fn(a, b);
    EXPECT_TRUE(std::isnan(values(y)[3]));
    EXPECT_EQ(gradient(y, a)[0], 0.5);
    EXPECT_EQ(gradient(y, b)[0], 0.5);
    EXPECT_EQ(gradient(y, a)[1] + gradient(y, b)[1], 1);
    EXPECT_EQ(gradient(y, a)[3], 1);  // as in PyTorch, both take it
    EXPECT_EQ(gradient(y, b)[3], 1);
  }
  EXPECT_EQ(maximum(Tensor::of({1}, {}, DType::kI32), leaf({0.5})).dtype(), DType::kF32);
  EXPECT_EQ(
      values(maximum(Tensor::of({0, 1}, {}, DType::kBool), Tensor::of({0, 0}, {}, DType::kBool))),
      Values({0, 1}));
}

TEST(Math, ActivationsDoNotOverflow) {
  const Tensor x = leaf({-1000, 1000, kInf, -kInf});
  EXPECT_EQ(values(softplus(x)), Values({0, 1000, kInf, 0}));
  EXPECT_EQ(gradient(softplus(x), x), Values({0, 1, 1, 0}));
  EXPECT_EQ(values(elu(x)), Values({-1, 1000, kInf, -1}));
  const Tensor g = grad({sum(elu(x))}, {x}, {}, false, true)[0];
  EXPECT_EQ(values(g), Values({0, 1, 1, 0}));
  EXPECT_EQ(gradient(g, x), Values({0, 0, 0, 0}));
}

TEST(Math, LogicTakesWhatIsNotZeroForTrue) {
  const Tensor x = Tensor::of({0, -0.0, 0.5, kNan});
  EXPECT_EQ(values(logical_not(x)), Values({1, 1, 0, 0}));
  const Tensor i = Tensor::of({2, 0, 2, 0}, {}, DType::kI64);
  EXPECT_EQ(values(logical_and(x, i)), Values({0, 0, 1, 0}));
  EXPECT_EQ(values(logical_or(x, i)), Values({1, 0, 1, 1}));
  EXPECT_EQ(values(logical_xor(x, i)), Values({1, 0, 0, 1}));
  EXPECT_EQ(logical_xor(x, i).dtype(), DType::kBool);
}

TEST(Math, DivisionOfIntegersTakesScalarsThatTheyCannotHold) {
  const Tensor u8 = Tensor::of({1, 2}, {}, DType::kU8), i8 = Tensor::of({3, 6}, {}, DType::kI8);
  EXPECT_EQ((u8 / -1).dtype(), DType::kF32);
  EXPECT_EQ(values(u8 / -1), Values({-1, -2}));
  EXPECT_EQ(values(i8 / 300), Values({3 / 300.0f, 6 / 300.0f}));
  EXPECT_EQ(values(-300 / i8), Values({-100, -50}));
}

TEST(Math, CausalAttentionHidesWhatStandsBehindAQuerysOwnPlace) {
  // Equal scores: a query gives the mean of the values that it sees.
  const auto means = [](int64_t queries, int64_t keys, int64_t past) {
    const Tensor v = arange(keys).to(DType::kF32).reshape({keys, 1});
    return values(scaled_dot_product_attention(zeros({queries, 1}), zeros({keys, 1}), v,
                                               /*causal=*/true, past));
  };
  EXPECT_EQ(means(2, 5, 0), Values({0, 0.5}));  // torch.ones(2, 5).tril()
  EXPECT_EQ(means(4, 2, 0), Values({0, 0.5, 0.5, 0.5}));
  EXPECT_EQ(means(2, 5, 3), Values({1.5, 2}));  // behind a cache of three keys
  EXPECT_EQ(means(1, 3, 7), Values({1}));
}

TEST(Math, InPlaceOnALargeViewHappensOnce) {
  Tensor whole = zeros({600, 700}), view = whole.narrow(1, 20, 650);
  view.add_(ones({600, 650}));  // rows with gaps, and enough of them for all threads
  EXPECT_EQ(max(view).item(), 1);
  EXPECT_EQ(sum(whole).item(), 600 * 650);
}

TEST(Math, ConvolutionsRefuseSizesOfEachAxis) {
  const Tensor x = zeros({1, 2, 5, 5}), w = zeros({3, 2, 3, 3});
  for (int axis = 0; axis < 2; ++axis) {
    ConvOptions stride, dilation, padding;
    stride.stride[axis] = 0, dilation.dilation[axis] = 0, padding.padding[axis] = -1;
    EXPECT_THROW(conv2d(x, w, {}, stride), ShapeError) << axis;
    EXPECT_THROW(conv2d(x, w, {}, dilation), ShapeError) << axis;
    EXPECT_THROW(conv2d(x, w, {}, padding), ShapeError) << axis;
  }
}

}  // namespace
}  // namespace tinytorch
