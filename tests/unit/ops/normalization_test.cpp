// What the generated suite does not see of the normalisations: their running statistics, and the
// eps that follows from the dtype.
#include "tinytorch/ops/normalization.h"

#include <gtest/gtest.h>

#include <cmath>

namespace tinytorch {
namespace {

TEST(Normalization, InstanceNormMovesTheRunningStatisticsAsPyTorch) {
  const Tensor x = Tensor::of({1, 2, 4, 0, -1, 3, 2, 2, 5, 7, 1, 1}, Shape{2, 2, 3});
  const Tensor running_mean = Tensor::of({0.5, -1}), running_var = Tensor::of({2, 1});
  instance_norm(x, running_mean, running_var, {}, {}, true, 0.25);
  const float mean[] = {25.0f / 24, -7.0f / 24}, var[] = {13.0f / 6, 67.0f / 24};
  for (int c = 0; c < 2; ++c) {
    EXPECT_FLOAT_EQ(running_mean.data<float>()[c], mean[c]);
    EXPECT_FLOAT_EQ(running_var.data<float>()[c], var[c]);
  }
  instance_norm(x, running_mean, running_var, {}, {}, /*use_input_stats=*/false, 0.25);
  EXPECT_FLOAT_EQ(running_mean.data<float>()[0], mean[0]);
}

TEST(Normalization, RmsNormWithoutEpsUsesTheDtypesOwn) {
  const double small = 1e-4;  // whose square is far below f32's epsilon
  const Tensor x = full({1, 4}, small);
  EXPECT_NEAR(rms_norm(x, {4}).select(1, 0).item(), small / std::sqrt(1e-8 + 0x1p-23), 1e-7);
  const Tensor wide = x.to(DType::kF64);
  EXPECT_NEAR(rms_norm(wide, {4}).select(1, 0).item(), 1, 1e-7);
}

}  // namespace
}  // namespace tinytorch
