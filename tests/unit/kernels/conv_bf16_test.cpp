#include <gtest/gtest.h>

#include <vector>

#include "tests/unit/kernels/bf16_test_util.h"
#include "tests/unit/kernels/conv_test_util.h"
#include "tinytorch/core/parallel.h"

namespace tinytorch::kernels {
namespace {

using testing::geometry;
using testing::make_problem;
using testing::Problem;
using testing::Result;
using testing::TestRandom;

class ConvBf16Units : public testing::Bf16Units {};

Result<float> run_bf16(const Problem<float>& p) {
  return testing::run_nhwc({bf16::conv2d, bf16::conv2d_grad_input, bf16::conv2d_grad_weight}, p);
}

Problem<float> rounded(Problem<float> p) {
  for (std::vector<float>* v : {&p.x, &p.w, &p.dy}) testing::round_to_bf16(*v);
  return p;
}

// Among them images of several bands in the second-level cache, and more padding than image.
std::vector<ConvGeometry> geometries() {
  std::vector<ConvGeometry> all = {
      geometry(3, 16, 32, 32, 16, 3, 3, 1, 1), geometry(2, 3, 32, 32, 16, 3, 3, 1, 1),
      geometry(3, 16, 16, 16, 32, 3, 3, 2, 1), geometry(3, 16, 16, 16, 32, 1, 1, 2, 0),
      geometry(9, 64, 8, 8, 64, 3, 3, 1, 1),   geometry(2, 64, 8, 8, 10, 1, 1),
      geometry(1, 48, 9, 9, 96, 5, 5, 1, 2),   geometry(2, 20, 17, 35, 33, 3, 3, 1, 1),
      geometry(2, 14, 12, 21, 9, 3, 5, 3, 2),  geometry(1, 40, 6, 70, 24, 2, 7, 2, 3),
      geometry(1, 70, 45, 50, 18, 3, 3, 1, 1), geometry(1, 60, 61, 66, 40, 3, 3, 2, 1),
      geometry(3, 24, 5, 6, 15, 5, 5, 1, 4),   geometry(30, 130, 20, 20, 40, 3, 3, 1, 1)};
  TestRandom random(7);
  for (int i = 0; i < 80; ++i) all.push_back(testing::random_geometry(random));
  return all;
}

// The products of bf16 numbers are exact in f32: what remains is the error of an f32 sum.
TEST_P(ConvBf16Units, SumsExactProductsOfRoundedFactors) {
  uint64_t seed = 0;
  for (const ConvGeometry& g : geometries()) {
    if (g.n * g.c > 2000) continue;  // long; for the threads below
    const Problem<float> p = rounded(make_problem<float>(g, ++seed));
    testing::check(run_bf16(p), p);
  }
}

TEST_P(ConvBf16Units, RoundsBothFactorsToTheNearest) {
  int rounding = 0;
  for (const ConvGeometry& g : geometries()) {
    if (g.n * g.c > 2000) continue;
    const Problem<float> p = make_problem<float>(g, 3), r = rounded(p);
    const Result<float> given = run_bf16(p), want = run_bf16(r);
    // Each kernel rounds or leaves it to f32, as the shape suits it.
    const Result<float> f32 =
        testing::run_nhwc({simd::conv2d, simd::conv2d_grad_input, simd::conv2d_grad_weight}, p);
    EXPECT_TRUE(given.y == want.y || given.y == f32.y) << testing::describe(g);
    EXPECT_TRUE(given.dx == want.dx || given.dx == f32.dx || g.stride_h * g.stride_w > 1)
        << testing::describe(g);
    EXPECT_TRUE(given.dw == want.dw || given.dw == f32.dw) << testing::describe(g);
    rounding += (given.y != f32.y) + (given.dx != f32.dx) + (given.dw != f32.dw);
  }
  EXPECT_GT(rounding, 60) << "of 270";
}

TEST_P(ConvBf16Units, ReluFollowsTheBias) {
  const Problem<float> p = rounded(make_problem<float>(geometry(2, 16, 9, 7, 21, 3, 3, 1, 1), 3));
  const auto x = testing::to_nhwc(p.x, 2, 16, 63);
  std::vector<float> want(p.dy.size()), y(p.dy.size());
  ConvArgs<float> args{p.g, p.x.data(), p.w.data(), p.bias.data(), want.data(), Activation::kRelu};
  loops::conv2d(args);
  args.x = x.data();
  args.y = y.data();
  bf16::conv2d(args);
  y = testing::to_nchw(y, 2, 21, 63);
  for (size_t i = 0; i < y.size(); ++i) ASSERT_NEAR(y[i], want[i], 2e-5) << i;
}

TEST_P(ConvBf16Units, AccumulatesWeightGradients) {
  const Problem<float> p = make_problem<float>(geometry(3, 9, 8, 7, 18, 3, 3, 1, 1), 5);
  const Result<float> once = run_bf16(p);
  const auto x = testing::to_nhwc(p.x, 3, 9, 56), dy = testing::to_nhwc(p.dy, 3, 18, 56);
  auto dw = once.dw, db = once.db;
  bf16::conv2d_grad_weight({p.g, x.data(), dy.data(), dw.data(), db.data(), true});
  for (size_t i = 0; i < dw.size(); ++i) ASSERT_EQ(dw[i], 2 * once.dw[i]);
  for (size_t i = 0; i < db.size(); ++i) ASSERT_EQ(db[i], 2 * once.db[i]);
  bf16::conv2d_grad_weight({p.g, x.data(), dy.data(), dw.data(), nullptr, false});
  EXPECT_EQ(dw, once.dw) << "without dbias";
}

TEST_P(ConvBf16Units, BitsDoNotDependOnTheNumberOfThreads) {
  const int before = num_threads();
  for (const ConvGeometry& g :
       {geometry(30, 130, 20, 20, 40, 3, 3, 1, 1), geometry(9, 16, 31, 29, 35, 3, 3, 2, 1)}) {
    const Problem<float> p = make_problem<float>(g, 5);
    set_num_threads(1);
    const Result<float> one = run_bf16(p);
    set_num_threads(3);
    const Result<float> many = run_bf16(p);
    EXPECT_TRUE(testing::same_bits(one.y, many.y)) << testing::describe(g);
    EXPECT_TRUE(testing::same_bits(one.dx, many.dx)) << testing::describe(g);
    EXPECT_TRUE(testing::same_bits(one.dw, many.dw)) << testing::describe(g);
    EXPECT_TRUE(testing::same_bits(one.db, many.db)) << testing::describe(g);
  }
  set_num_threads(before);
}

INSTANTIATE_TEST_SUITE_P(Bf16, ConvBf16Units, testing::bf16_units(), testing::bf16_unit_name);

}  // namespace
}  // namespace tinytorch::kernels
