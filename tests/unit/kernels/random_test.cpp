#include "tinytorch/kernels/random.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <vector>

#include "tinytorch/core/parallel.h"
#include "tinytorch/core/philox.h"
#include "tinytorch/kernels/simd/isa.h"

namespace tinytorch::kernels {
namespace {

constexpr int64_t kSizes[] = {0, 1, 3, 4, 31, 64, 65, 1000, 100003};
constexpr uint64_t kSeed = 0x123456789abcdefull, kOffset = 0xfffffffffffff0ull;

template <class T>
bool same_bits(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() &&
         (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0);
}

// Runs make() for 1, 2 and 3 threads on every instruction set of this machine and expects the same
// bits from all of them.
template <class Make>
void expect_same_everywhere(Make make) {
  const auto first = make();
  const int before = num_threads();
  for (const char* isa : {"avx512", "avx2", "neon", "scalar"}) {
    if (!set_isa(isa)) continue;
    for (int threads = 1; threads <= 3; ++threads) {
      set_num_threads(threads);
      EXPECT_TRUE(same_bits(make(), first)) << isa << ", " << threads << " threads";
    }
  }
  set_isa(nullptr);
  set_num_threads(before);
}

template <class T>
std::vector<T> filled(int64_t n) {  // a value that no kernel writes
  return std::vector<T>(static_cast<size_t>(n), static_cast<T>(77));
}

TEST(RandomKernels, UniformIsTheNumberedStreamOnEveryVariant) {
  for (int64_t n : kSizes) {
    std::vector<float> want = filled<float>(n), y = filled<float>(n), z = y;
    for (int64_t i = 0; i < n; ++i)
      want[static_cast<size_t>(i)] =
          std::fma(philox::uniform_f32(philox::word32(kSeed, kOffset, i)), 3.0f, -1.0f);
    loops::uniform<float>({{n, kSeed, kOffset}, y.data(), -1, 2});
    simd::uniform({{n, kSeed, kOffset}, z.data(), -1, 2});
    EXPECT_TRUE(same_bits(y, want)) << n;
    EXPECT_TRUE(same_bits(z, want)) << n;
    std::vector<double> want64 = filled<double>(n), y64 = want64;
    for (int64_t i = 0; i < n; ++i)
      want64[static_cast<size_t>(i)] = philox::uniform_f64(philox::word64(kSeed, kOffset, i));
    uniform({{n, kSeed, kOffset}, y64.data()});
    EXPECT_TRUE(same_bits(y64, want64)) << n;
  }
}

TEST(RandomKernels, UniformNeverReachesHigh) {
  // In [1, 1 + 2^-22) there are two floats; rounding would give the upper end for a quarter of all.
  std::vector<float> y = filled<float>(10000), z = y;
  const float high = 1 + 0x1p-22f;
  loops::uniform<float>({{10000, 1, 0}, y.data(), 1, high});
  simd::uniform({{10000, 1, 0}, z.data(), 1, high});
  for (float v : y) ASSERT_TRUE(v >= 1 && v < high);
  EXPECT_TRUE(same_bits(y, z));
}

TEST(RandomKernels, FillsAreTheSameForAllThreadsAndTargets) {
  const int64_t n = 100003;
  expect_same_everywhere([&] {
    std::vector<float> y = filled<float>(n);
    uniform({{n, 1, 2}, y.data(), 0, 1});
    return y;
  });
  expect_same_everywhere([&] {
    std::vector<float> y = filled<float>(n);
    normal({{n, 1, 2}, y.data(), 0, 1});
    return y;
  });
  expect_same_everywhere([&] {
    std::vector<double> y = filled<double>(n);
    normal({{n, 1, 2}, y.data(), 0, 1});
    return y;
  });
  expect_same_everywhere([&] {
    std::vector<float> y(static_cast<size_t>(n), 1.5f);
    dropout({{n, 1, 2}, y.data(), y.data(), 0.1});  // in place
    return y;
  });
}

template <class T>
void check_normal() {
  for (int64_t n : {1, 2, 3, 5, 200001}) {
    std::vector<T> y = filled<T>(n);
    normal({{n, 9, 4}, y.data(), 3, 0.5});
    for (T v : y) ASSERT_TRUE(v != T{77} && std::isfinite(v));
    if (n < 1000) continue;
    double m[5] = {};
    for (int64_t i = 0; i < n; ++i) {
      const double z = (y[static_cast<size_t>(i)] - 3.0) / 0.5;
      const double next = i + 1 < n ? (y[static_cast<size_t>(i) + 1] - 3.0) / 0.5 : 0.0;
      m[0] += z * next, m[1] += z, m[2] += z * z, m[3] += z * z * z, m[4] += z * z * z * z;
    }
    const double s = 5 / std::sqrt(static_cast<double>(n));
    const double count = static_cast<double>(n);
    EXPECT_NEAR(m[0] / count, 0, s);  // neighbours (the two of a pair too) are uncorrelated
    EXPECT_NEAR(m[1] / count, 0, s);
    EXPECT_NEAR(m[2] / count, 1, s * std::sqrt(2.0));
    EXPECT_NEAR(m[3] / count, 0, s * std::sqrt(15.0));
    EXPECT_NEAR(m[4] / count, 3, s * std::sqrt(96.0));
  }
}
TEST(RandomKernels, NormalHasItsMoments) {
  check_normal<float>();
  check_normal<double>();
}

TEST(RandomKernels, IntegersAndBernoulli) {
  const int64_t n = 100001;
  std::vector<int64_t> k = filled<int64_t>(n);
  integers({{n, 5, 0}, k.data(), -2, 3});
  double count[5] = {};
  for (int64_t v : k) {
    ASSERT_TRUE(v >= -2 && v < 3) << v;
    ++count[v + 2];
  }
  for (double c : count) EXPECT_NEAR(c / n, 0.2, 5 * std::sqrt(0.16 / n));
  for (double p : {0.0, 0.3, 1.0}) {
    std::vector<char> bits(static_cast<size_t>(n), 2);
    bool* y = reinterpret_cast<bool*>(bits.data());
    bernoulli({{n, 5, 7}, y, p});
    double ones = 0;
    for (char b : bits) ones += b;
    EXPECT_NEAR(ones / n, p, p == 0 || p == 1 ? 0 : 5 * std::sqrt(0.21 / n));
  }
}

TEST(RandomKernels, DropoutScalesWhatItKeepsAndZeroesTheRest) {
  for (int64_t n : kSizes) {
    std::vector<float> x = filled<float>(n), y = x, z = x;
    for (int64_t i = 0; i < n; ++i) x[static_cast<size_t>(i)] = static_cast<float>(i % 91) - 45.5f;
    loops::dropout<float>({{n, kSeed, kOffset}, x.data(), y.data(), 0.25});
    simd::dropout({{n, kSeed, kOffset}, x.data(), z.data(), 0.25});
    EXPECT_TRUE(same_bits(y, z)) << n;
    std::vector<double> x64(x.begin(), x.end()), y64 = x64;
    dropout({{n, kSeed, kOffset}, x64.data(), y64.data(), 0.25});
    double dropped = 0;
    for (size_t i = 0; i < x.size(); ++i) {
      const bool keep =
          philox::uniform_f32(philox::word32(kSeed, kOffset, static_cast<int64_t>(i))) >= 0.25f;
      ASSERT_EQ(y[i], keep ? x[i] * static_cast<float>(1 / 0.75) : 0.0f) << i;
      ASSERT_EQ(y64[i], keep ? x64[i] * (1 / 0.75) : 0.0) << i;  // the same mask
      dropped += !keep;
    }
    if (n > 10000) {
      EXPECT_NEAR(dropped / static_cast<double>(n), 0.25, 5 * std::sqrt(0.1875 / 1e5));
    }
  }
}

TEST(RandomKernels, DropoutWithProbabilityZeroAndOne) {
  std::vector<float> x = {1, -2, INFINITY, 4, 5}, y = x;
  dropout({{5, 1, 1}, x.data(), y.data(), 0});
  EXPECT_TRUE(same_bits(x, y));
  dropout({{5, 1, 1}, x.data(), y.data(), 1});
  EXPECT_TRUE(same_bits(y, std::vector<float>(5, 0.0f)));
}

TEST(RandomKernels, ALaterOffsetIsALaterPartOfTheStream) {
  // A block is four numbers in f32, two in f64.
  float wide[12], part[4];
  normal(NormalArgs<float>{{12, 3, 5}, wide});
  normal(NormalArgs<float>{{4, 3, 7}, part});
  for (int i = 0; i < 4; ++i) EXPECT_EQ(part[i], wide[8 + i]) << i;
  double wide64[6], part64[2];
  normal(NormalArgs<double>{{6, 3, 5}, wide64});
  normal(NormalArgs<double>{{2, 3, 7}, part64});
  for (int i = 0; i < 2; ++i) EXPECT_EQ(part64[i], wide64[4 + i]) << i;
}

}  // namespace
}  // namespace tinytorch::kernels
