#include "row_test_util.h"
#include "tinytorch/kernels/norm.h"

namespace tinytorch::kernels {
namespace {

using namespace tinytorch::testing;

template <class T>
struct Outputs {
  std::vector<T> y, mean, rstd, running_mean, running_var, dx, dgamma, dbeta, dresidual;
};

// What a forward and a backward pass are given; NHWC.
template <class T>
struct Problem {
  int64_t n, c, spatial;
  ImageLayout layout = ImageLayout::kNhwc;
  bool relu = false, residual = false, training = true, affine = true, mask_from_input = false;
  double eps = 1e-5, momentum = 0.2;
  std::vector<T> x, dy, extra, gamma, beta, running_mean, running_var;

  Problem(int64_t images, int64_t channels, int64_t pixels, double offset, uint64_t seed)
      : n(images), c(channels), spatial(pixels) {
    TestRandom random(seed);
    x = random_vector<T>(n * c * spatial, random);
    for (T& v : x) v = static_cast<T>(2 * v + static_cast<T>(offset));
    dy = random_vector<T>(n * c * spatial, random);
    extra = random_vector<T>(n * c * spatial, random);
    gamma = random_vector<T>(c, random);
    beta = random_vector<T>(c, random);
    running_mean = random_vector<T>(c, random);
    running_var = random_vector<T>(c, random);
    for (T& v : running_var) v = v * v + T(0.5);
  }

