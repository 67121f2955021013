#include "tinytorch/kernels/simd/isa.h"

#include <gtest/gtest.h>

#include <string>

#include "tinytorch/kernels/registry.h"

namespace tinytorch::kernels {
namespace {

TEST(Isa, SetIsaChangesWhatDispatchRuns) {
  const std::string before = simd_target();
  ASSERT_TRUE(set_isa("scalar"));
  EXPECT_STREQ(simd_target(), "SCALAR");
  EXPECT_EQ(current_isa(), Isa::kScalar);
  if (set_isa("avx2")) {
    EXPECT_STREQ(simd_target(), "AVX2");
  }
  const std::string now = simd_target();
  EXPECT_FALSE(set_isa("sse9"));
  EXPECT_EQ(simd_target(), now);
  ASSERT_TRUE(set_isa(nullptr));
  EXPECT_EQ(simd_target(), before);
}

}  // namespace
}  // namespace tinytorch::kernels
