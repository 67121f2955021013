#include "tinytorch/kernels/conv.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <string>

#include "image_test_util.h"
#include "tinytorch/core/error.h"
#include "tinytorch/core/parallel.h"
#include "tinytorch/kernels/pool.h"
#include "tinytorch/kernels/simd/isa.h"

namespace tinytorch::kernels {
namespace {

using testing::random_vector;
using testing::TestRandom;
using testing::to_nchw;
using testing::to_nhwc;

ConvGeometry geometry(int64_t n, int64_t c, int64_t h, int64_t w, int64_t o, int64_t kh, int64_t kw,
                      int64_t stride = 1, int64_t pad = 0, int64_t dilation = 1,
                      int64_t groups = 1) {
  ConvGeometry g{};
  g.n = n, g.c = c, g.h = h, g.w = w, g.o = o, g.kh = kh, g.kw = kw;
  g.stride_h = g.stride_w = stride;
  g.pad_h = g.pad_w = pad;
  g.dil_h = g.dil_w = dilation;
  g.groups = groups;
  g.oh = conv_output_size(h, kh, stride, pad, dilation);
  g.ow = conv_output_size(w, kw, stride, pad, dilation);
  return g;
}

std::string describe(const ConvGeometry& g) {
  std::string s;
  for (int64_t v : {g.n, g.c, g.h, g.w, g.o, g.kh, g.kw, g.oh, g.ow, g.stride_h, g.stride_w,
                    g.pad_h, g.pad_w, g.dil_h, g.dil_w, g.groups})
    s += std::to_string(v) + " ";
  return "n c h w o kh kw oh ow stride pad dilation groups: " + s;
}

// Kernel 1..5, stride 1..3, padding 0..2, dilation 1..2, groups and channels up to 40, the two
// axes independent.
ConvGeometry random_geometry(TestRandom& r) {
  ConvGeometry g{};
  do {
    g.n = r.range(1, 3);
    const int64_t kind = r.range(0, 5);
    g.groups = kind == 0 ? r.range(2, 20) : kind == 1 ? r.range(2, 4) : 1;
    g.c = g.groups * (kind == 0 ? 1 : r.range(1, 40 / g.groups));
    g.o = g.groups * (kind == 0 ? r.range(1, 2) : r.range(1, 40 / g.groups));
    g.h = r.range(1, 12), g.w = r.range(1, 20);
    g.kh = r.range(1, 5), g.kw = r.range(1, 5);
    g.stride_h = r.range(1, 3), g.stride_w = r.range(1, 3);
    g.pad_h = r.range(0, 2), g.pad_w = r.range(0, 2);
    g.dil_h = r.range(1, 2), g.dil_w = r.range(1, 2);
    g.oh = conv_output_size(g.h, g.kh, g.stride_h, g.pad_h, g.dil_h);
    g.ow = conv_output_size(g.w, g.kw, g.stride_w, g.pad_w, g.dil_w);
  } while (g.oh == 0 || g.ow == 0);
  return g;
}

// Everything in f64 by one walk over (output, tap) pairs on zero-padded copies: another way than
// the loops', with the sum of absolute products for the error bound.
struct Reference {
  std::vector<double> y, y_abs, dx, dx_abs, dw, dw_abs, db, db_abs;
};

template <class T>
struct Problem {
  ConvGeometry g;
  std::vector<T> x, w, bias, dy;
};

template <class T>
Problem<T> make_problem(const ConvGeometry& g, uint64_t seed) {
  TestRandom r(seed);
  Problem<T> p{g, {}, {}, {}, {}};
  p.x = random_vector<T>(g.n * g.c * g.h * g.w, r);
  p.w = random_vector<T>(g.o * (g.c / g.groups) * g.kh * g.kw, r);
  p.bias = random_vector<T>(g.o, r);
  p.dy = random_vector<T>(g.n * g.o * g.oh * g.ow, r);
  return p;
}

template <class T>
Reference reference(const Problem<T>& p) {
  const ConvGeometry& g = p.g;
  Reference r;
  r.y.assign(p.dy.size(), 0), r.y_abs = r.y;
  r.dx.assign(p.x.size(), 0), r.dx_abs = r.dx;
  r.dw.assign(p.w.size(), 0), r.dw_abs = r.dw;
  r.db.assign(p.bias.size(), 0), r.db_abs = r.db;
  const int64_t cg = g.c / g.groups, og = g.o / g.groups;
  size_t out = 0;
  for (int64_t n = 0; n < g.n; ++n)
    for (int64_t o = 0; o < g.o; ++o)
      for (int64_t i = 0; i < g.oh; ++i)
        for (int64_t j = 0; j < g.ow; ++j, ++out) {
          const double dy = static_cast<double>(p.dy[out]), b = static_cast<double>(p.bias[o]);
          r.y[out] += b, r.y_abs[out] += std::abs(b);
          r.db[o] += dy, r.db_abs[o] += std::abs(dy);
          for (int64_t k = 0; k < cg * g.kh * g.kw; ++k) {
            const int64_t c = o / og * cg + k / (g.kh * g.kw);
            const int64_t h = i * g.stride_h + k / g.kw % g.kh * g.dil_h - g.pad_h;
            const int64_t w = j * g.stride_w + k % g.kw * g.dil_w - g.pad_w;
            if (h < 0 || w < 0 || h >= g.h || w >= g.w) continue;
            const auto at_x = static_cast<size_t>(((n * g.c + c) * g.h + h) * g.w + w);
            const auto at_w = static_cast<size_t>(o * cg * g.kh * g.kw + k);
            const double xv = static_cast<double>(p.x[at_x]), wv = static_cast<double>(p.w[at_w]);
            r.y[out] += xv * wv, r.y_abs[out] += std::abs(xv * wv);
            r.dx[at_x] += dy * wv, r.dx_abs[at_x] += std::abs(dy * wv);
            r.dw[at_w] += dy * xv, r.dw_abs[at_w] += std::abs(dy * xv);
          }
        }
  return r;
}

// |got - want| <= 8 eps sqrt(terms) * sum |products|: far below one wrong or missing term.
template <class T>
void expect_close(const std::vector<T>& got, const std::vector<double>& want,
                  const std::vector<double>& scale, int64_t terms, const char* what,
                  const ConvGeometry& g) {
  const double eps = sizeof(T) == 4 ? 6e-8 : 1.2e-16;
  const double bound = 8 * eps * std::sqrt(static_cast<double>(terms));
  for (size_t i = 0; i < got.size(); ++i) {
    // Written so that a NaN fails.
    if (!(std::abs(static_cast<double>(got[i]) - want[i]) <= bound * scale[i] + 1e-30)) {
      ADD_FAILURE() << what << "[" << i << "] is " << got[i] << ", expected " << want[i] << "; "
                    << describe(g);
      return;
    }
  }
}

// The results of one variant for a problem, all in NCHW.
template <class T>
struct Result {
  std::vector<T> y, dx, dw, db;
};

template <class T>
Result<T> run_loops(const Problem<T>& p, bool im2col) {
  Result<T> r{std::vector<T>(p.dy.size()), std::vector<T>(p.x.size(), T(7)),
              std::vector<T>(p.w.size(), T(7)), std::vector<T>(p.bias.size(), T(7))};
  const ConvArgs<T> args{p.g, p.x.data(), p.w.data(), p.bias.data(), r.y.data(), Activation::kNone};
  im2col ? loops::conv2d_im2col(args) : loops::conv2d(args);
  loops::conv2d_grad_input(ConvGradInputArgs<T>{p.g, p.dy.data(), p.w.data(), r.dx.data()});
  loops::conv2d_grad_weight(
      ConvGradWeightArgs<T>{p.g, p.x.data(), p.dy.data(), r.dw.data(), r.db.data(), false});
  return r;
}

template <class T>
void check(const Result<T>& got, const Problem<T>& p) {
  const ConvGeometry& g = p.g;
  const Reference want = reference(p);
  const int64_t taps = g.c / g.groups * g.kh * g.kw + 1, pixels = g.n * g.oh * g.ow;
  expect_close(got.y, want.y, want.y_abs, taps, "y", g);
  expect_close(got.dx, want.dx, want.dx_abs, g.o / g.groups * g.kh * g.kw, "dx", g);
  expect_close(got.dw, want.dw, want.dw_abs, pixels, "dw", g);
  expect_close(got.db, want.db, want.db_abs, pixels, "dbias", g);
}

// The simd variant through channels-last copies.
Result<float> run_simd(const Problem<float>& p) {
  const ConvGeometry& g = p.g;
  const int64_t in = g.h * g.w, out = g.oh * g.ow;
  const auto x = to_nhwc(p.x, g.n, g.c, in), dy = to_nhwc(p.dy, g.n, g.o, out);
  std::vector<float> y(dy.size(), 7), dx(x.size(), 7);
  Result<float> r;
  r.dw.assign(p.w.size(), 7), r.db.assign(p.bias.size(), 7);
  simd::conv2d({g, x.data(), p.w.data(), p.bias.data(), y.data(), Activation::kNone});
  simd::conv2d_grad_input({g, dy.data(), p.w.data(), dx.data()});
  simd::conv2d_grad_weight({g, x.data(), dy.data(), r.dw.data(), r.db.data(), false});
  r.y = to_nchw(y, g.n, g.o, out), r.dx = to_nchw(dx, g.n, g.c, in);
  return r;
}

TEST(ConvOutputSize, CountsWindowPositions) {
  EXPECT_EQ(conv_output_size(28, 3, 1, 1, 1), 28);
  EXPECT_EQ(conv_output_size(32, 3, 2, 1, 1), 16);
  EXPECT_EQ(conv_output_size(32, 1, 2, 0, 1), 16);
  EXPECT_EQ(conv_output_size(7, 3, 1, 0, 2), 3);
  EXPECT_EQ(conv_output_size(5, 5, 3, 0, 1), 1);
  EXPECT_EQ(conv_output_size(4, 5, 2, 0, 1), 0) << "one short of a window";
  EXPECT_EQ(conv_output_size(4, 3, 2, 0, 2), 0);
}

TEST(ConvLoops, MatchesReferenceOnRandomGeometries) {
  TestRandom random(1);
  for (uint64_t seed = 0; seed < 60; ++seed) {
    const ConvGeometry g = random_geometry(random);
    const auto p = make_problem<float>(g, seed);
    check(run_loops(p, false), p);
    check(run_loops(p, true), p);
    if (seed % 4 == 0) {
      const auto d = make_problem<double>(g, seed);
      check(run_loops(d, seed % 8 == 0), d);
    }
  }
}

TEST(ConvLoops, AppliesActivationsAfterTheBias) {
  const auto p = make_problem<double>(geometry(2, 3, 6, 7, 5, 3, 3, 1, 1), 3);
  const Reference plain = reference(p);
  for (Activation act : {Activation::kRelu, Activation::kGelu, Activation::kGeluTanh}) {
    std::vector<double> y(p.dy.size()), y2(p.dy.size());
    ConvArgs<double> args{p.g, p.x.data(), p.w.data(), p.bias.data(), y.data(), act};
    loops::conv2d(args);
    args.y = y2.data();
    loops::conv2d_im2col(args);
    for (size_t i = 0; i < y.size(); ++i) {
      const double v = plain.y[i];
      const double tanh_arg = std::sqrt(2 / M_PI) * (v + 0.044715 * v * v * v);
      const double want = act == Activation::kRelu   ? std::max(v, 0.0)
                          : act == Activation::kGelu ? v * 0.5 * std::erfc(-v / std::sqrt(2.0))
                                                     : v * 0.5 * (1 + std::tanh(tanh_arg));
      EXPECT_NEAR(y[i], want, 1e-12);
      EXPECT_NEAR(y2[i], want, 1e-12);
    }
  }
}

TEST(ConvLoops, AccumulatesWeightGradients) {
  const auto p = make_problem<double>(geometry(2, 4, 5, 6, 6, 3, 2, 2, 1, 1, 2), 5);
  const auto once = run_loops(p, false);
  auto dw = once.dw, db = once.db;
  loops::conv2d_grad_weight(
      ConvGradWeightArgs<double>{p.g, p.x.data(), p.dy.data(), dw.data(), db.data(), true});
  for (size_t i = 0; i < dw.size(); ++i) EXPECT_DOUBLE_EQ(dw[i], 2 * once.dw[i]);
  for (size_t i = 0; i < db.size(); ++i) EXPECT_DOUBLE_EQ(db[i], 2 * once.db[i]);
}

TEST(ConvLayout, FollowsTheChosenVariantsAndRefusesAMixture) {
  EXPECT_EQ(conv2d_layout(), ImageLayout::kNhwc);
  const KernelOverride forward("conv2d", "im2col");
  EXPECT_THROW(conv2d_layout(), ConfigError);
  const KernelOverride input("conv2d_grad_input", "loops"), weight("conv2d_grad_weight", "loops");
  const KernelOverride pool("conv2d_pool", "loops"), pool_grad("conv2d_pool_grad", "loops");
  EXPECT_EQ(conv2d_layout(), ImageLayout::kNchw);
}

TEST(ConvSimd, MatchesReferenceOnRandomGeometries) {
  TestRandom random(2);
  for (uint64_t seed = 0; seed < 150; ++seed) {
    const auto p = make_problem<float>(random_geometry(random), seed);
    check(run_simd(p), p);
  }
}

TEST(ConvSimd, MatchesReferenceOnTheLayersOfTheModels) {
  for (const ConvGeometry& g :
       {geometry(3, 1, 28, 28, 32, 3, 3, 1, 1), geometry(2, 32, 14, 14, 64, 3, 3, 1, 1),
        geometry(2, 3, 32, 32, 16, 3, 3, 1, 1), geometry(3, 16, 16, 16, 32, 3, 3, 2, 1),
        geometry(3, 16, 16, 16, 32, 1, 1, 2, 0), geometry(2, 64, 8, 8, 10, 1, 1),
        geometry(1, 48, 9, 9, 96, 5, 5, 1, 2), geometry(2, 320, 5, 4, 33, 1, 1)}) {
    const auto p = make_problem<float>(g, 77);
    check(run_simd(p), p);
  }
}

TEST(ConvSimd, ReluAndGeluFollowTheBias) {
  const auto p = make_problem<float>(geometry(2, 5, 9, 7, 21, 3, 3, 1, 1), 3);
  const int64_t out = p.g.oh * p.g.ow;
  const auto x = to_nhwc(p.x, 2, 5, 63);
  for (Activation act : {Activation::kRelu, Activation::kGelu, Activation::kGeluTanh}) {
    std::vector<float> want(p.dy.size()), y(p.dy.size());
    loops::conv2d(ConvArgs<float>{p.g, p.x.data(), p.w.data(), p.bias.data(), want.data(), act});
    simd::conv2d({p.g, x.data(), p.w.data(), p.bias.data(), y.data(), act});
    y = to_nchw(y, 2, 21, out);
    for (size_t i = 0; i < y.size(); ++i) EXPECT_NEAR(y[i], want[i], 1e-5);
  }
}

TEST(ConvSimd, ReluKeepsNan) {
  auto p = make_problem<float>(geometry(1, 2, 4, 4, 3, 1, 1), 3);
  p.bias[1] = std::numeric_limits<float>::quiet_NaN();
  std::vector<float> y(p.dy.size());
  simd::conv2d({p.g, p.x.data(), p.w.data(), p.bias.data(), y.data(), Activation::kRelu});
  for (size_t i = 0; i < y.size(); ++i) EXPECT_EQ(std::isnan(y[i]), i % 3 == 1) << i;
}

TEST(ConvSimd, AccumulatesWeightGradients) {
  const auto p = make_problem<float>(geometry(3, 9, 8, 7, 18, 3, 3, 1, 1), 5);
  const auto once = run_simd(p);
  const auto x = to_nhwc(p.x, 3, 9, 56), dy = to_nhwc(p.dy, 3, 18, 56);
  auto dw = once.dw, db = once.db;
  simd::conv2d_grad_weight({p.g, x.data(), dy.data(), dw.data(), db.data(), true});
  for (size_t i = 0; i < dw.size(); ++i) EXPECT_EQ(dw[i], 2 * once.dw[i]);
  for (size_t i = 0; i < db.size(); ++i) EXPECT_EQ(db[i], 2 * once.db[i]);
  simd::conv2d_grad_weight({p.g, x.data(), dy.data(), dw.data(), nullptr, false});
  EXPECT_EQ(dw, once.dw) << "without dbias";
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

// Geometries whose work is cut into several bands, slabs and panels.
std::vector<Problem<float>> problems_worth_threads() {
  std::vector<Problem<float>> problems;
  for (const ConvGeometry& g :
       {geometry(5, 24, 30, 30, 40, 3, 3, 1, 1), geometry(9, 16, 31, 29, 35, 3, 3, 2, 1),
        geometry(40, 3, 16, 16, 16, 3, 3, 1, 1), geometry(6, 32, 20, 20, 32, 3, 3, 1, 1, 1, 32),
        geometry(4, 300, 13, 13, 17, 1, 1), geometry(4, 12, 20, 20, 18, 3, 3, 1, 2, 2, 3)})
    problems.push_back(make_problem<float>(g, 5));
  return problems;
}

TEST(ConvSimd, BitsDoNotDependOnTheNumberOfThreads) {
  const int before = num_threads();
  for (const auto& p : problems_worth_threads()) {
    set_num_threads(1);
    const auto one = run_simd(p);
    for (int threads : {2, 3}) {
      set_num_threads(threads);
      const auto many = run_simd(p);
      EXPECT_TRUE(same_bits(one.y, many.y)) << describe(p.g);
      EXPECT_TRUE(same_bits(one.dx, many.dx)) << describe(p.g);
      EXPECT_TRUE(same_bits(one.dw, many.dw)) << describe(p.g);
      EXPECT_TRUE(same_bits(one.db, many.db)) << describe(p.g);
    }
  }
  set_num_threads(before);
}

// Everything of the fused forward and its gradient, in NCHW.
template <class T>
struct Pooled {
  std::vector<T> y, dconv;
  std::vector<uint8_t> index;
};

TEST(ConvPool, EqualsConvolutionThenPooling) {
  TestRandom random(6);
  for (uint64_t seed = 0; seed < 60; ++seed) {
    ConvGeometry g = seed == 0 ? geometry(2, 1, 28, 28, 32, 3, 3, 1, 1) : random_geometry(random);
    if (g.oh < 2 || g.ow < 2) continue;
    const bool relu = seed % 3 != 0;
    auto p = make_problem<float>(g, seed);
    if (seed % 7 == 0) p.bias[0] = std::numeric_limits<float>::quiet_NaN();
    const int64_t out = g.oh / 2 * (g.ow / 2), count = g.n * g.o * out;
    const auto dy = random_vector<float>(count, random);
    Pooled<float> want{std::vector<float>(dy), p.dy, std::vector<uint8_t>(dy.size())};
    // The same products in the same order as the simd convolution, pooled by the loops.
    const auto x = to_nhwc(p.x, g.n, g.c, g.h * g.w);
    std::vector<float> full(p.dy.size());
    const Activation act = relu ? Activation::kRelu : Activation::kNone;
    simd::conv2d({g, x.data(), p.w.data(), p.bias.data(), full.data(), act});
    full = to_nchw(full, g.n, g.o, g.oh * g.ow);
    const PoolGeometry pool{g.n, g.o, g.oh, g.ow, 2, 2, g.oh / 2, g.ow / 2, 2, 2, 0, 0, true};
    const auto nchw = ImageLayout::kNchw;
    loops::max_pool2d(
        MaxPoolArgs<float>{pool, nchw, full.data(), want.y.data(), want.index.data()});
    loops::conv2d_pool_grad(ConvPoolGradArgs<float>{g, dy.data(), want.y.data(), want.index.data(),
                                                    want.dconv.data(), relu});
    for (size_t i = 0; i < full.size(); ++i) {  // the loops' gradient against first principles
      const auto at = static_cast<int64_t>(i);
      const int64_t col = at % g.ow, row = at / g.ow % g.oh, plane = at / g.ow / g.oh;
      float expected = 0;
      if (row / 2 < g.oh / 2 && col / 2 < g.ow / 2) {
        const auto w = static_cast<size_t>(plane * out + row / 2 * (g.ow / 2) + col / 2);
        const bool clipped = relu && want.y[w] <= 0;
        if (want.index[w] == row % 2 * 2 + col % 2 && !clipped) expected = dy[w];
      }
      ASSERT_EQ(want.dconv[i], expected) << describe(g);
    }
    Pooled<float> got{std::vector<float>(dy.size(), 7), std::vector<float>(p.dy.size(), 7),
                      std::vector<uint8_t>(dy.size(), 9)};
    simd::conv2d_pool(
        {g, x.data(), p.w.data(), p.bias.data(), got.y.data(), got.index.data(), relu});
    const auto dy_nhwc = to_nhwc(dy, g.n, g.o, out);
    simd::conv2d_pool_grad(
        {g, dy_nhwc.data(), got.y.data(), got.index.data(), got.dconv.data(), relu});
    std::vector<float> dw(p.w.size()), db(p.bias.size()), dw2(dw), db2(db);
    simd::conv2d_grad_weight({g, x.data(), got.dconv.data(), dw.data(), db.data()});
    simd::conv2d_grad_weight({g, x.data(), dy_nhwc.data(), dw2.data(), db2.data(), false,
                              got.index.data(), relu ? got.y.data() : nullptr});
    EXPECT_TRUE(same_bits(dw, dw2) && same_bits(db, db2)) << "through the pooling; " << describe(g);
    EXPECT_TRUE(same_bits(to_nchw(got.y, g.n, g.o, out), want.y)) << describe(g);
    EXPECT_EQ(to_nchw(got.index, g.n, g.o, out), want.index) << describe(g);
    EXPECT_EQ(to_nchw(got.dconv, g.n, g.o, g.oh * g.ow), want.dconv) << describe(g);
  }
}

TEST(ConvPool, LoopsMatchTheirParts) {
  const auto p = make_problem<double>(geometry(2, 3, 7, 8, 4, 3, 3, 1, 1), 9);
  std::vector<double> full(p.dy.size()), y(2 * 4 * 3 * 4), y2(y);
  std::vector<uint8_t> index(y.size()), index2(y.size());
  loops::conv2d(
      ConvArgs<double>{p.g, p.x.data(), p.w.data(), p.bias.data(), full.data(), Activation::kRelu});
  const PoolGeometry pool{2, 4, 7, 8, 2, 2, 3, 4, 2, 2, 0, 0, true};
  loops::max_pool2d(
      MaxPoolArgs<double>{pool, ImageLayout::kNchw, full.data(), y.data(), index.data()});
  loops::conv2d_pool(ConvPoolArgs<double>{p.g, p.x.data(), p.w.data(), p.bias.data(), y2.data(),
                                          index2.data(), true});
  EXPECT_EQ(y, y2);
  EXPECT_EQ(index, index2);
}

TEST(ConvSimd, BitsDoNotDependOnTheInstructionSet) {
  if (!set_isa("avx512")) GTEST_SKIP() << "needs two fused targets";
  for (const auto& p : problems_worth_threads()) {
    set_isa("avx512");
    const auto wide = run_simd(p);
    set_isa("avx2");
    const auto narrow = run_simd(p);
    EXPECT_TRUE(same_bits(wide.y, narrow.y)) << describe(p.g);
    EXPECT_TRUE(same_bits(wide.dx, narrow.dx)) << describe(p.g);
    EXPECT_TRUE(same_bits(wide.dw, narrow.dw)) << describe(p.g);
    EXPECT_TRUE(same_bits(wide.db, narrow.db)) << describe(p.g);
  }
  set_isa(nullptr);
}

TEST(ConvSimd, ScalarTargetMatchesReference) {
  if (!set_isa("scalar")) GTEST_SKIP() << "not in this build";
  TestRandom random(4);
  for (uint64_t seed = 0; seed < 15; ++seed) {
    const auto p = make_problem<float>(random_geometry(random), seed);
    check(run_simd(p), p);
  }
  set_isa(nullptr);
}

}  // namespace
}  // namespace tinytorch::kernels
