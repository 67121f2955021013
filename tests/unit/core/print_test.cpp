// The expected texts are PyTorch's own (1.13), but for the names of dtypes.
#include <gtest/gtest.h>

#include <cmath>

#include "tinytorch/core/autograd.h"
#include "tinytorch/core/tensor.h"

namespace tinytorch {
namespace {

constexpr double kNan = NAN, kInf = INFINITY;

void expect(const Tensor& x, const std::string& text) {
  EXPECT_EQ(x.str(), text);
}

Tensor leaf(std::initializer_list<double> values) {
  return Tensor::of(values).set_requires_grad();
}

Tensor halves(int64_t n, DType dtype) {  // 0, 1.5, 3, ...
  return arange(0, 1.5 * static_cast<double>(n), 1.5, dtype).set_requires_grad();
}

TEST(Print, MatchesPyTorch) {
  expect(Tensor::of({1, 2, 3}), R"(tensor([1., 2., 3.]))");
  expect(Tensor::of({0.1, 2.5, -3.125}), R"(tensor([ 0.1000,  2.5000, -3.1250]))");
  expect(Tensor::of({1, 2, 3, 4}, Shape{2, 2}), R"(tensor([[1., 2.],
        [3., 4.]]))");
  expect(scalar_tensor(3.5), R"(tensor(3.5000))");
  expect(scalar_tensor(7, DType::kI64), R"(tensor(7))");
  expect(Tensor::of({1e-5, 1}), R"(tensor([1.0000e-05, 1.0000e+00]))");
  expect(Tensor::of({1, 10000}), R"(tensor([1.0000e+00, 1.0000e+04]))");
  expect(Tensor::of({1, 1000}), R"(tensor([   1., 1000.]))");
  expect(Tensor::of({1.5, 1501.5}), R"(tensor([1.5000e+00, 1.5015e+03]))");
  expect(Tensor::of({2e8, 3e8}), R"(tensor([2.0000e+08, 3.0000e+08]))");
  expect(Tensor::of({kNan, 1, kInf, -kInf}), R"(tensor([nan, 1., inf, -inf]))");
  expect(Tensor::of({kNan, 1.5, kInf}), R"(tensor([   nan, 1.5000,    inf]))");
  expect(Tensor::of({kNan, kInf}), R"(tensor([nan, inf]))");
  expect(Tensor::of({1e-6, 1, kNan, 0}),
         R"(tensor([1.0000e-06, 1.0000e+00,        nan, 0.0000e+00]))");
  expect(Tensor::of({0, -0.0}), R"(tensor([0., -0.]))");
  expect(Tensor::of({1, 0, 1}, {}, DType::kBool), R"(tensor([ True, False,  True]))");
  expect(Tensor::of({-1, 20, 300}, {}, DType::kI64), R"(tensor([ -1,  20, 300]))");
  expect(Tensor::of({1, 2}, {}, DType::kU8), R"(tensor([1, 2], dtype=u8))");
  expect(Tensor::of({0.5, 2}, {}, DType::kF64), R"(tensor([0.5000, 2.0000], dtype=f64))");
  expect(Tensor::of({0.1, 2}, {}, DType::kBF16), R"(tensor([0.1001, 2.0000], dtype=bf16))");
  expect(zeros({0}), R"(tensor([]))");
  expect(zeros({0, 3}), R"(tensor([], size=(0, 3)))");
  expect(zeros({0}, DType::kI64), R"(tensor([], dtype=i64))");
  expect(zeros({2, 0}, DType::kF64), R"(tensor([], size=(2, 0), dtype=f64))");
  expect(zeros({2, 2, 2}), R"(tensor([[[0., 0.],
         [0., 0.]],

