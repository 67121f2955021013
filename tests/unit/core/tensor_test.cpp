#include "tinytorch/core/tensor.h"

#include <gtest/gtest.h>

#include <cmath>

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
        text_of([&] { none.backward(); }), text_of([&] { static_cast<void>(none.dim()); })})
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

TEST(Tensor, AttentionOnOneKeyOfOneNumberIsItsValue) {
  const Tensor v = Tensor::of({1, 2, 3}, {{3, 1, 1}});
  const Tensor y = scaled_dot_product_attention(ones({3, 1, 1}), ones({3, 1, 1}), v);
  EXPECT_EQ(to_vector<float>(y), (std::vector<float>{1, 2, 3}));
}

}  // namespace
}  // namespace tinytorch
