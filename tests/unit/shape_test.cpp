#include "tinytorch/core/shape.h"

#include <gtest/gtest.h>

#include "tinytorch/core/dtype.h"
#include "tinytorch/core/error.h"

namespace tinytorch {
namespace {

TEST(Shape, BroadcastAlignsRightAndNamesTheDisagreeingDim) {
  EXPECT_EQ(broadcast_shapes({2, 1, 4}, {3, 1}, "add"), Shape({2, 3, 4}));
  EXPECT_EQ(broadcast_shapes({}, {0, 2}, "add"), Shape({0, 2}));
  EXPECT_EQ(broadcast_shapes({1}, {0}, "add"), Shape({0}));
  try {
    broadcast_shapes({2, 3}, {2, 4}, "add");
    FAIL() << "no error";
  } catch (const ShapeError& e) {
    EXPECT_NE(std::string(e.what()).find("dim 1 is 3 in the first and 4 in the second"),
              std::string::npos)
        << e.what();
  }
}

TEST(Shape, InsertEraseAndLimit) {
  Dims d{2, 4};
  d.insert(1, 3);
  EXPECT_EQ(d, Dims({2, 3, 4}));
  d.erase(0);
  EXPECT_EQ(d, Dims({3, 4}));
  EXPECT_EQ(d.str(), "[3, 4]");
  EXPECT_THROW(Dims::filled(9, 1), ShapeError);
}

TEST(Shape, NormalizeDim) {
  EXPECT_EQ(normalize_dim(-1, 3, "sum"), 2);
  EXPECT_EQ(normalize_dim(-1, 0, "sum"), 0);
  EXPECT_THROW(normalize_dim(3, 3, "sum"), IndexError);
}

TEST(DType, PromotionFollowsKindThenWidth) {
  EXPECT_EQ(promote(DType::kI64, DType::kF32), DType::kF32);
  EXPECT_EQ(promote(DType::kU8, DType::kI8), DType::kI32);
  EXPECT_EQ(promote(DType::kBool, DType::kU8), DType::kU8);
  EXPECT_EQ(promote(DType::kBF16, DType::kF64), DType::kF64);
}

TEST(DType, BFloat16RoundsToNearestEvenAndKeepsNan) {
  EXPECT_EQ(BFloat16(1.0f).bits, 0x3f80);
  EXPECT_EQ(BFloat16(1.00390625f).bits, 0x3f80);  // half way: to even
  EXPECT_EQ(BFloat16(1.01171875f).bits, 0x3f82);  // half way: to even, up
  const float nan = static_cast<float>(BFloat16(__builtin_nanf("")));
  EXPECT_NE(nan, nan);
}

}  // namespace
}  // namespace tinytorch
