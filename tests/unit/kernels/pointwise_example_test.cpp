// Two operations written the way files of ops/ write them: formulas once, rows from the table. Also
// the tests of the row templates: ragged, strided, broadcast and in-place operands on every target.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tests/unit/kernels/pointwise_example_test.cpp"
#include "hwy/foreach_target.h"
#include "tinytorch/kernels/simd/rows-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tinytorch::kernels::HWY_NAMESPACE {
namespace {

// A unary operation and its gradient.
struct ExampleSilu {
  template <class V>
  static V fwd(V x) {
    return x * sigmoid(x);
  }
  template <class V>
  static V bwd(V g, V x) {
    const V s = sigmoid(x);
    return g * fma(x * s, V(1) - s, s);
  }
};

// A binary operation with a parameter, the weight.
struct ExampleLerp {
  template <class V>
  static V fwd(V a, V b, const Scalars& p) {
    return fma(V(p.a), b - a, a);
  }
};

// A comparison gives bool; a condition is bool.
struct ExampleLess {
  template <class V>
  static MaskOf<V> fwd(V a, V b) {
    return a < b;
  }
};
struct ExampleWhere {
  template <class V>
  static V fwd(MaskOf<V> c, V a, V b) {
    return where(c, a, b);
  }
};
struct ExampleMax {
  template <class V>
  static V fwd(V a, V b) {
    return max(a, b);
  }
};

}  // namespace
}  // namespace tinytorch::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tinytorch::kernels {
namespace {

constexpr PointwiseRows kSilu = TINYTORCH_ROWS(ExampleSilu::fwd);
constexpr PointwiseRows kSiluGrad = TINYTORCH_ROWS(ExampleSilu::bwd);
constexpr PointwiseRows kLerp = TINYTORCH_ROWS(ExampleLerp::fwd);
constexpr PointwiseRows kLess = TINYTORCH_ROWS_ALL(ExampleLess::fwd);
constexpr PointwiseRows kWhere = TINYTORCH_ROWS_ALL(ExampleWhere::fwd);
constexpr PointwiseRows kMax = TINYTORCH_ROWS_INTEGER(ExampleMax::fwd);

const char* const kIsas[] = {"avx512", "avx2", "neon", "scalar"};

float value(int64_t i) {
  return static_cast<float>((i * 37) % 101 - 50) * 0.11f;
}

// n elements at `step` elements from each other (0: one element), with a wall of 99 between and
// behind them that must stay.
template <class T>
struct Column {
  Column(int64_t n, int64_t step, T wall)
      : step_(step),
        count_(n),
        v(static_cast<size_t>(step == 0 ? 1 : n * step) + 3, wall),
        wall_(wall) {}
  T& at(int64_t i) { return v[static_cast<size_t>(i * step_)]; }
  bool walls_stand() const {
    for (size_t k = 0; k < v.size(); ++k) {
      const bool element = step_ == 0
                               ? k == 0
                               : k % static_cast<size_t>(step_) == 0 &&
                                     k / static_cast<size_t>(step_) < static_cast<size_t>(count_);
      if (!element && v[k] != wall_) return false;
    }
    return true;
  }
  char* data() { return reinterpret_cast<char*>(v.data()); }
  int64_t bytes() const { return step_ * static_cast<int64_t>(sizeof(T)); }

 private:
  int64_t step_, count_;

 public:
  std::vector<T> v;

