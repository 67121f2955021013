#include "tinytorch/kernels/reduce.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "tinytorch/core/parallel.h"
#include "tinytorch/kernels/simd/isa.h"

namespace tinytorch::kernels {
namespace {

// Every variant on outer x count x inner, row-major and with the reduced dimension outermost.
TEST(Reduce, MatchesPlainSumsForAllLayouts) {
  for (const char* variant : {"loops", "simd"}) {
    if (sum_f32.find(variant) < 0) continue;
    const KernelOverride s("sum", variant), m("max", variant), d("sum_squared_deviation", variant);
    for (int64_t outer : {1, 3})
      for (int64_t count : {1, 7, 64, 300})
        for (int64_t inner : {1, 5, 33})
          for (bool transposed : {false, true}) {
            ReduceArgs<float> a;
            a.outer = outer, a.count = count, a.inner = inner;
            a.x_outer = transposed ? inner : count * inner;
            a.x_count = transposed ? outer * inner : inner;
            a.x_inner = 1;
            std::vector<float> x(static_cast<size_t>(outer * count * inner)),
                y(static_cast<size_t>(outer * inner));
            for (size_t i = 0; i < x.size(); ++i)
              x[i] = static_cast<float>((i * 37) % 101) * 0.13f - 5;
            a.x = x.data(), a.y = y.data();
            std::vector<int64_t> index(y.size(), -1);
            const auto at = [&](int64_t o, int64_t r, int64_t i) {
              return double{x[static_cast<size_t>(o * a.x_outer + r * a.x_count + i)]};
            };
            for (int64_t o = 0; o < outer; ++o)
              for (int64_t i = 0; i < inner; ++i) {
                const auto k = static_cast<size_t>(o * inner + i);
                double total = 0, squares = 0;
                int64_t best = 0;
                for (int64_t r = 0; r < count; ++r) {
                  total += at(o, r, i);
                  if (at(o, r, i) > at(o, best, i)) best = r;
                }
                for (int64_t r = 0; r < count; ++r)
                  squares += std::pow(at(o, r, i) - total / static_cast<double>(count), 2);
                a.index = nullptr;
                sum(a);
                ASSERT_NEAR(y[k], total, 1e-4 * static_cast<double>(count)) << variant;
                sum_squared_deviation(a);
                ASSERT_NEAR(y[k], squares, 1e-5 * squares + 1e-4) << variant;
                a.index = index.data();
                max(a);
                ASSERT_EQ(index[k], best) << variant;
                ASSERT_EQ(y[k], static_cast<float>(at(o, best, i)));
              }
          }
  }
}

TEST(Reduce, EmptySumIsZeroAndTheFirstNanWins) {
  float y[2] = {7, 7};
  ReduceArgs<float> a;
  a.outer = 2, a.count = 0, a.y = y;
  sum(a);
  EXPECT_EQ(y[0], 0);
  EXPECT_EQ(y[1], 0);
  const float x[] = {1, NAN, 9, NAN};
  int64_t index;
  a.outer = 1, a.count = 4, a.x = x, a.x_count = 1, a.index = &index;
  max(a);
  EXPECT_TRUE(std::isnan(y[0]));
  EXPECT_EQ(index, 1);
}

// Shapes that reach every branch: more than one block along both kinds of inner, ragged ends.
struct Sizes {
  int64_t outer, count, inner;
};
constexpr Sizes kSizes[] = {{1, 50001, 1}, {3, 16384, 1}, {2, 16385, 1}, {7, 63, 1},   {5, 129, 1},
                            {1, 700, 19},  {2, 513, 33},  {3, 256, 64},  {1, 5, 5000}, {4, 2, 2},
                            {1, 1, 40},    {2, 1000, 16}, {1, 16390, 3}};

// The layouts a view may have: row-major, the reduced dimension outermost, and one with gaps.
ReduceArgs<float> layout(const Sizes& size, int kind) {
  ReduceArgs<float> a;
  a.outer = size.outer, a.count = size.count, a.inner = size.inner;
  a.x_inner = kind == 2 ? 3 : 1;
  a.x_count = kind == 1 ? size.outer * size.inner : size.inner * a.x_inner;
  a.x_outer = kind == 1 ? size.inner : size.count * size.inner * a.x_inner;
  return a;
}

// The same values in the given layout.
std::vector<float> values(const ReduceArgs<float>& a) {
  std::vector<float> x(static_cast<size_t>(a.outer * a.count * a.inner * a.x_inner), 1e30f);
  std::mt19937 rng(5);
  std::normal_distribution<float> normal(0.3f, 1);
  for (int64_t o = 0; o < a.outer; ++o)
    for (int64_t r = 0; r < a.count; ++r)
      for (int64_t i = 0; i < a.inner; ++i)
        x[static_cast<size_t>(o * a.x_outer + r * a.x_count + i * a.x_inner)] = normal(rng);
  return x;
}

TEST(Reduce, SumsAreAccurateAndTheirBitsDependOnShapeAlone) {
  const int threads = num_threads();
  for (const Sizes& size : kSizes) {
    std::vector<float> first_sum, first_squares;
    for (int kind = 0; kind < 3; ++kind) {
      ReduceArgs<float> a = layout(size, kind);
      const std::vector<float> x = values(a);
      std::vector<float> total(static_cast<size_t>(size.outer * size.inner)), squares = total;
      a.x = x.data();
      for (const char* isa : {"avx512", "avx2", "neon", "scalar"}) {
        if (!set_isa(isa)) continue;
        for (int t : {1, 2, 3}) {
          set_num_threads(t);
          a.y = total.data();
          simd::sum(a);
          a.y = squares.data();
          simd::sum_squared_deviation(a);
          if (first_sum.empty()) first_sum = total, first_squares = squares;
          const std::string where = std::string(isa) + " threads " + std::to_string(t) +
                                    " layout " + std::to_string(kind) + " count " +
                                    std::to_string(size.count) + " inner " +
                                    std::to_string(size.inner);
          ASSERT_EQ(0, std::memcmp(total.data(), first_sum.data(), total.size() * 4)) << where;
          ASSERT_EQ(0, std::memcmp(squares.data(), first_squares.data(), total.size() * 4))
              << where;
        }
      }
      set_isa(nullptr);
      for (int64_t o = 0; o < size.outer; ++o)
        for (int64_t i = 0; i < size.inner; ++i) {
          const auto k = static_cast<size_t>(o * size.inner + i);
          const float* column = x.data() + o * a.x_outer + i * a.x_inner;
          double sum = 0, magnitude = 0, deviation = 0;
          for (int64_t r = 0; r < size.count; ++r) {
            sum += double{column[r * a.x_count]};
            magnitude += std::fabs(column[r * a.x_count]);
          }
          const double mean = sum / static_cast<double>(size.count);
          for (int64_t r = 0; r < size.count; ++r)
            deviation += std::pow(column[r * a.x_count] - mean, 2);
          ASSERT_NEAR(total[k], sum, 1e-6 * magnitude);
          ASSERT_NEAR(squares[k], deviation, 1e-6 * deviation + 1e-12);
        }
    }
  }
  set_num_threads(threads);
}

TEST(Reduce, MaxAgreesWithLoopsOnTiesNansAndZeros) {
  std::mt19937 rng(6);
  for (const char* isa : {"avx512", "avx2", "neon", "scalar"}) {
    if (!set_isa(isa)) continue;
    for (const Sizes& size : kSizes)
      for (int kind = 0; kind < 3; ++kind)
        for (bool nans : {false, true}) {
          ReduceArgs<float> a = layout(size, kind);
          std::vector<float> x = values(a);
          for (float& v : x) {  // few values: many ties, zeros of both signs
            v = std::round(v) * (rng() % 2 ? 1.f : -1.f);
            if (nans && rng() % 300 == 0) v = NAN;
          }
          const auto results = static_cast<size_t>(size.outer * size.inner);
          std::vector<float> y(results), want(results);
          std::vector<int64_t> index(results), want_index(results);
          a.x = x.data();
          a.y = want.data(), a.index = want_index.data();
          loops::max(a);
          a.y = y.data(), a.index = index.data();
          simd::max(a);
          ASSERT_EQ(index, want_index) << isa << " count " << size.count << " inner " << size.inner;
          ASSERT_EQ(0, std::memcmp(y.data(), want.data(), results * 4));
          a.index = nullptr;
          simd::max(a);
        }
  }
  set_isa(nullptr);
}

}  // namespace
}  // namespace tinytorch::kernels
