#include "row_test_util.h"
#include "tinytorch/kernels/norm.h"

namespace tinytorch::kernels {
namespace {

using namespace tinytorch::testing;

template <class T>
struct Outputs {
  std::vector<T> y, mean, rstd, dx, dgamma, dbeta;
};

template <class T>
struct Problem {
  int64_t rows, cols, stride;
  bool affine;
  double eps = 1e-5;
  std::vector<T> x, dy, gamma, beta;

  Problem(int64_t r, int64_t c, double offset, bool with_affine, uint64_t seed)
      : rows(r), cols(c), stride(c + static_cast<int64_t>(seed % 3)), affine(with_affine) {
    TestRandom random(seed);
    x = random_vector<T>(rows * stride, random);
    for (T& v : x) v = static_cast<T>(3 * v + static_cast<T>(offset));
    dy = random_vector<T>(rows * stride, random);
    gamma = random_vector<T>(cols, random);
    beta = random_vector<T>(cols, random);
  }

  Outputs<T> run(void (*forward)(const LayerNormArgs<T>&),
                 void (*backward)(const LayerNormGradArgs<T>&)) const {
    Outputs<T> out;
    out.y.assign(x.size(), -7);
    out.dx.assign(x.size(), -7);
    out.mean.resize(static_cast<size_t>(rows));
    out.rstd.resize(static_cast<size_t>(rows));
    out.dgamma.assign(static_cast<size_t>(cols), -7);
    out.dbeta.assign(static_cast<size_t>(cols), -7);
    forward({.rows = rows,
             .cols = cols,
             .x = x.data(),
             .x_stride = stride,
             .gamma = affine ? gamma.data() : nullptr,
             .beta = affine ? beta.data() : nullptr,
             .eps = eps,
             .y = out.y.data(),
             .y_stride = stride,
             .mean = out.mean.data(),
             .rstd = out.rstd.data()});
    backward({.rows = rows,
              .cols = cols,
              .x = x.data(),
              .x_stride = stride,
              .dy = dy.data(),
              .dy_stride = stride,
              .gamma = affine ? gamma.data() : nullptr,
              .mean = out.mean.data(),
              .rstd = out.rstd.data(),
              .dx = out.dx.data(),
              .dx_stride = stride,
              .dgamma = out.dgamma.data(),
              .dbeta = out.dbeta.data()});
    return out;
  }
};

Outputs<double> reference(const Problem<float>& p) {
  Outputs<double> out;
  out.y.assign(p.x.size(), -7);
  out.dx.assign(p.x.size(), -7);
  out.dgamma.resize(static_cast<size_t>(p.cols));
  out.dbeta.resize(static_cast<size_t>(p.cols));
  const double n = static_cast<double>(p.cols);
  for (int64_t r = 0; r < p.rows; ++r) {
    const float* x = p.x.data() + r * p.stride;
    const float* dy = p.dy.data() + r * p.stride;
    double mean = 0, var = 0, sum_g = 0, sum_gh = 0;
    for (int64_t c = 0; c < p.cols; ++c) mean += x[c] / n;
    for (int64_t c = 0; c < p.cols; ++c) var += (x[c] - mean) * (x[c] - mean) / n;
    const double rstd = 1 / std::sqrt(var + p.eps);
    const auto g = [&](int64_t c) {
      return static_cast<double>(dy[c]) * (p.affine ? p.gamma[static_cast<size_t>(c)] : 1);
    };
    for (int64_t c = 0; c < p.cols; ++c) {
      const size_t i = static_cast<size_t>(c);
      const double h = (x[c] - mean) * rstd;
      out.y[static_cast<size_t>(r * p.stride + c)] = p.affine ? h * p.gamma[i] + p.beta[i] : h;
      out.dgamma[i] += dy[c] * h;
      out.dbeta[i] += dy[c];
      sum_g += g(c) / n;
      sum_gh += g(c) * h / n;
    }
    for (int64_t c = 0; c < p.cols; ++c)
      out.dx[static_cast<size_t>(r * p.stride + c)] =
          rstd * (g(c) - sum_g - (x[c] - mean) * rstd * sum_gh);
    out.mean.push_back(mean);
    out.rstd.push_back(rstd);
  }
  return out;
}

void expect_matches(const Outputs<float>& got, const Outputs<double>& want, double offset) {
  // x - mean carries the rounding of x itself and of the mean.
  const double input = 3e-7 * offset;
  expect_near(got.y, want.y, 5e-6, 3e-6 + 2 * input, "y");
  expect_near(got.mean, want.mean, 3e-7, 1e-6, "mean");
  expect_near(got.rstd, want.rstd, 5e-6 + input, 0, "rstd");
  expect_near(got.dx, want.dx, 1e-5, 5e-6 + 5 * input, "dx");
  expect_near(got.dgamma, want.dgamma, 1e-5, 2e-5 + 50 * input, "dgamma");
  expect_near(got.dbeta, want.dbeta, 1e-5, 1e-5, "dbeta");
}

TEST(LayerNorm, MatchesTheReference) {
  // (Two or three equal values would have a variance near 0, where no float result is exact.)
  for (int64_t cols : {5, 15, 16, 17, 63, 64, 65, 100, 128, 384, 1000, 4096})
    for (bool affine : {true, false})
      for (double offset : {0.0, 1000.0}) {
        const Problem<float> p(cols > 500 ? 19 : 150, cols, offset, affine,
                               static_cast<uint64_t>(cols));
        SCOPED_TRACE(::testing::Message() << cols << " columns, offset " << offset);
        const Outputs<double> want = reference(p);
        expect_matches(p.run(loops::layer_norm, loops::layer_norm_grad), want, offset);
        expect_matches(p.run(simd::layer_norm, simd::layer_norm_grad), want, offset);
      }
}

TEST(LayerNorm, OneColumnGivesBeta) {
  Problem<float> p(5, 1, 3, true, 1);
  const Outputs<float> got = p.run(simd::layer_norm, simd::layer_norm_grad);
  for (int64_t r = 0; r < 5; ++r) {
    EXPECT_EQ(got.y[static_cast<size_t>(r * p.stride)], p.beta[0]);
    EXPECT_EQ(got.dx[static_cast<size_t>(r * p.stride)], 0.f);
  }
}

TEST(LayerNorm, NumericalGradient) {
  const Problem<double> p(3, 6, 0, true, 3);
  const Outputs<double> got = p.run(layer_norm, layer_norm_grad);
  const auto loss = [&](std::vector<double> Problem<double>::* input) {
    return [&p, input](const double* at) {
      Problem<double> moved = p;
      (moved.*input).assign(at, at + (p.*input).size());
      const Outputs<double> out = moved.run(layer_norm, layer_norm_grad);
      double sum = 0;
      for (size_t i = 0; i < out.y.size(); ++i) sum += out.y[i] * p.dy[i];
      return sum;
    };
  };
  using P = Problem<double>;
  expect_near(got.dx, numerical_gradient(p.x, loss(&P::x)), 1e-6, 1e-8, "dx");
  expect_near(got.dgamma, numerical_gradient(p.gamma, loss(&P::gamma)), 1e-6, 1e-8, "dgamma");
  expect_near(got.dbeta, numerical_gradient(p.beta, loss(&P::beta)), 1e-6, 1e-8, "dbeta");
}

TEST(LayerNorm, GradientInPlaceOfDyAndWithoutParameters) {
  for (auto* backward : {loops::layer_norm_grad<float>, simd::layer_norm_grad}) {
    const Problem<float> p(40, 70, 0, true, 3);
    const Outputs<float> want = p.run(simd::layer_norm, backward);
    std::vector<float> dx = p.dy;
    backward({.rows = p.rows,
              .cols = p.cols,
              .x = p.x.data(),
              .x_stride = p.stride,
              .dy = dx.data(),
              .dy_stride = p.stride,
              .gamma = p.gamma.data(),
              .mean = want.mean.data(),
              .rstd = want.rstd.data(),
              .dx = dx.data(),
              .dx_stride = p.stride});
    EXPECT_EQ(dx, want.dx);
  }
}

TEST(LayerNorm, SameBitsForThreadsAndInstructionSets) {
  for (int64_t cols : {10, 64, 65, 384, 2000}) {
    const Problem<float> p(100000 / (cols + 50), cols, 1, true, 3);
    expect_same_bits([&] {
      Outputs<float> out = p.run(simd::layer_norm, simd::layer_norm_grad);
      for (const auto* v : {&out.mean, &out.rstd, &out.dx, &out.dgamma, &out.dbeta})
        append(out.y, *v);
      return out.y;
    });
  }
}

}  // namespace
}  // namespace tinytorch::kernels
