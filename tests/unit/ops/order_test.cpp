// What the samples of sort.cpp, scatter.cpp and interpolate.cpp, which have neither ties nor NaN,
// do not show. Values are PyTorch's, but for those that PyTorch leaves open.
#include <gtest/gtest.h>

#include <array>

#include <algorithm>
#include <limits>

#include "tinytorch/core/parallel.h"
#include "tinytorch/ops/indexing.h"
#include "tinytorch/ops/interpolate.h"
#include "tinytorch/ops/math.h"
#include "tinytorch/ops/ops.h"
#include "tinytorch/ops/sort.h"

namespace tinytorch {
namespace {

using Indices = std::vector<int64_t>;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();

TEST(Order, NanIsLargestAndEqualValuesKeepTheirOrder) {
  for (const DType dtype : {DType::kF32, DType::kF64}) {
    const Tensor x = Tensor::of({1, kNan, -kInf, 3, kNan, kInf, -0.0, 0}).to(dtype);
    EXPECT_EQ(to_vector<int64_t>(argsort(x)), (Indices{2, 6, 7, 0, 3, 5, 1, 4}));
    EXPECT_EQ(to_vector<int64_t>(sort(x, 0, true).second), (Indices{1, 4, 5, 3, 0, 6, 7, 2}));
    EXPECT_EQ(to_vector<int64_t>(topk(x, 4).second), (Indices{1, 4, 5, 3}));
    EXPECT_EQ(to_vector<int64_t>(topk(x, 3, 0, false).second), (Indices{2, 6, 7}));
    EXPECT_EQ(to_vector<int64_t>(sort(topk(x, 3, 0, false, false).second).first),
              (Indices{2, 6, 7}));
  }
}

TEST(Order, SmallIntegersAndBool) {
  const auto [flags, places] = sort(Tensor::of({1, 0, 1, 0}).to(DType::kBool));
  EXPECT_EQ(to_vector<bool>(flags), (std::vector<bool>{false, false, true, true}));
  EXPECT_EQ(to_vector<int64_t>(places), (Indices{1, 3, 0, 2}));
  const Tensor x = Tensor::of({3, -128, 127, -1}).to(DType::kI8);
  EXPECT_EQ(to_vector<int8_t>(sort(x).first), (std::vector<int8_t>{-128, -1, 3, 127}));
}

TEST(Order, SumsAtOnePlaceHaveOneOrder) {
  const int64_t n = 20000;
  const Tensor src = 1e4 * sin(arange(0, n, 1, DType::kF32));
  Indices places(static_cast<size_t>(n));
  for (size_t i = 0; i < places.size(); ++i) places[i] = static_cast<int64_t>(i * i % 3);
  const Tensor index = from_vector(places, {n});
  const auto run = [&] {
    std::vector<float> all = to_vector<float>(scatter_add(zeros({3}), 0, index, src));
    const auto put = to_vector<float>(index_put(zeros({3}), {index}, src, true));
    all.insert(all.end(), put.begin(), put.end());
    return all;
  };
  const int threads = num_threads();
  set_num_threads(1);
  const std::vector<float> one = run();
  set_num_threads(4);
  const std::vector<float> four = run();
  set_num_threads(threads);
  EXPECT_EQ(one, four);
}

TEST(Order, OfEqualPlacesTheLastIsWritten) {
  const Tensor index = from_vector<int64_t>({1, 0, 1}, {3});
  EXPECT_EQ(to_vector<float>(index_put(zeros({2}), {index}, Tensor::of({1, 2, 3}))),
            (std::vector<float>{2, 3}));
}

TEST(Order, NearestPixelsWherePositionsAreNotExact) {
  // In exact arithmetic each half would be 41, 47 and 49 pixels wide.
  const int64_t sizes[][2] = {{82, 42}, {94, 48}, {98, 49}};
  for (const auto& [out, zeros_of] : sizes) {
    const Tensor y = interpolate(arange(0, 2, 1, DType::kF32).view({1, 1, 1, 2}), 1, out);
    const std::vector<float> v = to_vector<float>(y);
    EXPECT_EQ(std::count(v.begin(), v.end(), 0.0f), zeros_of) << out;
  }
  for (const auto& [h, w, to_h, to_w] :
       {std::array<int64_t, 4>{0, 2, 1, 1}, {2, 0, 1, 1}, {2, 2, 0, 1}, {2, 2, 1, 0}})
    EXPECT_THROW(interpolate(zeros({1, 1, h, w}), to_h, to_w), ShapeError) << h << " " << w;
  // A factor that leaves the size as it is leaves the image as it is.
  const Tensor x = Tensor::of({0, 1}, Shape{1, 1, 1, 2});
  EXPECT_EQ(to_vector<float>(interpolate_by(x, 1, 20.0 / 17)), (std::vector<float>{0, 1}));
}

}  // namespace
}  // namespace tinytorch