        [[0., 0.],
         [0., 0.]]]))");
  expect(arange(0, 24, 1, DType::kF32).view({2, 3, 4}), R"(tensor([[[ 0.,  1.,  2.,  3.],
         [ 4.,  5.,  6.,  7.],
         [ 8.,  9., 10., 11.]],

        [[12., 13., 14., 15.],
         [16., 17., 18., 19.],
         [20., 21., 22., 23.]]]))");
  expect(arange(16).view({2, 2, 2, 2}), R"(tensor([[[[ 0,  1],
          [ 2,  3]],

         [[ 4,  5],
          [ 6,  7]]],


        [[[ 8,  9],
          [10, 11]],

         [[12, 13],
          [14, 15]]]]))");
  expect(arange(1001), R"(tensor([   0,    1,    2,  ...,  998,  999, 1000]))");
  expect(arange(30),
         R"(tensor([ 0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14, 15, 16, 17,
        18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29]))");
  expect(arange(10000).view({100, 100}), R"(tensor([[   0,    1,    2,  ...,   97,   98,   99],
        [ 100,  101,  102,  ...,  197,  198,  199],
        [ 200,  201,  202,  ...,  297,  298,  299],
        ...,
        [9700, 9701, 9702,  ..., 9797, 9798, 9799],
        [9800, 9801, 9802,  ..., 9897, 9898, 9899],
        [9900, 9901, 9902,  ..., 9997, 9998, 9999]]))");
  expect(arange(0, 1200, 1, DType::kF32).view({2, 2, 300}),
         R"(tensor([[[0.0000e+00, 1.0000e+00, 2.0000e+00,  ..., 2.9700e+02,
          2.9800e+02, 2.9900e+02],
         [3.0000e+02, 3.0100e+02, 3.0200e+02,  ..., 5.9700e+02,
          5.9800e+02, 5.9900e+02]],

        [[6.0000e+02, 6.0100e+02, 6.0200e+02,  ..., 8.9700e+02,
          8.9800e+02, 8.9900e+02],
         [9.0000e+02, 9.0100e+02, 9.0200e+02,  ..., 1.1970e+03,
          1.1980e+03, 1.1990e+03]]]))");
  expect(arange(1400).view({7, 1, 200}), R"(tensor([[[   0,    1,    2,  ...,  197,  198,  199]],

        [[ 200,  201,  202,  ...,  397,  398,  399]],

        [[ 400,  401,  402,  ...,  597,  598,  599]],

        ...,

        [[ 800,  801,  802,  ...,  997,  998,  999]],

        [[1000, 1001, 1002,  ..., 1197, 1198, 1199]],

        [[1200, 1201, 1202,  ..., 1397, 1398, 1399]]]))");
  expect(arange(0, 40, 1, DType::kF32),
         R"(tensor([ 0.,  1.,  2.,  3.,  4.,  5.,  6.,  7.,  8.,  9., 10., 11., 12., 13.,
        14., 15., 16., 17., 18., 19., 20., 21., 22., 23., 24., 25., 26., 27.,
        28., 29., 30., 31., 32., 33., 34., 35., 36., 37., 38., 39.]))");
  expect(arange(0, 6, 1, DType::kF32).view({2, 3}).t(), R"(tensor([[0., 3.],
        [1., 4.],
        [2., 5.]]))");
  expect(arange(20).slice(0, 1, 18, 3), R"(tensor([ 1,  4,  7, 10, 13, 16]))");
  expect(leaf({1, 2}), R"(tensor([1., 2.], requires_grad=True))");
  expect(halves(7, DType::kF64),
         R"(tensor([0.0000, 1.5000, 3.0000, 4.5000, 6.0000, 7.5000, 9.0000], dtype=f64,
       requires_grad=True))");
  expect(halves(10, DType::kF64),
         R"(tensor([ 0.0000,  1.5000,  3.0000,  4.5000,  6.0000,  7.5000,  9.0000, 10.5000,
        12.0000, 13.5000], dtype=f64, requires_grad=True))");
  expect(halves(11, DType::kF32),
         R"(tensor([ 0.0000,  1.5000,  3.0000,  4.5000,  6.0000,  7.5000,  9.0000, 10.5000,
        12.0000, 13.5000, 15.0000], requires_grad=True))");
}

TEST(Print, OnlyShownElementsChooseTheForm) {
  Tensor x = zeros({1200});
  x.data<float>()[600] = 1e6f;  // hidden by the dots
  EXPECT_EQ(x.str(), "tensor([0., 0., 0.,  ..., 0., 0., 0.])");
}

TEST(Print, IntegersKeepAllDigits) {
  const Tensor x = from_vector<int64_t>({9007199254740993}, {1});
  EXPECT_EQ(x.str(), "tensor([9007199254740993])");
}

TEST(Print, ShowsThePlaceInTheGraph) {
  const Tensor x = leaf({1, 2});
  EXPECT_EQ(x.view({2, 1}).str(), "tensor([[1.],\n        [2.]], grad_fn=<view>)");
}

TEST(Print, Undefined) {
  EXPECT_EQ(Tensor().str(), "tensor(undefined)");
}

}  // namespace
}  // namespace tinytorch
