#include "tinytorch/kernels/conv.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <string>

#include "tests/unit/kernels/conv_test_util.h"
#include "tinytorch/core/error.h"
#include "tinytorch/core/parallel.h"
#include "tinytorch/core/storage.h"
#include "tinytorch/kernels/pool.h"
#include "tinytorch/kernels/simd/isa.h"

namespace tinytorch::kernels {
namespace {

using testing::check;
using testing::describe;
using testing::geometry;
using testing::make_problem;
using testing::Problem;
using testing::problems_worth_threads;
using testing::random_geometry;
using testing::reference;
using testing::Reference;
using testing::Result;
using testing::run_nhwc;
using testing::same_bits;
using testing::TestRandom;
using testing::to_nchw;
using testing::to_nhwc;

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

Result<float> run_simd(const Problem<float>& p) {
  return run_nhwc({simd::conv2d, simd::conv2d_grad_input, simd::conv2d_grad_weight}, p);
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
        geometry(1, 48, 9, 9, 96, 5, 5, 1, 2), geometry(2, 320, 5, 4, 33, 1, 1),
        geometry(30, 64, 8, 8, 64, 3, 3, 1, 1), geometry(5, 24, 9, 9, 40, 5, 5, 1, 2)}) {
    const auto p = make_problem<float>(g, 77);
    check(run_simd(p), p);
  }
}

// Outputs near an edge have fewer taps, those in a corner fewer still, and some none at all.
TEST(ConvSimd, MatchesReferenceWherePaddingIsLeftOut) {
  for (const ConvGeometry& g :
       {geometry(2, 8, 9, 17, 24, 5, 5, 1, 2), geometry(2, 16, 21, 19, 32, 5, 5, 2, 2),
        geometry(1, 24, 12, 15, 40, 3, 3, 1, 2, 2), geometry(2, 32, 11, 13, 34, 3, 3, 1, 1, 1, 2),
        geometry(1, 16, 17, 64, 16, 3, 3, 1, 1), geometry(1, 64, 10, 16, 64, 3, 3, 2, 1),
        geometry(2, 40, 9, 9, 20, 1, 1, 1, 1), geometry(1, 30, 8, 8, 18, 3, 3, 1, 4),
        geometry(1, 20, 18, 18, 18, 7, 7, 1, 3), geometry(1, 16, 8, 8, 33, 3, 3, 3, 2, 2)}) {
    const auto p = make_problem<float>(g, 78);
    check(run_simd(p), p);
  }
}

TEST(ConvSimd, ReluFollowsTheBiasAndGeluIsRefused) {
  const auto p = make_problem<float>(geometry(2, 5, 9, 7, 21, 3, 3, 1, 1), 3);
  const int64_t out = p.g.oh * p.g.ow;
  const auto x = to_nhwc(p.x, 2, 5, 63);
  std::vector<float> want(p.dy.size()), y(p.dy.size());
  ConvArgs<float> args{p.g, p.x.data(), p.w.data(), p.bias.data(), want.data(), Activation::kRelu};
  loops::conv2d(args);
  args.x = x.data();
  args.y = y.data();
  simd::conv2d(args);
  y = to_nchw(y, 2, 21, out);
  for (size_t i = 0; i < y.size(); ++i) EXPECT_NEAR(y[i], want[i], 1e-5);
  for (const Activation act : {Activation::kGelu, Activation::kGeluTanh}) {
    args.activation = act;
    EXPECT_THROW(simd::conv2d(args), NotImplemented);
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

// What inference asks for: maxima alone, from a weight that was packed before. Ties, zeros of both
// signs and NaN within windows.
TEST(ConvPool, WithoutAnIndexAndFromAPackedWeightTheSameMaxima) {
  TestRandom random(8);
  const int before = num_threads();
  for (uint64_t seed = 0; seed < 60; ++seed) {
    const ConvGeometry g = seed == 0   ? geometry(1, 32, 14, 14, 64, 3, 3, 1, 1)
                           : seed == 1 ? geometry(3, 2, 9, 31, 50, 3, 3, 1, 1, 1, 2)
                                       : random_geometry(random);
    if (g.oh < 2 || g.ow < 2) continue;
    auto p = make_problem<float>(g, seed);
    for (float& x : p.x) x = std::round(2 * x);
    for (float& w : p.w) w = std::round(2 * w);
    for (float& b : p.bias) b = -0.0f;
    p.x[p.x.size() / 2] = std::numeric_limits<float>::quiet_NaN();
    const auto x = to_nhwc(p.x, g.n, g.c, g.h * g.w);
    const bool relu = seed % 3 != 0;
    const auto count = static_cast<size_t>(g.n * g.o * (g.oh / 2) * (g.ow / 2));
    std::vector<float> want(count), got(count, 7), from_packed(count, 7);
    std::vector<uint8_t> index(count);
    ConvPoolArgs<float> args{g,           x.data(),     p.w.data(), p.bias.data(),
                             want.data(), index.data(), relu};
    set_num_threads(1);
    simd::conv2d_pool(args);
    set_num_threads(1 + static_cast<int>(seed % 3));
    args.index = nullptr, args.y = got.data();
    simd::conv2d_pool(args);
    EXPECT_TRUE(same_bits(got, want)) << describe(g);
    const Storage packed = Storage::allocate(simd::packed_conv_weight_bytes(g));  // aligned
    auto* panels = static_cast<float*>(packed.data());
    simd::pack_conv_weight(g, p.w.data(), panels);
    args.w = nullptr, args.packed = panels, args.y = from_packed.data();
    simd::conv2d_pool(args);
    EXPECT_TRUE(same_bits(from_packed, want)) << describe(g);
  }
  set_num_threads(before);
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

// So many sums that the slabs are limited by their memory: by the shape's, not by the target's.
TEST(ConvSimd, BitsOfAWideDepthwiseGradientDoNotDependOnTheInstructionSet) {
  if (!set_isa("avx512")) GTEST_SKIP() << "needs two fused targets";
  const auto p = make_problem<float>(geometry(256, 1152, 7, 7, 1152, 5, 5, 1, 2, 1, 1152), 21);
  const auto x = to_nhwc(p.x, 256, 1152, 49), dy = to_nhwc(p.dy, 256, 1152, 49);
  std::vector<float> wide(p.w.size()), narrow(wide), db(p.bias.size());
  simd::conv2d_grad_weight({p.g, x.data(), dy.data(), wide.data(), db.data()});
  set_isa("avx2");
  simd::conv2d_grad_weight({p.g, x.data(), dy.data(), narrow.data(), db.data()});
  set_isa(nullptr);
  EXPECT_TRUE(same_bits(wide, narrow));
}

TEST(ConvSimd, NoInputChannelsGiveTheBias) {
  const ConvGeometry g = geometry(2, 0, 5, 6, 3, 3, 3, 1, 1);
  const std::vector<float> bias = {1, 2, 3}, dy(2 * 5 * 6 * 3, 0.5f);
  std::vector<float> y(dy.size(), 7), db(3, 7);
  float none = 0;
  simd::conv2d({g, &none, &none, bias.data(), y.data()});
  for (size_t i = 0; i < y.size(); ++i) EXPECT_EQ(y[i], bias[i % 3]) << i;
  simd::conv2d_grad_input({g, dy.data(), &none, &none});
  simd::conv2d_grad_weight({g, &none, dy.data(), &none, db.data()});
  EXPECT_EQ(db, std::vector<float>(3, 0.5f * 60));
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
