#include "tinytorch/kernels/softmax.h"

#include <limits>

#include "row_test_util.h"

namespace tinytorch::kernels {
namespace {

using namespace tinytorch::testing;

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr int64_t kCols[] = {1, 2, 3, 7, 10, 15, 16, 17, 31, 48, 63, 64, 65, 80, 127, 200, 1000};

// An input of rows x cols in rows `stride` apart; what lies between the rows is NaN and must be
// neither used nor written.
struct Rows {
  int64_t rows, cols, stride;
  std::vector<float> x;
  Rows(int64_t r, int64_t c, int64_t gap, float scale, uint64_t seed)
      : rows(r), cols(c), stride(c + gap), x(static_cast<size_t>(r * (c + gap)), NAN) {
    TestRandom random(seed);
    for (int64_t i = 0; i < r; ++i)
      for (int64_t j = 0; j < c; ++j)
        x[static_cast<size_t>(i * stride + j)] = scale * static_cast<float>(random.uniform());
  }
  const float* row(int64_t r) const { return x.data() + r * stride; }
};

// In float64 but for x - max, whose rounding is part of the definition in float.
std::vector<double> reference(const Rows& in, bool log) {
  std::vector<double> y(in.x.size(), NAN);
  for (int64_t r = 0; r < in.rows; ++r) {
    float max = -kInf;
    double sum = 0;
    for (int64_t c = 0; c < in.cols; ++c) max = std::fmax(max, in.row(r)[c]);
    for (int64_t c = 0; c < in.cols; ++c) sum += std::exp(double{in.row(r)[c] - max});
    for (int64_t c = 0; c < in.cols; ++c) {
      const double z = in.row(r)[c] - max;
      y[static_cast<size_t>(r * in.stride + c)] = log ? z - std::log(sum) : std::exp(z) / sum;
    }
  }
  return y;
}

using Forward = void(const SoftmaxArgs<float>&);
using Backward = void(const SoftmaxGradArgs<float>&);

std::vector<float> run(Forward* fn, const Rows& in) {
  std::vector<float> y(in.x.size(), NAN);
  fn({.rows = in.rows,
      .cols = in.cols,
      .x = in.x.data(),
      .x_stride = in.stride,
      .y = y.data(),
      .y_stride = in.stride});
  return y;
}
std::vector<float> run(Backward* fn, const Rows& y, const Rows& dy) {
  std::vector<float> dx(y.x.size(), NAN);
  fn({.rows = y.rows,
      .cols = y.cols,
      .y = y.x.data(),
      .y_stride = y.stride,
      .dy = dy.x.data(),
      .dy_stride = dy.stride,
      .dx = dx.data(),
      .dx_stride = y.stride});
  return dx;
}

TEST(Softmax, MatchesTheReferenceForAllSizesAndStrides) {
  for (int64_t cols : kCols)
    for (float scale : {1.f, 20.f, 1e4f}) {
      const Rows in(7, cols, cols % 3, scale, static_cast<uint64_t>(cols));
      for (Forward* fn : {loops::softmax<float>, simd::softmax})
        expect_near(run(fn, in), reference(in, false), 2e-6, 1e-36, "softmax");
      for (Forward* fn : {loops::log_softmax<float>, simd::log_softmax})
        expect_near(run(fn, in), reference(in, true), 2e-6, 2e-6, "log_softmax");
    }
}

TEST(Softmax, SpecialValues) {
  for (int64_t cols : {5, 64, 70, 200})
    for (bool log : {false, true}) {
      Rows in(6, cols, 0, 3, 1);
      const auto at = [&](int64_t r, int64_t c) -> float& {
        return in.x[static_cast<size_t>(r * in.stride + c)];
      };
      for (int64_t c = 0; c < cols; ++c) at(0, c) = -kInf;     // a row without any mass: NaN
      for (int64_t c = 1; c < cols; ++c) at(1, c) = -kInf;     // one class: 1 and 0
      for (int64_t c = 0; c < cols; c += 2) at(2, c) = -kInf;  // masked
      at(3, cols / 2) = kInf;                                  // NaN
      at(4, cols - 1) = NAN;
      at(5, 0) = 3e38f;
      at(5, 1) = -3e38f;
      std::vector<double> want = reference(in, log);
      for (int64_t c = 0; c < cols; ++c) want[static_cast<size_t>(4 * cols + c)] = NAN;
      Forward* fns[2][2] = {{loops::softmax<float>, simd::softmax},
                            {loops::log_softmax<float>, simd::log_softmax}};
      for (Forward* fn : fns[log]) expect_near(run(fn, in), want, 2e-6, 2e-6, "special");
    }
}

TEST(Softmax, InPlaceGivesTheSameBits) {
  for (int64_t cols : {10, 64, 300})
    for (Forward* fn :
         {loops::softmax<float>, simd::softmax, loops::log_softmax<float>, simd::log_softmax}) {
      const Rows in(9, cols, 0, 5, 2);
      const std::vector<float> want = run(fn, in);
      std::vector<float> y = in.x;
      fn({.rows = 9,
          .cols = cols,
          .x = y.data(),
          .x_stride = cols,
          .y = y.data(),
          .y_stride = cols});
      EXPECT_EQ(y, want);
    }
}

TEST(Softmax, GradientMatchesTheFormula) {
  for (int64_t cols : kCols) {
    const Rows in(5, cols, cols % 2, 4, 3), dy(5, cols, cols % 2, 1, 4);
    for (bool log : {false, true}) {
      Rows y = in;
      y.x = run(log ? simd::log_softmax : simd::softmax, in);
      std::vector<double> want(y.x.size(), NAN);
      for (int64_t r = 0; r < 5; ++r) {
        double sum = 0;
        for (int64_t c = 0; c < cols; ++c)
          sum += static_cast<double>(dy.row(r)[c]) * (log ? 1 : y.row(r)[c]);
        for (int64_t c = 0; c < cols; ++c) {
          const double g = dy.row(r)[c], p = y.row(r)[c];
          want[static_cast<size_t>(r * y.stride + c)] = log ? g - std::exp(p) * sum : p * (g - sum);
        }
      }
      Backward* fns[2][2] = {{loops::softmax_grad<float>, simd::softmax_grad},
                             {loops::log_softmax_grad<float>, simd::log_softmax_grad}};
      for (Backward* fn : fns[log]) expect_near(run(fn, y, dy), want, 1e-5, 3e-6, "gradient");
    }
  }
}

TEST(Softmax, NumericalGradient) {
  constexpr int64_t kRows = 3, kN = 5;
  TestRandom random(5);
  const std::vector<double> x = random_vector<double>(kRows * kN, random);
  const std::vector<double> dy = random_vector<double>(kRows * kN, random);
  for (bool log : {false, true}) {
    std::vector<double> y(x.size()), dx(x.size());
    const auto forward = [&](const double* at) {
      const SoftmaxArgs<double> args{
          .rows = kRows, .cols = kN, .x = at, .x_stride = kN, .y = y.data(), .y_stride = kN};
      log ? log_softmax(args) : softmax(args);
      double sum = 0;
      for (size_t i = 0; i < y.size(); ++i) sum += y[i] * dy[i];
      return sum;
    };
    const std::vector<double> want = numerical_gradient(x, forward);
    forward(x.data());
    const SoftmaxGradArgs<double> args{.rows = kRows,
                                       .cols = kN,
                                       .y = y.data(),
                                       .y_stride = kN,
                                       .dy = dy.data(),
                                       .dy_stride = kN,
                                       .dx = dx.data(),
                                       .dx_stride = kN};
    log ? log_softmax_grad(args) : softmax_grad(args);
    expect_near(dx, want, 1e-7, 1e-9, "numerical gradient");
  }
}

TEST(Softmax, SameBitsForThreadsAndInstructionSets) {
  for (int64_t cols : {3, 10, 33, 64, 65, 513}) {
    const Rows in(600, cols, 1, 6, 6), dy(600, cols, 1, 1, 7);
    for (Forward* fn : {simd::softmax, simd::log_softmax})
      expect_same_bits([&] { return run(fn, in); });
    for (Backward* fn : {simd::softmax_grad, simd::log_softmax_grad})
      expect_same_bits([&] { return run(fn, in, dy); });
  }
}

TEST(Softmax, NothingToDo) {
  for (Forward* fn : {loops::softmax<float>, simd::softmax, simd::log_softmax}) {
    fn({.rows = 0, .cols = 5});
    fn({.rows = 5, .cols = 0});
  }
}

}  // namespace
}  // namespace tinytorch::kernels
