#include "tinytorch/core/random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "tinytorch/core/error.h"
#include "tinytorch/core/philox.h"

namespace tinytorch {
namespace {

// The known answers published with the authors' Random123 library (kat_vectors, philox4x32 10).
TEST(Philox, MatchesPublishedVectors) {
  EXPECT_EQ(philox::block({0, 0, 0, 0}, 0, 0),
            (philox::Block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  const uint32_t f = 0xffffffffu;
  EXPECT_EQ(philox::block({f, f, f, f}, f, f),
            (philox::Block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox::block({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, 0xa4093822, 0x299f31d0),
            (philox::Block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Philox, SeedAndOffsetUseAll64Bits) {
  const philox::Block b = philox::block(0, 1);
  EXPECT_NE(philox::block(uint64_t{1} << 32, 1), b);
  EXPECT_NE(philox::block(0, 1 | uint64_t{1} << 32), b);
}

TEST(Philox, UniformStaysBelowOneAndReachesZero) {
  EXPECT_EQ(philox::uniform_f32(0), 0.0f);
  EXPECT_EQ(philox::uniform_f32(0xffffffffu), 1.0f - 0x1p-24f);
  EXPECT_EQ(philox::uniform_f64(~uint64_t{0}), 1.0 - 0x1p-53);
  EXPECT_EQ(philox::uniform_f64(0), 0.0);
}

TEST(Philox, NormalIsFiniteForExtremeWords) {
  for (uint32_t w : {0u, 1u, 0xffffffffu}) {
    const auto [a, b] = philox::normal_pair(w, w);
    EXPECT_TRUE(std::isfinite(a) && std::isfinite(b)) << w;
  }
  const auto [c, d] = philox::normal_pair(~uint64_t{0}, uint64_t{0});
  EXPECT_TRUE(std::isfinite(c) && std::isfinite(d));
}

TEST(Generator, UniformAndNormalHaveTheirMoments) {
  Generator g(7);
  const int n = 100000;
  double sum = 0, squares = 0, z1 = 0, z2 = 0, z4 = 0;
  for (int i = 0; i < n; ++i) {
    const double u = g.uniform(), z = g.normal();
    ASSERT_TRUE(u >= 0 && u < 1);
    sum += u;
    squares += u * u;
    z1 += z;
    z2 += z * z;
    z4 += z * z * z * z;
  }
  // Five standard deviations of each mean.
  EXPECT_NEAR(sum / n, 0.5, 5 * std::sqrt(1.0 / 12 / n));
  EXPECT_NEAR(squares / n, 1.0 / 3, 5 * std::sqrt(4.0 / 45 / n));
  EXPECT_NEAR(z1 / n, 0.0, 5 * std::sqrt(1.0 / n));
  EXPECT_NEAR(z2 / n, 1.0, 5 * std::sqrt(2.0 / n));
  EXPECT_NEAR(z4 / n, 3.0, 5 * std::sqrt(96.0 / n));
}

TEST(Generator, IntegersCoverTheirRangeEvenly) {
  Generator g(3);
  int count[7] = {};
  const int n = 70000;
  for (int i = 0; i < n; ++i) {
    const int64_t x = g.integer(-3, 4);
    ASSERT_TRUE(x >= -3 && x < 4);
    ++count[x + 3];
  }
  double chi2 = 0;
  for (int c : count) chi2 += (c - n / 7.0) * (c - n / 7.0) / (n / 7.0);
  EXPECT_LT(chi2, 27.9);  // 6 degrees of freedom, p = 1e-4
  EXPECT_THROW(g.integer(2, 2), ConfigError);
  const int64_t lowest = std::numeric_limits<int64_t>::min();
  EXPECT_NO_THROW(g.integer(lowest, std::numeric_limits<int64_t>::max()));
}

TEST(Generator, StateContinuesTheSequence) {
  Generator g(11);
  g.uniform();
  const GeneratorState saved = g.state();
  static_assert(sizeof saved == 16);
  const double a = g.uniform(), b = g.normal();
  Generator h;
  h.set_state(saved);
  EXPECT_EQ(h.uniform(), a);
  EXPECT_EQ(h.normal(), b);
  EXPECT_NE(a, g.uniform());
}

TEST(Generator, ReservedRangesDoNotOverlap) {
  Generator g(0);
  for (int64_t n : {1, 2, 3, 5}) {
    const uint64_t start = g.reserve(n);
    const uint64_t last64 = start + static_cast<uint64_t>(n - 1) / 2;  // block of number n-1
    EXPECT_GT(g.state().offset, last64);
  }
  const uint64_t at = g.state().offset;
  EXPECT_EQ(g.reserve(0), at);
  EXPECT_EQ(g.state().offset, at);
}

TEST(Generator, DefaultSeedIsFixedAndManualSeedRestarts) {
  EXPECT_EQ(Generator().seed(), 0u);
  manual_seed(5);
  const double a = default_generator().uniform();
  manual_seed(6);
  EXPECT_NE(default_generator().uniform(), a);
  manual_seed(5);
  EXPECT_EQ(default_generator().uniform(), a);
  manual_seed(0);
}

TEST(Permutation, HoldsEachIndexOnceAndAllOrdersAreEquallyLikely) {
  Generator g(1);
  for (int64_t n : {0, 1, 2, 17, 1000}) {
    std::vector<int64_t> p = permutation(n, g);
    std::sort(p.begin(), p.end());
    ASSERT_EQ(static_cast<int64_t>(p.size()), n);
    for (int64_t i = 0; i < n; ++i) ASSERT_EQ(p[static_cast<size_t>(i)], i);
  }
  int count[6] = {};
  for (int i = 0; i < 6000; ++i) {
    const std::vector<int64_t> p = permutation(3, g);
    ++count[p[0] * 2 + (p[1] > p[2])];
  }
  double chi2 = 0;
  for (int c : count) chi2 += (c - 1000.0) * (c - 1000.0) / 1000.0;
  EXPECT_LT(chi2, 25.7);  // 5 degrees of freedom, p = 1e-4
  EXPECT_THROW(permutation(-1, g), ConfigError);
}

}  // namespace
}  // namespace tinytorch
