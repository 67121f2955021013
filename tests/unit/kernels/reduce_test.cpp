#include "tinytorch/kernels/reduce.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

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
            std::vector<float> x(static_cast<size_t>(outer * count * inner)), y(static_cast<size_t>(outer * inner));
            for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>((i * 37) % 101) * 0.13f - 5;
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

}  // namespace
}  // namespace tinytorch::kernels
