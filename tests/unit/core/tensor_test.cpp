#include "tinytorch/core/tensor.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tinytorch/core/autograd.h"
#include "tinytorch/core/error.h"
#include "tinytorch/ops/ops.h"

namespace tinytorch {
namespace {

TEST(Tensor, AnUndefinedOneIsAnErrorWhereverItIsUsed) {
  const Tensor none, x = ones({2});
  const auto text_of = [](const auto& use) {
    try {
      use();
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string("nothing was thrown");
  };
  for (const std::string& text :
       {text_of([&] { static_cast<void>(x + none); }),
        text_of([&] { static_cast<void>(none * x); }), text_of([&] { relu(none); }),
        text_of([&] { matmul(none, x); }), text_of([&] { static_cast<void>(none.view({2})); }),
        text_of([&] { none.backward(); }), text_of([&] { static_cast<void>(none.dim()); }),
        text_of([&] { static_cast<void>(none.is_leaf()); }),
        text_of([&] { static_cast<void>(none.grad()); }), text_of([&] { Tensor().set_grad({}); }),
        text_of([&] { Tensor().set_grad(x); }), text_of([&] { Tensor().set_data(x); }),
        text_of([&] { Tensor().set_requires_grad(); }), text_of([&] { none.register_hook({}); }),
        text_of([&] { Tensor().copy_(ones({2}).set_requires_grad()); })})
    EXPECT_NE(text.find("undefined"), std::string::npos) << text;
}

TEST(Tensor, FlattenOfAScalarAndOfAVector) {
  EXPECT_EQ(scalar_tensor(2).flatten().shape(), Shape{1});
  EXPECT_EQ(zeros({3}).flatten().shape(), Shape{3});
}

TEST(Tensor, ArangeRefusesWhatHasNoEnd) {
  EXPECT_THROW(arange(0, 1, 0, DType::kF32), ConfigError);
  EXPECT_THROW(arange(-INFINITY, 1, 1, DType::kF32), ConfigError);
  EXPECT_THROW(arange(0, INFINITY, 1, DType::kF32), ConfigError);
  EXPECT_THROW(arange(0, NAN, 1, DType::kF32), ConfigError);
}

Tensor counted(const Shape& shape) {
  return arange(shape.product()).to(DType::kF32).reshape(shape);
}

// Else the result would depend on the width of vectors and on which thread comes first.
TEST(InPlace, RefusesMemoryThatIsReadElsewhereOrWrittenTwice) {
  Tensor x = counted({4, 4}), row = counted({5});
  const auto shifted = [&] { return row.narrow(0, 1, 4); };
  const uint32_t before = x.version(), row_before = row.version();
  EXPECT_THROW(shifted().add_(row.narrow(0, 0, 4)), ShapeError);
  EXPECT_THROW(shifted().mul_(row.narrow(0, 0, 4)), ShapeError);
  EXPECT_THROW(shifted().div_(row.narrow(0, 0, 4)), ShapeError);
  EXPECT_THROW(shifted().copy_(row.narrow(0, 0, 4)), ShapeError);
  EXPECT_THROW(row.add_(row[1]), ShapeError);
  EXPECT_THROW(x.copy_(x.t()), ShapeError);
  EXPECT_THROW(x.add_(x[0]), ShapeError);
  EXPECT_THROW(x.narrow(1, 0, 2).add_(x.narrow(1, 1, 2)), ShapeError);  // columns 0 1, 1 2
  EXPECT_THROW(ones({1}).expand({4}).add_(1), ShapeError);
  EXPECT_THROW(ones({2, 1}).expand({2, 3}).mul_(zeros({3})), ShapeError);
  EXPECT_THROW(ones({3, 1, 2}).expand({3, 4, 2}).copy_(zeros({2})), ShapeError);
  EXPECT_THROW(ones({}).expand({4}).fill_(2), ShapeError);
  EXPECT_THROW(alias(row, {{2, 3}, {2, 1}, 0}).zero_(), ShapeError);  // windows 0 1 2, 2 3 4
  EXPECT_EQ(to_vector<float>(x), to_vector<float>(counted({4, 4})));
  EXPECT_EQ(to_vector<float>(row), to_vector<float>(counted({5})));
  EXPECT_EQ(x.version(), before);
  EXPECT_EQ(row.version(), row_before);
}

TEST(InPlace, TakesPartsOfOneTensorThatDoNotMeet) {
  using Part = Tensor (*)(const Tensor&);
  const std::pair<Part, Part> parts[] = {
      {[](const Tensor& x) { return x; }, [](const Tensor& x) { return x; }},
      {[](const Tensor& x) { return x; }, [](const Tensor& x) { return x.view({4, 4}); }},
      {[](const Tensor& x) { return x.t(); }, [](const Tensor& x) { return x.t(); }},
      // one element, halves
      {[](const Tensor& x) { return x[0].narrow(0, 1, 1); },
       [](const Tensor& x) { return x[0][1]; }},
      {[](const Tensor& x) { return x.narrow(0, 0, 2); },
       [](const Tensor& x) { return x.narrow(0, 2, 2); }},
      // columns, blocks of them, one for all the others
      {[](const Tensor& x) { return x.select(1, 0); },
       [](const Tensor& x) { return x.select(1, 3); }},
      {[](const Tensor& x) { return x.narrow(1, 2, 2); },
       [](const Tensor& x) { return x.narrow(1, 0, 2); }},
      {[](const Tensor& x) { return x.narrow(1, 1, 3); },
       [](const Tensor& x) { return x.narrow(1, 0, 1); }},
      // every second row or column, channels
      {[](const Tensor& x) { return x.slice(0, 0, 4, 2); },
       [](const Tensor& x) { return x.slice(0, 1, 4, 2); }},
      {[](const Tensor& x) { return x.slice(1, 1, 4, 2); },
       [](const Tensor& x) { return x.slice(1, 0, 4, 2); }},
      {[](const Tensor& x) { return x.view({2, 2, 4}).select(1, 1); },
       [](const Tensor& x) { return x.view({2, 2, 4}).select(1, 0); }}};
  for (const auto& [to, from] : parts) {
    const Tensor x = counted({4, 4}), by_copy = counted({4, 4});
    to(x).add_(from(x));
    to(by_copy).add_(from(by_copy).clone());
    EXPECT_EQ(to_vector<float>(x), to_vector<float>(by_copy)) << to(x).shape().str();
  }
  alias(zeros({4}), {{0, 2}, {0, 1}, 0}).fill_(1);  // nothing is written
}

TEST(InPlace, AGradientThatLiesInOnePlaceIsAddedTo) {
  Tensor x = ones({3}).set_requires_grad();
  x.set_grad(scalar_tensor(2).expand({3}));
  (x * 3.0).sum().backward();
  EXPECT_EQ(to_vector<float>(x.grad()), (std::vector<float>{5, 5, 5}));
}

TEST(Tensor, AttentionOnOneKeyOfOneNumberIsItsValue) {
  const Tensor v = Tensor::of({1, 2, 3}, {{3, 1, 1}});
  const Tensor y = scaled_dot_product_attention(ones({3, 1, 1}), ones({3, 1, 1}), v);
  EXPECT_EQ(to_vector<float>(y), (std::vector<float>{1, 2, 3}));
}

TEST(Tensor, ViewsRefuseWhatWouldOverflow) {
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
  const Tensor x = Tensor::of({1, 2, 3, 4, 5});
  EXPECT_THROW(x.narrow(0, 1, kMost), IndexError);
  EXPECT_THROW(x.narrow(0, 6, 0), IndexError);
  EXPECT_EQ(x.narrow(0, 5, 0).numel(), 0);
  EXPECT_EQ(to_vector<float>(x.slice(0, 0, 5, kMost)), (std::vector<float>{1}));
  EXPECT_EQ(to_vector<float>(x.slice(0, 1, 5, kMost - 3)), (std::vector<float>{2}));
  EXPECT_EQ(ones({5, 3}).slice(0, 0, 5, kMost).shape(), (Shape{1, 3}));
  EXPECT_EQ(to_vector<float>(x.slice(0, 0, 5, 2)), (std::vector<float>{1, 3, 5}));
  EXPECT_EQ(x.slice(0, 3, 3, 2).numel(), 0);
  EXPECT_THROW(ones({1, 1}).expand({int64_t{1} << 32, int64_t{1} << 31}), ShapeError);
}

TEST(Tensor, IntegersTakeNoFractionOfATerm) {
  const Tensor a = Tensor::of({1, 2}).to(DType::kI64);
  EXPECT_THROW(add(a, a, 0.5), DTypeError);
  EXPECT_THROW(a.clone().add_(a, 0.5), DTypeError);
  EXPECT_EQ(to_vector<int64_t>(add(a, a, 3)), (std::vector<int64_t>{4, 8}));
}

TEST(Errors, NameTheModuleBehindTheOperationAlone) {
  Error operation("linear: input [3] does not fit.");
  operation.add_module("fc1"), operation.add_module("encoder");
  EXPECT_STREQ(operation.what(), "linear (encoder.fc1): input [3] does not fit.");
  const std::string text = "THREADS is 'abc', not a number from 1 to 9. Hint: unset it.";
  Error other(text);
  other.add_module("fc1"), other.add_module("encoder");
  EXPECT_EQ(other.what(), text);
}

}  // namespace
}  // namespace tinytorch
