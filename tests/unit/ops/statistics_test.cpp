// What the samples of the op table cannot say of ops/statistics.h: ties, zeros, special values.
#include "tinytorch/ops/statistics.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>

#include "tinytorch/core/autograd.h"
#include "tinytorch/ops/ops.h"

namespace tinytorch {
namespace {

const double kInf = std::numeric_limits<double>::infinity(), kNan = std::nan("");
using Values = std::vector<double>;

Values values(const Tensor& x) {
  return to_vector<double>(x.to(DType::kF64));
}
Tensor leaf(std::initializer_list<double> v, std::optional<Shape> shape = {}) {
  return Tensor::of(v, shape).set_requires_grad();
}
Values gradient(const Tensor& y, const Tensor& x) {
  return values(grad({sum(y)}, {x}, {}, true)[0]);
}

TEST(Statistics, EqualExtremesShareTheGradientButForTheOneWithAnIndex) {
  const Tensor x = leaf({1, 1, 3, 3}, Shape{2, 2});
  EXPECT_EQ(gradient(min(x), x), Values({0.5, 0.5, 0, 0}));
  EXPECT_EQ(gradient(max(x), x), Values({0, 0, 0.5, 0.5}));
  EXPECT_EQ(gradient(amax(x, {0, 1}), x), Values({0, 0, 0.5, 0.5}));
  EXPECT_EQ(gradient(amin(x, {0}), x), Values({1, 1, 0, 0}));
  EXPECT_EQ(gradient(min(x, 1).first, x), Values({1, 0, 1, 0}));
  EXPECT_EQ(values(min(x, 1).second), Values({0, 0}));
}

TEST(Statistics, ExtremesFindNanAndTheEndsOfTheIntegers) {
  const Tensor x = Tensor::of({2, kNan, -kInf, kNan});
  EXPECT_TRUE(std::isnan(min(x).item()));
  EXPECT_EQ(argmin(x).item_as_int(), 1);
  EXPECT_EQ(argmax(x).item_as_int(), 1);
  EXPECT_EQ(min(Tensor::of({kInf, -kInf})).item(), -kInf);
  const int64_t low = std::numeric_limits<int64_t>::min(), high = -(low + 1);
  const Tensor ends = from_vector<int64_t>({0, high, low, low}, {4});
  EXPECT_EQ(min(ends).item_as_int(), low);
  EXPECT_EQ(argmin(ends).item_as_int(), 2);
  EXPECT_EQ(amax(ends).item_as_int(), high);
  EXPECT_EQ(min(Tensor::of({7, 3, 200}, {}, DType::kU8)).dtype(), DType::kU8);
  EXPECT_EQ(argmin(Tensor::of({5, 6, 4, 1}, Shape{2, 2}).t()).item_as_int(), 3);
  EXPECT_EQ(argmin(Tensor::of({5, 1, 4, 6}, Shape{2, 2}).t()).item_as_int(), 2);
}

TEST(Statistics, LengthsOfZeroHaveGradientZero) {
  const Tensor zero = leaf({0, 0, 0, 0}, Shape{2, 2});
  for (const double p : {0.0, 0.5, 1.0, 1.5, 2.0, 3.0, -1.0, kInf, -kInf}) {
    SCOPED_TRACE(p);
    const Tensor n = norm(zero, p, {1});
    EXPECT_EQ(values(n), Values({0, 0}));
    EXPECT_EQ(gradient(n, zero), Values({0, 0, 0, 0}));
  }
  EXPECT_EQ(gradient(std(zero), zero), Values({0, 0, 0, 0}));
  // one entry of several is 0
  const Tensor x = leaf({0, 4});
  for (const double p : {0.5, 1.0, 1.5, 2.0, 3.0, kInf}) {
    SCOPED_TRACE(p);
    const Values g = gradient(norm(x, p), x);
    EXPECT_EQ(g[0], 0);
    EXPECT_NEAR(g[1], 1, 1e-6);
  }
  EXPECT_EQ(values(norm(x, -1)), Values({0}));
  EXPECT_EQ(gradient(norm(x, -1), x), Values({0, 0}));
  EXPECT_EQ(values(norm(leaf({3, -4}), 2)), Values({5}));
  EXPECT_EQ(values(norm(leaf({3, 0, kNan}), 0)), Values({2}));
}

TEST(Statistics, ReductionsTakeDimsInBraces) {
  const Tensor x = Tensor::of({1, 2, 3, 6}, Shape{2, 2});
  EXPECT_EQ(values(sum(x, {1})), Values({3, 9}));
  EXPECT_EQ(values(sum(x, {0, 1})), Values({12}));
  EXPECT_EQ(sum(x, {-1}, true).shape(), (Shape{2, 1}));
  EXPECT_EQ(values(mean(x, {0})), Values({2, 4}));
  EXPECT_EQ(values(mean(x, {})), Values({3}));
  EXPECT_EQ(values(var(x, {0})), Values({2, 8}));
  EXPECT_EQ(values(var(x, {0}, false)), Values({1, 4}));
  EXPECT_EQ(values(amax(x, {1})), Values({2, 6}));
}

TEST(Statistics, StdOfOneValueIsNanUnlessBiased) {
  EXPECT_TRUE(std::isnan(std(Tensor::of({3})).item()));
  EXPECT_EQ(std(Tensor::of({3}), {0}, false).item(), 0);
}

TEST(Statistics, LogSumExpOfInfinities) {
  EXPECT_EQ(logsumexp(Tensor::of({-kInf, -kInf})).item(), -kInf);
  EXPECT_EQ(logsumexp(Tensor::of({kInf, 1})).item(), kInf);
  EXPECT_EQ(logsumexp(Tensor::of({-kInf, 2})).item(), 2);
  EXPECT_EQ(logsumexp(zeros({0})).item(), -kInf);
  EXPECT_EQ(logsumexp(Tensor::of({1000, 1000})).item(), static_cast<float>(1000 + std::log(2)));
}

TEST(Statistics, CumsumKeepsDigitsAndWritesWholeColumns) {
  const int64_t n = 100000;
  EXPECT_EQ(cumsum(full({n}, 0.1f), 0)[n - 1].item<float>(),
            static_cast<float>(static_cast<double>(0.1f) * n));
  const Tensor x = arange(0, 2 * 3 * 150, 1, DType::kF32).reshape({2, 3, 150});
  const Tensor y = cumsum(x, 1);
  EXPECT_EQ(values(y.select(1, 2)), values(sum(x, std::array<int64_t, 1>{1})));
  EXPECT_EQ(cumsum(Tensor::of({1, 1}, {}, DType::kI32), 0).dtype(), DType::kI64);
}

TEST(Statistics, ANanThatIsTheMaximumGetsItsGradientAlone) {
  const Tensor x = leaf({1, kNan, 2});
  EXPECT_EQ(gradient(max(x), x), (Values{0, 1, 0}));
  const Tensor rows = leaf({1, kNan, 5, 5}, Shape{2, 2});
  EXPECT_EQ(gradient(amax(rows, {{1}}), rows), (Values{0, 1, 0.5, 0.5}));
}

TEST(Statistics, TheMeanOfBf16IsRoundedOnce) {
  const Tensor x = full({257}, 3, DType::kBF16);
  EXPECT_EQ(mean(x).to(DType::kF32).item(), 3);
  EXPECT_EQ(mean(x).dtype(), DType::kBF16);
}

TEST(Statistics, SumsOfManyRowsKeepTheirDigits) {
  const int64_t n = 2'000'000;
  const double exact = static_cast<double>(n) * static_cast<double>(0.1f);
  EXPECT_NEAR(full({n}, 0.1).sum().item() / exact, 1, 5e-6);
  EXPECT_NEAR(max(full({n, 2}, 0.1).sum({0})).item() / exact, 1, 2e-6);
}

}  // namespace
}  // namespace tinytorch
