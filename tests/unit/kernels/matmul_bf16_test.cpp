#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "tests/unit/kernels/bf16_test_util.h"
#include "tests/unit/kernels/matmul_test_util.h"
#include "tinytorch/core/parallel.h"
#include "tinytorch/kernels/simd/bf16.h"
#include "tinytorch/kernels/simd/isa.h"

namespace tinytorch::kernels {
namespace {

using testing::Case;
using testing::Data;
using testing::Order;

void round_operands(Data<float>& data) {
  testing::round_to_bf16(data.a);
  testing::round_to_bf16(data.b);
}

class MatmulBf16Units : public testing::Bf16Units {};

std::vector<Case> cases() {
  // 64 x 64 x 64 is above the smallest product that is rounded, and so are most of these.
  std::vector<Case> all = testing::random_cases(60, 130, 5);
  for (const Order a : {Order::kRowMajor, Order::kTransposed, Order::kStrided})
    for (const Order b : {Order::kRowMajor, Order::kTransposed, Order::kStrided})
      for (const int64_t odd : {0, 1}) {
        Case s{96 + odd, 64 + 17 * odd, 128 + 5 * odd, a, b};
        s.bias = odd == 1, s.pre = true, s.accumulate = odd == 0;
        s.activation = Activation::kGelu;
        all.push_back(s);
      }
  Case batches{40, 48, 80};
  batches.batch = 3, batches.share_b = true, batches.pad = 2;
  all.push_back(batches);
  batches.share_b = false;
  all.push_back(batches);
  all.push_back(Case{600, 10, 90});
  all.push_back(Case{9, 700, 64, Order::kRowMajor, Order::kTransposed});
  // Tasks that pack their own rows of A in several parts.
  all.push_back(Case{2500, 33, 64});
  all.push_back(Case{2500, 33, 64, Order::kTransposed});
  return all;
}

// The products of bf16 numbers are exact in f32: what remains is the error of an f32 sum.
TEST_P(MatmulBf16Units, SumsExactProductsOfRoundedOperands) {
  for (const Case& s : cases()) {
    Data<float> data(s);
    round_operands(data);
    bf16::matmul(data.args);
    data.check("bf16");
  }
}

TEST_P(MatmulBf16Units, RoundsToTheNearestEven) {
  for (const Case& s : cases()) {
    if (s.m < 8 || s.n < 8 || s.k < 8 || s.m * s.n * s.k < 1 << 17) continue;  // stays f32
    Data<float> given(s), rounded(s);
    round_operands(rounded);
    bf16::matmul(given.args);
    bf16::matmul(rounded.args);
    ASSERT_EQ(given.c, rounded.c) << s.str();
    ASSERT_EQ(given.pre, rounded.pre) << s.str();
  }
}

TEST_P(MatmulBf16Units, TiesGoToTheEvenNeighbour) {
  Case s{64, 64, 64};
  Data<float> data(s);
  std::fill(data.a.begin(), data.a.end(), 0.0f);
  std::fill(data.b.begin(), data.b.end(), 0.0f);
  for (size_t i = 0; i < 64; ++i) data.b[i * 64 + i] = 1;
  data.a[0] = 1 + 0x1p-8f;    // between 1 and 1 + 2^-7: 1 is even
  data.a[1] = 1 + 0x1.8p-7f;  // between 1 + 2^-7 and 1 + 2^-6
  data.a[2] = -(1 + 0x1p-8f);
  data.a[3] = 1 + 0x1.02p-8f;  // just above the tie
  bf16::matmul(data.args);
  EXPECT_EQ(data.c[0], 1.0f);
  EXPECT_EQ(data.c[1], 1 + 0x1p-6f);
  EXPECT_EQ(data.c[2], -1.0f);
  EXPECT_EQ(data.c[3], 1 + 0x1p-7f);
}

TEST_P(MatmulBf16Units, NanAndInfinityStayWhatTheyAre) {
  Case s{64, 64, 64};
  Data<float> data(s);
  std::fill(data.b.begin(), data.b.end(), 1.0f);
  data.a[3 * 64 + 5] = std::numeric_limits<float>::quiet_NaN();
  data.a[4 * 64 + 5] = std::numeric_limits<float>::infinity();
  bf16::matmul(data.args);
  for (size_t i = 0; i < 64; ++i) {
    EXPECT_EQ(std::isnan(data.c[i * 64]), i == 3) << i;
    EXPECT_EQ(std::isinf(data.c[i * 64 + 63]), i == 4) << i;
  }
}

TEST_P(MatmulBf16Units, SlabsAndThreadsChangeNoBit) {
  Case s{2100, 70, 4100};  // the rows do not fit one slab of 16 MB
  s.bias = true;
  Data<float> two(s), one(s);
  const int before = num_threads();
  set_num_threads(2);
  bf16::matmul(two.args);
  set_num_threads(1);
  bf16::matmul(one.args);
  set_num_threads(before);
  EXPECT_EQ(two.c, one.c);
  Data<float> part(Case{40, 70, 4100});  // rows 2060.. by themselves: not in the first slab
  part.args.a = two.a.data() + 2060 * two.args.a_rs;
  part.args.b = two.b.data();
  part.args.bias = two.bias.data();
  bf16::matmul(part.args);
  for (size_t i = 0; i < 40 * 70; ++i) ASSERT_EQ(part.c[i], two.c[2060 * 70 + i]) << i;
}

TEST(MatmulBf16, WithoutAUnitItIsTheF32Product) {
  const Bf16Unit best = bf16_unit();
  set_bf16_unit(Bf16Unit::kNone);
  Data<float> a(Case{70, 80, 90}), b(Case{70, 80, 90});
  bf16::matmul(a.args);
  simd::matmul(b.args);
  set_bf16_unit(best);
  EXPECT_EQ(a.c, b.c);
}

INSTANTIATE_TEST_SUITE_P(Bf16, MatmulBf16Units, testing::bf16_units(), testing::bf16_unit_name);

}  // namespace
}  // namespace tinytorch::kernels
