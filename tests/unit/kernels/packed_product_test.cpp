// Products with packed weights against the matrix product of the weights that they stand for.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <vector>

#include "tinytorch/core/dtype.h"
#include "tinytorch/core/random.h"
#include "tinytorch/kernels/packed_product.h"

namespace tinytorch::kernels {
namespace {

struct Case {
  int64_t m, n, k;
};
const Case kCases[] = {{1, 64, 256}, {1, 10, 512}, {2, 65, 384}, {3, 130, 257}, {4, 500, 33},
                       {1, 1, 1},    {1, 16, 700}, {4, 48, 5},   {2, 300, 512}};

std::vector<float> numbers(int64_t count, uint64_t seed) {
  Generator generator(seed);
  std::vector<float> v(static_cast<size_t>(count));
  for (float& x : v) x = static_cast<float>(generator.normal());
  return v;
}

std::vector<float> packed_result(const Case& c, WeightFormat format, const std::vector<float>& a,
                                 const std::vector<float>& w, const std::vector<float>& bias,
                                 Activation activation) {
  std::vector<char> packed(packed_weight_bytes(format, c.n, c.k));
  pack_weight(format, w.data(), c.k, c.n, c.k, packed.data());
  std::vector<float> out(static_cast<size_t>(c.m * c.n), NAN);
  PackedProductArgs args;
  args.m = c.m, args.n = c.n, args.k = c.k;
  args.a = a.data(), args.a_step = c.k;
  args.format = format, args.packed = packed.data();
  args.c = out.data(), args.ldc = c.n;
  args.bias = bias.data(), args.activation = activation;
  packed_product(args);
  return out;
}

std::vector<float> product(const Case& c, const std::vector<float>& a, const std::vector<float>& w,
                           const std::vector<float>& bias, Activation activation) {
  std::vector<float> out(static_cast<size_t>(c.m * c.n), NAN);
  MatmulArgs<float> args;
  args.m = c.m, args.n = c.n, args.k = c.k;
  args.a = a.data(), args.a_rs = c.k, args.a_cs = 1;
  args.b = w.data(), args.b_rs = 1, args.b_cs = c.k;
  args.c = out.data(), args.ldc = c.n;
  args.bias = bias.data(), args.activation = activation;
  simd::matmul(args);
  return out;
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

TEST(PackedProduct, HasTheBitsOfMatmul) {
  for (const Case& c : kCases) {
    const auto a = numbers(c.m * c.k, 1), w = numbers(c.n * c.k, 2), bias = numbers(c.n, 3);
    for (const Activation act : {Activation::kNone, Activation::kRelu, Activation::kGelu})
      EXPECT_TRUE(same_bits(packed_result(c, WeightFormat::kF32, a, w, bias, act),
                            product(c, a, w, bias, act)))
          << c.m << " x " << c.n << " x " << c.k;
  }
}

TEST(PackedProduct, InBf16IsTheProductOfRoundedWeights) {
  for (const Case& c : kCases) {
    const auto a = numbers(c.m * c.k, 1), w = numbers(c.n * c.k, 2), bias = numbers(c.n, 3);
    std::vector<float> rounded;
    for (const float x : w) rounded.push_back(static_cast<float>(BFloat16(x)));
    EXPECT_TRUE(same_bits(packed_result(c, WeightFormat::kBF16, a, w, bias, Activation::kRelu),
                          product(c, a, rounded, bias, Activation::kRelu)))
        << c.m << " x " << c.n << " x " << c.k;
  }
}

TEST(PackedProduct, InInt8IsWithinHalfAStepOfEachWeight) {
  for (const Case& c : kCases) {
    const auto a = numbers(c.m * c.k, 1), bias = numbers(c.n, 3);
    auto w = numbers(c.n * c.k, 2);
    if (c.n > 4)  // an output whose weights are all zero has no step
      std::fill_n(w.begin() + 3 * c.k, c.k, 0.f);
    const auto got = packed_result(c, WeightFormat::kI8, a, w, bias, Activation::kNone);
    for (int64_t i = 0; i < c.m; ++i)
      for (int64_t j = 0; j < c.n; ++j) {
        const float* row = w.data() + j * c.k;
        float largest = 0;
        for (int64_t p = 0; p < c.k; ++p) largest = std::max(largest, std::fabs(row[p]));
        const float step = largest / 127;
        double exact = bias[static_cast<size_t>(j)], quantized = exact, bound = 1e-5, sum = 1;
        for (int64_t p = 0; p < c.k; ++p) {
          const double x = a[static_cast<size_t>(i * c.k + p)];
          exact += x * static_cast<double>(row[p]);
          if (step > 0) quantized += x * static_cast<double>(step * std::nearbyint(row[p] / step));
          sum += std::fabs(x) * static_cast<double>(largest);
          bound += std::fabs(x) * static_cast<double>(step) * 0.5001;
        }
        const auto y = static_cast<double>(got[static_cast<size_t>(i * c.n + j)]);
        EXPECT_NEAR(y, exact, bound + 1e-6 * sum);
        EXPECT_NEAR(y, quantized, 1e-6 * sum) << c.n << " x " << c.k << " at " << j;
      }
  }
}

TEST(PackedProduct, ARowWithANanOrInfinityGivesNoNumberInAnyFormat) {
  const Case c = {2, 5, 40};
  const auto a = numbers(c.m * c.k, 1), bias = numbers(c.n, 3);
  for (const float bad : {NAN, HUGE_VALF, -HUGE_VALF}) {
    auto w = numbers(c.n * c.k, 2);
    w[static_cast<size_t>(3 * c.k + 7)] = bad;
    for (const WeightFormat format : {WeightFormat::kF32, WeightFormat::kBF16, WeightFormat::kI8}) {
      const auto got = packed_result(c, format, a, w, bias, Activation::kNone);
      for (size_t i = 0; i < got.size(); ++i) EXPECT_EQ(std::isfinite(got[i]), i % 5 != 3) << i;
    }
  }
}

}  // namespace
}  // namespace tinytorch::kernels