 private:
  T wall_;
};

TEST(PointwiseRows, UnaryMatchesTheFormulaForAnyLengthAndStride) {
  for (const char* isa : kIsas) {
    if (!set_isa(isa)) continue;
    for (int64_t n = 0; n < 70; ++n)
      for (int64_t xs : {0, 1, 3})
        for (int64_t ys : {1, 2}) {
          Column<float> x(n, xs, 99.f), y(n, ys, 99.f);
          for (int64_t i = 0; i < n; ++i) x.at(i) = value(i);
          char* data[] = {y.data(), x.data()};
          const int64_t step[] = {y.bytes(), x.bytes()};
          kSilu.row(DType::kF32)(data, step, n, nullptr);
          for (int64_t i = 0; i < n; ++i) {
            const double a = x.at(i);
            EXPECT_NEAR(y.at(i), a / (1 + std::exp(-a)), 1e-6) << isa << " n " << n << " i " << i;
          }
          EXPECT_TRUE(y.walls_stand()) << isa << " n " << n << " step " << ys;
        }
  }
  set_isa(nullptr);
}

TEST(PointwiseRows, BinaryWithParameterBroadcastsEitherSide) {
  const Scalars params{0.3};
  for (const char* isa : kIsas) {
    if (!set_isa(isa)) continue;
    for (int64_t n : {1, 15, 16, 17, 33, 255, 256, 257, 600})
      for (int64_t as : {0, 1, 2})
        for (int64_t bs : {0, 1, 5})
          for (int64_t ys : {1, 3}) {
            Column<float> a(n, as, 99.f), b(n, bs, 99.f), y(n, ys, 99.f);
            for (int64_t i = 0; i < n; ++i) a.at(i) = value(i), b.at(i) = value(i + 7);
            char* data[] = {y.data(), a.data(), b.data()};
            const int64_t step[] = {y.bytes(), a.bytes(), b.bytes()};
            kLerp.row(DType::kF32)(data, step, n, &params);
            for (int64_t i = 0; i < n; ++i)
              ASSERT_NEAR(y.at(i), a.at(i) + 0.3 * (double{b.at(i)} - a.at(i)), 1e-6)
                  << isa << " n " << n << " strides " << as << bs << ys;
            ASSERT_TRUE(y.walls_stand());
          }
  }
  set_isa(nullptr);
}

TEST(PointwiseRows, ValuesDoNotDependOnStridesAndMayBeWrittenInPlace) {
  constexpr int64_t kN = 531;
  std::vector<float> x(kN), y(kN), wide(kN * 3), in_place(kN * 3);
  for (int64_t i = 0; i < kN; ++i)
    x[static_cast<size_t>(i)] = wide[static_cast<size_t>(3 * i)] =
        in_place[static_cast<size_t>(3 * i)] = value(i);
  const auto run = [](float* out, int64_t out_step, float* in, int64_t in_step) {
    char* data[] = {reinterpret_cast<char*>(out), reinterpret_cast<char*>(in)};
    const int64_t step[] = {4 * out_step, 4 * in_step};
    kSilu.row(DType::kF32)(data, step, kN, nullptr);
  };
  run(y.data(), 1, x.data(), 1);
  std::vector<float> from_wide(kN);
  run(from_wide.data(), 1, wide.data(), 3);
  EXPECT_EQ(0, std::memcmp(y.data(), from_wide.data(), kN * 4));
  run(in_place.data(), 3, in_place.data(), 3);
  run(x.data(), 1, x.data(), 1);
  EXPECT_EQ(0, std::memcmp(y.data(), x.data(), kN * 4));
  for (size_t i = 0; i < kN; ++i) ASSERT_EQ(in_place[3 * i], y[i]);
}

TEST(PointwiseRows, ConditionsAndComparisonsAreBool) {
  for (const char* isa : kIsas) {
    if (!set_isa(isa)) continue;
    for (int64_t n : {1, 5, 16, 47, 300})
      for (int64_t s : {0, 1, 2}) {
        Column<float> a(n, 1, 0), b(n, s, 0), y(n, 1, 99.f);
        Column<uint8_t> less(n, 1, 77);
        for (int64_t i = 0; i < n; ++i) a.at(i) = value(i), b.at(i) = value(i + 31);
        char* compare[] = {less.data(), a.data(), b.data()};
        const int64_t compare_step[] = {1, a.bytes(), b.bytes()};
        kLess.row(DType::kF32)(compare, compare_step, n, nullptr);
        EXPECT_TRUE(less.walls_stand());
        char* choose[] = {y.data(), less.data(), a.data(), b.data()};
        const int64_t choose_step[] = {y.bytes(), 1, a.bytes(), b.bytes()};
        kWhere.row(DType::kF32)(choose, choose_step, n, nullptr);
        for (int64_t i = 0; i < n; ++i) {
          ASSERT_EQ(less.at(i), a.at(i) < b.at(i) ? 1 : 0) << isa << " n " << n;
          ASSERT_EQ(y.at(i), std::fmin(a.at(i), b.at(i)));
        }
      }
  }
  set_isa(nullptr);
}

TEST(PointwiseRows, LoopsRowsServeDoublesAndIntegers) {
  double x[] = {-1.5, 0, 2}, g[] = {1, 2, 3}, dx[3];
  char* data[] = {reinterpret_cast<char*>(dx), reinterpret_cast<char*>(g),
                  reinterpret_cast<char*>(x)};
  const int64_t step[] = {8, 8, 8};
  kSiluGrad.row(DType::kF64)(data, step, 3, nullptr);
  for (int i = 0; i < 3; ++i) {
    const double h = 1e-6, up = (x[i] + h) / (1 + std::exp(-x[i] - h)),
                 down = (x[i] - h) / (1 + std::exp(-x[i] + h));
    EXPECT_NEAR(dx[i], g[i] * (up - down) / (2 * h), 1e-8);
  }
  int32_t a[] = {3, -4}, b[] = {5, -9}, m[2];
  char* ints[] = {reinterpret_cast<char*>(m), reinterpret_cast<char*>(a),
                  reinterpret_cast<char*>(b)};
  const int64_t int_step[] = {4, 4, 4};
  kMax.row(DType::kI32)(ints, int_step, 2, nullptr);
  EXPECT_EQ(m[0], 5);
  EXPECT_EQ(m[1], -4);
  EXPECT_EQ(kMax.row(DType::kBool), nullptr);
  EXPECT_EQ(kSilu.row(DType::kI64), nullptr);
}

TEST(PointwiseRows, TheSwitchChoosesLoopsOrSimd) {
  EXPECT_EQ(kSilu.row(DType::kF32), kSilu.simd_f32[static_cast<int>(current_isa())]);
  const KernelOverride loops("pointwise", "loops");
  EXPECT_EQ(kSilu.row(DType::kF32), kSilu.loops[static_cast<int>(DType::kF32)]);
}

}  // namespace
}  // namespace tinytorch::kernels
#endif