  Outputs<T> run(void (*forward)(const BatchNormArgs<T>&),
                 void (*backward)(const BatchNormGradArgs<T>&)) const {
    Outputs<T> out;
    const size_t channels = static_cast<size_t>(c);
    out.running_mean = running_mean;
    out.running_var = running_var;
    for (auto* v : {&out.y, &out.dx, &out.dresidual}) v->assign(x.size(), -7);
    for (auto* v : {&out.mean, &out.rstd, &out.dgamma, &out.dbeta}) v->assign(channels, -7);
    forward({.n = n,
             .c = c,
             .spatial = spatial,
             .layout = layout,
             .x = x.data(),
             .residual = residual ? extra.data() : nullptr,
             .gamma = affine ? gamma.data() : nullptr,
             .beta = affine ? beta.data() : nullptr,
             .eps = eps,
             .relu = relu,
             .y = out.y.data(),
             .mean = out.mean.data(),
             .rstd = out.rstd.data(),
             .running_mean = out.running_mean.data(),
             .running_var = out.running_var.data(),
             .momentum = momentum});
    backward({.n = n,
              .c = c,
              .spatial = spatial,
              .layout = layout,
              .x = x.data(),
              .dy = dy.data(),
              .y = mask_from_input ? nullptr : out.y.data(),
              .gamma = affine ? gamma.data() : nullptr,
              .beta = affine ? beta.data() : nullptr,
              .mean = out.mean.data(),
              .rstd = out.rstd.data(),
              .relu = relu,
              .training = training,
              .dx = out.dx.data(),
              .dgamma = out.dgamma.data(),
              .dbeta = out.dbeta.data(),
              .dresidual = residual ? out.dresidual.data() : nullptr});
    return out;
  }
};

// Float64, straight from the definition, on the problem's NHWC data. The mask of the gradient is
// that of `y`, the output under test: a value that rounds to 0 on one side is no error.
Outputs<double> reference(const Problem<float>& p, const std::vector<float>& y) {
  Outputs<double> out;
  const int64_t rows = p.n * p.spatial;
  const double m = static_cast<double>(rows);
  for (auto* v : {&out.y, &out.dx, &out.dresidual}) v->assign(p.x.size(), -7);
  for (int64_t c = 0; c < p.c; ++c) {
    const size_t ch = static_cast<size_t>(c);
    const auto at = [&](int64_t r) { return static_cast<size_t>(r * p.c + c); };
    double mean = 0, var = 0, dgamma = 0, dbeta = 0;
    for (int64_t r = 0; r < rows; ++r) mean += p.x[at(r)] / m;
    for (int64_t r = 0; r < rows; ++r) var += (p.x[at(r)] - mean) * (p.x[at(r)] - mean) / m;
    out.running_mean.push_back(0.8 * p.running_mean[ch] + 0.2 * mean);
    out.running_var.push_back(0.8 * p.running_var[ch] + 0.2 * var * m / (m - 1));
    if (!p.training) {
      mean = p.running_mean[ch];
      var = p.running_var[ch];
      out.running_mean.back() = mean;
      out.running_var.back() = var;
    }
    const double rstd = 1 / std::sqrt(var + p.eps);
    const double gamma = p.affine ? p.gamma[ch] : 1, beta = p.affine ? p.beta[ch] : 0;
    const auto h = [&](int64_t r) { return (p.x[at(r)] - mean) * rstd; };
    const auto d = [&](int64_t r) { return p.relu && !(y[at(r)] > 0) ? 0.0 : p.dy[at(r)]; };
    for (int64_t r = 0; r < rows; ++r) {
      const double value = h(r) * gamma + beta + (p.residual ? p.extra[at(r)] : 0);
      out.y[at(r)] = p.relu ? std::fmax(value, 0) : value;
      dgamma += d(r) * h(r);
      dbeta += d(r);
    }
    for (int64_t r = 0; r < rows; ++r) {
      const double g = p.training ? d(r) - dbeta / m - h(r) * dgamma / m : d(r);
      out.dx[at(r)] = gamma * rstd * g;
      if (p.residual) out.dresidual[at(r)] = d(r);
    }
    out.mean.push_back(mean);
    out.rstd.push_back(rstd);
    out.dgamma.push_back(dgamma);
    out.dbeta.push_back(dbeta);
  }
  return out;
}

void expect_matches(const Problem<float>& p, const Outputs<float>& got, double offset) {
  const Outputs<double> want = reference(p, got.y);
  const double input = 2e-7 * offset;  // rounding of x and of the mean
  expect_near(got.y, want.y, 3e-6, 3e-6 + 2 * input, "y");
  expect_near(got.mean, want.mean, 1e-6, 1e-6, "mean");
  expect_near(got.rstd, want.rstd, 3e-6 + input, 0, "rstd");
  expect_near(got.running_mean, want.running_mean, 1e-6, 1e-6, "running_mean");
  expect_near(got.running_var, want.running_var, 3e-6 + 2 * input, 1e-6, "running_var");
  expect_near(got.dgamma, want.dgamma, 1e-5, 1e-4 + 300 * input, "dgamma");
  expect_near(got.dbeta, want.dbeta, 1e-5, 1e-4, "dbeta");
  expect_near(got.dx, want.dx, 1e-5, 3e-6 + 5 * input, "dx");
  expect_near(got.dresidual, want.dresidual, 0, 0, "dresidual");
}

struct Shape {
  int64_t n, c, spatial;
};
constexpr Shape kShapes[] = {{2, 1, 1},  {3, 3, 5},    {5, 16, 49},  {4, 17, 64}, {64, 24, 20},
                             {2, 64, 7}, {3, 100, 50}, {2, 513, 40}, {8, 16, 300}};

TEST(BatchNorm, MatchesTheReferenceInTrainingAndEvaluation) {
  for (const Shape s : kShapes)
    for (int flags = 0; flags < 16; ++flags)
      for (double offset : {0.0, 1000.0}) {
        Problem<float> p(s.n, s.c, s.spatial, offset, static_cast<uint64_t>(s.c + flags));
        p.relu = flags & 1;
        p.residual = flags & 2;
        p.training = flags & 4;
        p.affine = flags & 8;
        p.mask_from_input = !p.residual && s.c % 2;
        if (p.training && s.n * s.spatial == 2 && !p.relu) continue;  // dx is 0 up to rounding
        if (!p.training && offset != 0) continue;
        expect_matches(p,
                       p.training ? p.run(simd::batch_norm, simd::batch_norm_grad)
                                  : p.run(simd::batch_norm_eval, simd::batch_norm_grad),
                       offset);
        expect_matches(p,
                       p.training ? p.run(loops::batch_norm<float>, loops::batch_norm_grad<float>)
                                  : p.run(loops::batch_norm_eval, loops::batch_norm_grad),
                       offset);
      }
}

// kNchw on the same numbers in the other order; "simd" hands it to loops.
TEST(BatchNorm, BothLayoutsAgree) {
  Problem<float> p(3, 5, 12, 1, 7);
  p.relu = p.residual = true;
  Problem<float> q = p;
  q.layout = ImageLayout::kNchw;
  for (auto v : {&Problem<float>::x, &Problem<float>::dy, &Problem<float>::extra})
    q.*v = to_nchw(p.*v, 3, 5, 12);
  const Outputs<float> want = p.run(loops::batch_norm<float>, loops::batch_norm_grad<float>);
  const Outputs<float> got = q.run(simd::batch_norm, simd::batch_norm_grad);
  EXPECT_EQ(got.y, to_nchw(want.y, 3, 5, 12));
  EXPECT_EQ(got.dx, to_nchw(want.dx, 3, 5, 12));
  EXPECT_EQ(got.dresidual, to_nchw(want.dresidual, 3, 5, 12));
  EXPECT_EQ(got.dgamma, want.dgamma);
}

TEST(BatchNorm, MaskFoundFromInputHasTheSameBits) {
  Problem<float> p(8, 24, 60, 0, 8);
  p.relu = true;
  Problem<float> q = p;
  q.mask_from_input = true;
  const Outputs<float> a = p.run(simd::batch_norm, simd::batch_norm_grad);
  const Outputs<float> b = q.run(simd::batch_norm, simd::batch_norm_grad);
  EXPECT_EQ(a.dx, b.dx);
  EXPECT_EQ(a.dgamma, b.dgamma);
}

TEST(BatchNorm, NumericalGradient) {
  for (bool training : {true, false}) {
    Problem<double> p(3, 2, 4, 0, 9);
    p.relu = p.residual = true;
    p.training = training;
    const auto run = [training](const Problem<double>& q) {
      if (training) return q.run(batch_norm, batch_norm_grad);
      return q.run(batch_norm_eval, batch_norm_grad);
    };
    const Outputs<double> got = run(p);
    using P = Problem<double>;
    const auto gradient = [&](std::vector<double> P::* input) {
      return numerical_gradient(p.*input, [&](const double* at) {
        P moved = p;
        (moved.*input).assign(at, at + (p.*input).size());
        const std::vector<double> y = run(moved).y;
        double sum = 0;
        for (size_t i = 0; i < y.size(); ++i) sum += y[i] * p.dy[i];
        return sum;
      });
    };
    expect_near(got.dx, gradient(&P::x), 1e-6, 1e-8, "dx");
    expect_near(got.dgamma, gradient(&P::gamma), 1e-6, 1e-8, "dgamma");
    expect_near(got.dbeta, gradient(&P::beta), 1e-6, 1e-8, "dbeta");
    expect_near(got.dresidual, gradient(&P::extra), 1e-6, 1e-8, "dresidual");
  }
}

TEST(BatchNorm, SameBitsForThreadsAndInstructionSets) {
  for (const Shape s : {Shape{16, 16, 400}, Shape{7, 24, 301}, Shape{64, 100, 9}, Shape{9, 3, 999}})
    for (bool residual : {false, true}) {
      Problem<float> p(s.n, s.c, s.spatial, 1, 10);
      p.relu = true;
      p.residual = residual;
      p.mask_from_input = !residual;
      expect_same_bits([&] {
        Outputs<float> out = p.run(simd::batch_norm, simd::batch_norm_grad);
        for (const auto* v : {&out.mean, &out.rstd, &out.running_var, &out.dx, &out.dgamma,
                              &out.dbeta, &out.dresidual})
          append(out.y, *v);
        return out.y;
      });
    }
}

TEST(BatchNorm, NanReachesTheOutputThroughRelu) {
  Problem<float> p(2, 20, 3, 0, 11);
  p.relu = true;
  p.x[5] = NAN;
  const Outputs<float> out = p.run(simd::batch_norm, simd::batch_norm_grad);
  EXPECT_TRUE(std::isnan(out.y[5]));
  EXPECT_TRUE(std::isnan(out.y[25]));
  EXPECT_FALSE(std::isnan(out.y[4]));
}

}  // namespace
}  // namespace tinytorch::kernels
