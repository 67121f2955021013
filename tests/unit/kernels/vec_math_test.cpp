// The vector mathematics against the C++ library in double, for every target of this machine.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "tinytorch/kernels/simd/isa.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tests/unit/kernels/vec_math_test.cpp"
#include "hwy/foreach_target.h"
#include "tinytorch/kernels/simd/math-inl.h"
#include "tinytorch/kernels/simd/vec-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tinytorch::kernels::HWY_NAMESPACE {
namespace {

using F = Vec<float>;
using Function = F (*)(F);

F call_exp(F x) {
  return exp(x);
}
F call_log(F x) {
  return log(x);
}
F call_tanh(F x) {
  return tanh(x);
}
F call_erf(F x) {
  return erf(x);
}
F call_sigmoid(F x) {
  return sigmoid(x);
}
F call_sqrt(F x) {
  return sqrt(x);
}
F call_rsqrt(F x) {
  return rsqrt(x);
}
// Operations whose treatment of NaN is ours.
F call_relu(F x) {
  return max(x, F(0));
}
F call_max_swapped(F x) {
  return max(F(0), x);
}
F call_min(F x) {
  return min(x, F(0));
}
F call_min_swapped(F x) {
  return min(F(0), x);
}
F call_clamp(F x) {
  return clamp(x, F(-1), F(2));
}
F call_where(F x) {
  return where((x > F(1)) | !(x >= F(-1)), -x, abs(x) + F(1));
}
F call_sin(F x) {
  return sin(x);
}
F call_cos(F x) {
  return cos(x);
}
F call_log1p(F x) {
  return log1p(x);
}
F call_expm1(F x) {
  return expm1(x);
}
F call_pow(F x) {
  return pow(x, F(1.7f));
}
F call_pow_odd(F x) {
  return pow(x, F(-3));
}
F call_pow_of(F x) {
  return pow(F(0.3f), x);
}
F call_pow_negative(F x) {
  return pow(F(-1.7f), floor(x));
}
F call_sign(F x) {
  return sign(x);
}
F call_normal_cdf(F x) {
  return normal_cdf(x);
}

// y = f(x) through whole vectors and one partial one.
void map(int function, const float* x, float* y, size_t n) {
  static constexpr Function kFunctions[] = {
      call_exp,     call_log,    call_tanh,         call_erf,   call_sigmoid,     call_sqrt,
      call_rsqrt,   call_relu,   call_max_swapped,  call_min,   call_min_swapped, call_clamp,
      call_where,   call_sin,    call_cos,          call_log1p, call_expm1,       call_pow,
      call_pow_odd, call_pow_of, call_pow_negative, call_sign,  call_normal_cdf};
  const Function f = kFunctions[function];
  size_t i = 0;
  for (; i + F::kLanes <= n; i += F::kLanes) f(F::load(x + i)).store(y + i);
  if (i < n) f(F::load_n(x + i, n - i)).store_n(y + i, n - i);
}

// z = pow(x, y) of n elements.
void map_pow(const float* x, const float* y, float* z, size_t n) {
  for (size_t i = 0; i < n; i += F::kLanes) {
    const size_t count = n - i < F::kLanes ? n - i : F::kLanes;
    if (count == F::kLanes)
      pow(F::load(x + i), F::load(y + i)).store(z + i);
    else
      pow(F::load_n(x + i, count), F::load_n(y + i, count)).store_n(z + i, count);
  }
}

}  // namespace
}  // namespace tinytorch::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tinytorch::kernels {
namespace {

HWY_EXPORT(map);
HWY_EXPORT(map_pow);

struct Case {
  const char* name;
  double (*reference)(double);
  double max_ulp;
};
const Case kCases[] = {
    {"exp", [](double x) { return std::exp(x); }, 1.5},
    {"log", [](double x) { return std::log(x); }, 1.5},
    {"tanh", [](double x) { return std::tanh(x); }, 3},
    {"erf", [](double x) { return std::erf(x); }, 3},
    {"sigmoid",
     [](double x) { return x < 0 ? std::exp(x) / (1 + std::exp(x)) : 1 / (1 + std::exp(-x)); }, 3},
    {"sqrt", [](double x) { return std::sqrt(x); }, 0.501},
    {"rsqrt", [](double x) { return 1 / std::sqrt(x); }, 1.5},
    {"relu", [](double x) { return x < 0 ? 0 : x; }, 0},
    {"max_swapped", [](double x) { return x < 0 ? 0 : x; }, 0},
    {"min", [](double x) { return x > 0 ? 0 : x; }, 0},
    {"min_swapped", [](double x) { return x > 0 ? 0 : x; }, 0},
    {"clamp", [](double x) { return x < -1  ? -1
                                    : x > 2 ? 2
                                            : x; }, 0},
    {"where", [](double x) { return x > 1 || !(x >= -1) ? -x : std::fabs(x) + 1; }, 0.501},
    {"sin", [](double x) { return std::sin(x); }, 2},
    {"cos", [](double x) { return std::cos(x); }, 2},
    {"log1p", [](double x) { return std::log1p(x); }, 3},
    {"expm1", [](double x) { return std::expm1(x); }, 2},
    {"pow(x, 1.7)", [](double x) { return std::pow(x, double{1.7f}); }, 3},
    {"pow(x, -3)", [](double x) { return std::pow(x, -3); }, 3},
    {"pow(0.3, x)", [](double x) { return std::pow(double{0.3f}, x); }, 3},
    {"pow(-1.7, floor x)", [](double x) { return std::pow(double{-1.7f}, std::floor(x)); }, 3},
    {"sign", [](double x) { return (x > 0) - (x < 0) + 0.0; }, 0},
};

// Distance in units of the last place of the float nearest to `want`; 0 when both are NaN or the
// same infinity. A result past the largest float counts as infinity.
double ulp_error(float got, double want) {
  if (std::isnan(want)) return std::isnan(got) ? 0 : 1e9;
  if (std::isnan(got)) return 1e9;
  const float nearest = static_cast<float>(want);
  if (std::isinf(nearest) || std::isinf(got)) return got == nearest ? 0 : 1e9;
  const int exponent = std::max(std::ilogb(want == 0 ? 1e-300 : want), -126);
  return std::fabs(got - want) / std::ldexp(1.0, exponent - 23);
}

// Every kStep-th of all floats (subnormals, infinities and NaNs among them), then the region where
// the functions do most of their work.
std::vector<float> inputs() {
  std::vector<float> x = {0.f, -0.f, 1.f, -1.f, 88.722839f, 88.72284f, -87.3f, -103.97f, -104.f};
  const float inf = std::numeric_limits<float>::infinity();
  for (float special : {inf, -inf, std::nanf(""), -std::nanf(""), 1e-45f, 3.4e38f, -3.4e38f})
    x.push_back(special);
  constexpr uint64_t kStep = 16007;
  for (uint64_t bits = 0; bits < (uint64_t{1} << 32); bits += kStep) {
    const auto b = static_cast<uint32_t>(bits);
    float value;
    std::memcpy(&value, &b, 4);
    x.push_back(value);
  }
  for (int i = -100000; i <= 100000; ++i) x.push_back(static_cast<float>(i) * 1.1e-3f);
  for (int i = -50000; i <= 50000; ++i) x.push_back(1 + static_cast<float>(i) * 0.9e-5f);
  return x;
}

TEST(VecMath, FewUlpOnEveryTargetAndSameBitsOnFusedOnes) {
  const std::vector<float> x = inputs();
  std::vector<float> y(x.size()), first;
  for (size_t c = 0; c < std::size(kCases); ++c) {
    std::vector<double> want(x.size());
    for (size_t i = 0; i < x.size(); ++i) want[i] = kCases[c].reference(x[i]);
    first.clear();
    for (const char* isa : {"avx512", "avx2", "neon", "scalar"}) {
      if (!set_isa(isa)) continue;
      TINYTORCH_DISPATCH(map)(static_cast<int>(c), x.data(), y.data(), x.size());
      double worst = 0;
      size_t at = 0;
      for (size_t i = 0; i < x.size(); ++i) {
        const double error = ulp_error(y[i], want[i]);
        if (error > worst) worst = error, at = i;
      }
      const bool fused = std::string(isa) != "scalar";
      EXPECT_LE(worst, kCases[c].max_ulp * (fused ? 1 : 1.3))
          << kCases[c].name << " on " << isa << " at " << x[at] << ": got " << y[at]
          << ", expected " << want[at];
      RecordProperty(std::string(kCases[c].name) + "_" + isa, std::to_string(worst));
      if (!fused) continue;
      if (first.empty()) first = y;
      for (size_t i = 0; i < x.size(); ++i)
        ASSERT_TRUE(std::memcmp(&y[i], &first[i], 4) == 0 || std::isnan(y[i]))
            << kCases[c].name << " on " << isa << " differs at " << x[i];
    }
  }
  set_isa(nullptr);
}

// An absolute error, as of 0.5 + 0.5 erf: what GELU multiplies by x.
TEST(VecMath, NormalCdfIsNearAndReachesItsEnds) {
  constexpr int kNormalCdf = std::size(kCases);
  const std::vector<float> x = inputs();
  std::vector<float> y(x.size()), first;
  for (const char* isa : {"avx512", "avx2", "neon", "scalar"}) {
    if (!set_isa(isa)) continue;
    TINYTORCH_DISPATCH(map)(kNormalCdf, x.data(), y.data(), x.size());
    for (size_t i = 0; i < x.size(); ++i) {
      if (std::isnan(x[i])) {
        ASSERT_TRUE(std::isnan(y[i]));
        continue;
      }
      ASSERT_NEAR(y[i], 0.5 * std::erfc(-double{x[i]} / std::sqrt(2.0)), 2e-7) << x[i];
      if (x[i] < -6 || x[i] > 6) {
        ASSERT_EQ(y[i], x[i] > 6 ? 1 : 0) << x[i];
      }
    }
    if (std::string(isa) == "scalar") continue;
    if (first.empty()) first = y;
    for (size_t i = 0; i < x.size(); ++i)
      ASSERT_TRUE(std::memcmp(&y[i], &first[i], 4) == 0 || std::isnan(y[i])) << isa << x[i];
  }
  set_isa(nullptr);
}

TEST(VecMath, SignedZeroStays) {
  const float x[3] = {-0.f, 0.f, -1e-45f};
  float y[3];
  for (int function : {2, 3, 13, 15, 16}) {  // tanh, erf, sin, log1p, expm1
    TINYTORCH_DISPATCH(map)(function, x, y, 3);
    EXPECT_TRUE(std::signbit(y[0]) && y[0] == 0) << kCases[function].name;
    EXPECT_FALSE(std::signbit(y[1])) << kCases[function].name;
    EXPECT_TRUE(std::signbit(y[2])) << kCases[function].name;
  }
}

// Every pair of the numbers where pow has rules of its own, against C's pow: the same class, the
// same sign, 3 ulp.
TEST(VecMath, PowTreatsSpecialValuesAsC) {
  const float inf = std::numeric_limits<float>::infinity(), nan = std::nanf("");
  const std::vector<float> values = {0.f,   -0.f,   1.f,     -1.f,     0.5f,       -0.5f,
                                     2.f,   -2.f,   3.f,     -3.f,     inf,        -inf,
                                     nan,   1e-45f, 3e38f,   1e9f,     -1e9f,      1.5f,
                                     -1.5f, 1e-30f, -1e-30f, 0.99999f, 16777217.f, -16777215.f};
  std::vector<float> x, y;
  for (const float a : values)
    for (const float b : values) x.push_back(a), y.push_back(b);
  std::vector<float> z(x.size());
  for (const char* isa : {"avx512", "avx2", "neon", "scalar"}) {
    if (!set_isa(isa)) continue;
    TINYTORCH_DISPATCH(map_pow)(x.data(), y.data(), z.data(), x.size());
    for (size_t i = 0; i < x.size(); ++i) {
      const double want = std::pow(double{x[i]}, double{y[i]});
      EXPECT_LE(ulp_error(z[i], want), 3)
          << isa << ": pow(" << x[i] << ", " << y[i] << ") gave " << z[i] << ", expected " << want;
      if (!std::isnan(want)) {
        EXPECT_EQ(std::signbit(z[i]), std::signbit(want)) << isa << ": " << x[i] << " " << y[i];
      }
    }
  }
  set_isa(nullptr);
}

}  // namespace
}  // namespace tinytorch::kernels
#endif
