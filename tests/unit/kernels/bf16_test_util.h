#pragma once
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "tinytorch/kernels/simd/bf16.h"

namespace tinytorch::testing {

// The nearest bf16, ties to even, by arithmetic alone: 8 significant bits.
inline float nearest_bf16(float x) {
  int exponent = 0;
  const double mantissa = std::frexp(x, &exponent) * 256;  // 128 <= |mantissa| < 256
  return static_cast<float>(std::ldexp(std::nearbyint(mantissa), exponent - 8));
}
inline void round_to_bf16(std::vector<float>& numbers) {
  for (float& x : numbers) x = nearest_bf16(x);
}

// Tests that run on each bf16 unit of this CPU.
class Bf16Units : public ::testing::TestWithParam<kernels::Bf16Unit> {
 protected:
  void SetUp() override {
    if (!kernels::set_bf16_unit(GetParam())) GTEST_SKIP() << "this CPU has no such unit";
  }
  void TearDown() override { kernels::set_bf16_unit(best_); }

 private:
  kernels::Bf16Unit best_ = kernels::bf16_unit();
};
inline auto bf16_units() {
  return ::testing::Values(kernels::Bf16Unit::kDot, kernels::Bf16Unit::kTiles);
}
inline std::string bf16_unit_name(const ::testing::TestParamInfo<kernels::Bf16Unit>& info) {
  return info.param == kernels::Bf16Unit::kDot ? "Dot" : "Tiles";
}

}  // namespace tinytorch::testing
