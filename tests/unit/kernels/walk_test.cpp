#include "tinytorch/kernels/walk.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "tinytorch/core/parallel.h"
#include "tinytorch/kernels/coalesce.h"
#include "tinytorch/kernels/pointwise.h"
#include "tinytorch/kernels/simd/isa.h"

namespace tinytorch::kernels {
namespace {

// Calls f(index) for every index of `shape` in row-major order.
template <class F>
void for_each_index(const Shape& shape, F f) {
  const int64_t total = shape.product();
  for (int64_t k = 0; k < total; ++k) {
    Dims index = shape;
    int64_t rest = k;
    for (int d = shape.rank() - 1; d >= 0; --d) {
      index[d] = rest % shape[d];
      rest /= shape[d];
    }
    f(index);
  }
}

int64_t offset(const Dims& index, const Strides& stride) {
  int64_t o = 0;
  for (int d = 0; d < index.rank(); ++d) o += index[d] * stride[d];
  return o;
}

// Strides of `shape` laid out in a random order of its dimensions, with gaps now and then;
// `broadcast`: some dimensions get stride 0. Returns the number of elements spanned.
struct Layout {
  Strides stride;
  int64_t span;
};
Layout random_layout(const Shape& shape, bool broadcast, std::mt19937& rng) {
  std::vector<int> order;
  for (int d = 0; d < shape.rank(); ++d) order.push_back(d);
  if (rng() % 2) std::shuffle(order.begin(), order.end(), rng);
  Layout out{Dims::filled(shape.rank(), 0), 1};
  if (rng() % 4 == 0) out.span = 2;
  for (int i = shape.rank() - 1; i >= 0; --i) {
    const int d = order[static_cast<size_t>(i)];
    if (broadcast && rng() % 4 == 0) continue;
    out.stride[d] = out.span;
    out.span *= std::max<int64_t>(1, shape[d]);
    if (rng() % 5 == 0) ++out.span;
  }
  return out;
}

Shape random_shape(std::mt19937& rng, int64_t largest) {
  Shape shape;
  const auto rank = static_cast<int>(rng() % 6);
  for (int d = 0; d < rank; ++d) {
    const auto pick = rng() % 12;
    const int64_t size = pick == 0 ? 0 : pick < 3 ? 1 : 1 + static_cast<int64_t>(rng()) % largest;
    shape.push_back(shape.product() * size > 5000 ? 1 : size);
  }
  return shape;
}

TEST(Walk, AddsOverAnyShapeAndStrides) {
  std::mt19937 rng(1);
  for (int round = 0; round < 400; ++round) {
    const Shape shape = random_shape(rng, 7);
    const Layout ly = random_layout(shape, false, rng), la = random_layout(shape, true, rng),
                 lb = random_layout(shape, true, rng);
    std::vector<double> a(static_cast<size_t>(la.span)), b(static_cast<size_t>(lb.span)),
        y(static_cast<size_t>(ly.span), -7), want = y;
    for (double& v : a) v = static_cast<double>(rng() % 1000);
    for (double& v : b) v = static_cast<double>(rng() % 1000);
    for_each_index(shape, [&](const Dims& i) {
      want[static_cast<size_t>(offset(i, ly.stride))] =
          a[static_cast<size_t>(offset(i, la.stride))] +
          b[static_cast<size_t>(offset(i, lb.stride))];
    });
    WalkArgs args;
    args.operands = 3;
    args.shape = shape;
    args.row = loops::add_row<double>;
    const Strides* strides[] = {&ly.stride, &la.stride, &lb.stride};
    double* data[] = {y.data(), a.data(), b.data()};
    for (int j = 0; j < 3; ++j) {
      args.data[j] = reinterpret_cast<char*>(data[j]);
      args.stride[j] = *strides[j];
      for (int64_t& s : args.stride[j]) s *= 8;
    }
    loops::walk(args);
    ASSERT_EQ(y, want) << "walk " << shape.str();
    std::fill(y.begin(), y.end(), -7);
    // An expensive estimate: many chunks even for small shapes.
    parallel_walk(args, round % 2 ? 4000 : 1);
    ASSERT_EQ(y, want) << "parallel_walk " << shape.str() << " y " << ly.stride.str() << " a "
                       << la.stride.str() << " b " << lb.stride.str();
  }
}

TEST(Walk, RowsComeInRowMajorOrder) {
  static std::vector<int64_t> seen;
  seen.clear();
  static char base[64];
  WalkArgs args;
  args.operands = 1;
  args.shape = {2, 3, 4};
  args.data[0] = base;
  args.stride[0] = {12, 4, 1};
  args.row = [](char* const* data, const int64_t*, int64_t n, const void*) {
    EXPECT_EQ(n, 4);
    seen.push_back(data[0] - base);
  };
  loops::walk(args);
  EXPECT_EQ(seen, (std::vector<int64_t>{0, 4, 8, 12, 16, 20}));
}

TEST(Walk, ElementwiseRowsKeepNanAndMatchFormulas) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  float a[] = {-1, 0, 2, nan}, b[] = {3, 4, 5, 6}, y[4];
  char* data[] = {reinterpret_cast<char*>(y), reinterpret_cast<char*>(a),
                  reinterpret_cast<char*>(b)};
  const int64_t step[] = {4, 4, 4};
  loops::mul_row<float>(data, step, 4, nullptr);
  EXPECT_EQ(y[2], 10);
  loops::relu_row<float>(data, step, 4, nullptr);
  EXPECT_EQ(y[0], 0);
  EXPECT_EQ(y[2], 2);
  EXPECT_TRUE(std::isnan(y[3]));
  loops::exp_row<float>(data, step, 4, nullptr);
  EXPECT_FLOAT_EQ(y[2], std::exp(2.f));
}

TEST(Coalesce, SortsMergesAndDropsOnes) {
  Shape shape{2, 1, 3, 4};
  Strides stride[] = {{12, 99, 4, 1}, {12, 0, 4, 1}};
  coalesce(shape, stride, 2);
  EXPECT_EQ(shape, Shape({24}));
  EXPECT_EQ(stride[1], Strides({1}));
  // A channels-last output and an input in NCHW order: the output decides, nothing merges but
  // the image's rows and columns.
  shape = {2, 3, 4, 5};
  Strides image[] = {{60, 1, 15, 3}, {60, 20, 5, 1}};
  coalesce(shape, image, 2);
  EXPECT_EQ(shape, Shape({2, 20, 3}));
  EXPECT_EQ(image[0], Strides({60, 3, 1}));
  EXPECT_EQ(image[1], Strides({60, 1, 20}));
}

template <class T>
std::vector<T> random_values(int64_t n, std::mt19937& rng) {
  std::vector<T> v;
  for (int64_t i = 0; i < n; ++i) {
    const auto k = static_cast<int>(rng() % 100);
    if constexpr (std::is_same_v<T, BFloat16>)
      v.push_back(BFloat16(static_cast<float>(k) * 0.37f));
    else if constexpr (std::is_same_v<T, bool>)
      v.push_back(k % 3 == 0);
    else
      v.push_back(static_cast<T>(k * (std::is_floating_point_v<T> ? 0.37 : 1)));
  }
  return v;
}

// std::vector<bool> has no data(): bytes stand in.
template <class T>
using Cell = std::conditional_t<std::is_same_v<T, bool>, uint8_t, T>;

template <class X, class Y>
Cell<Y> expected(Cell<X> x) {
  double value;
  if constexpr (std::is_same_v<X, BFloat16>)
    value = static_cast<float>(x);
  else
    value = static_cast<double>(x);
  if constexpr (std::is_same_v<Y, bool>) return value != 0;
  if constexpr (std::is_same_v<Y, BFloat16>) return BFloat16(static_cast<float>(value));
  if constexpr (!std::is_same_v<Y, BFloat16> && !std::is_same_v<Y, bool>)
    return static_cast<Y>(value);
}

template <class X, class Y>
void check_copies(std::mt19937& rng, int rounds, int64_t largest) {
  for (int round = 0; round < rounds; ++round) {
    const Shape shape = random_shape(rng, largest);
    const Layout lx = random_layout(shape, true, rng), ly = random_layout(shape, false, rng);
    std::vector<Cell<X>> x;
    for (X v : random_values<X>(lx.span, rng)) x.push_back(v);
    std::vector<Cell<Y>> y(static_cast<size_t>(ly.span)), want = y;
    for_each_index(shape, [&](const Dims& i) {
      want[static_cast<size_t>(offset(i, ly.stride))] =
          expected<X, Y>(x[static_cast<size_t>(offset(i, lx.stride))]);
    });
    CopyArgs args;
    args.shape = shape;
    args.x = x.data();
    args.x_dtype = dtype_of<X>;
    args.x_stride = lx.stride;
    args.y = y.data();
    args.y_dtype = dtype_of<Y>;
    args.y_stride = ly.stride;
    for (int variant = 0; variant < copy_kernel.count(); ++variant) {
      std::memset(static_cast<void*>(y.data()), 0, y.size() * sizeof(y[0]));
      copy_kernel.fn(variant)(args);
      ASSERT_EQ(0, std::memcmp(y.data(), want.data(), y.size() * sizeof(y[0])))
          << copy_kernel.name(variant) << " " << dtype_name(args.x_dtype) << " to "
          << dtype_name(args.y_dtype) << " " << shape.str() << " x " << lx.stride.str() << " y "
          << ly.stride.str();
    }
  }
}

template <class X>
void check_all_targets_of(std::mt19937& rng) {
  check_copies<X, bool>(rng, 12, 6);
  check_copies<X, uint8_t>(rng, 12, 6);
  check_copies<X, int8_t>(rng, 12, 6);
  check_copies<X, int32_t>(rng, 12, 6);
  check_copies<X, int64_t>(rng, 12, 6);
  check_copies<X, BFloat16>(rng, 12, 6);
  check_copies<X, float>(rng, 12, 6);
  check_copies<X, double>(rng, 12, 6);
}

TEST(Copy, AnyDtypesAndStrides) {
  std::mt19937 rng(2);
  check_all_targets_of<bool>(rng);
  check_all_targets_of<uint8_t>(rng);
  check_all_targets_of<int8_t>(rng);
  check_all_targets_of<int32_t>(rng);
  check_all_targets_of<int64_t>(rng);
  check_all_targets_of<BFloat16>(rng);
  check_all_targets_of<float>(rng);
  check_all_targets_of<double>(rng);
}

TEST(Copy, TransposesOnEveryTarget) {
  for (const char* isa : {"avx512", "avx2", "neon", "scalar"}) {
    if (!set_isa(isa)) continue;
    std::mt19937 rng(3);
    check_copies<float, float>(rng, 60, 40);
    check_copies<double, double>(rng, 10, 30);
    check_copies<BFloat16, BFloat16>(rng, 10, 30);
    check_copies<bool, bool>(rng, 10, 30);
  }
  set_isa(nullptr);
}

TEST(Copy, BFloat16KeepsNanAndRoundsToEven) {
  const float x[] = {1.00390625f, std::numeric_limits<float>::quiet_NaN(),
                     std::numeric_limits<float>::infinity()};
  BFloat16 y[3];
  CopyArgs args;
  args.shape = {3};
  args.x_stride = args.y_stride = {1};
  args.x = x;
  args.y = y;
  args.y_dtype = DType::kBF16;
  copy(args);
  EXPECT_EQ(y[0].bits, 0x3f80);
  EXPECT_TRUE(std::isnan(static_cast<float>(y[1])));
  EXPECT_EQ(y[2].bits, 0x7f80);
}

TEST(Fill, WritesTheElementsOfAViewOnly) {
  std::vector<int64_t> y(40, 5);
  const int64_t value = int64_t{1} << 40;
  fill(
      {.shape = {3, 2}, .y = y.data(), .dtype = DType::kI64, .y_stride = {10, 3}, .value = &value});
  for (int64_t i = 0; i < 40; ++i) {
    const bool inside = i % 10 % 3 == 0 && i % 10 / 3 < 2 && i / 10 < 3;
    EXPECT_EQ(y[static_cast<size_t>(i)], inside ? value : 5) << i;
  }
}

}  // namespace
}  // namespace tinytorch::kernels
