#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "tests/unit/kernels/conv_test_util.h"
#include "tinytorch/core/parallel.h"
#include "tinytorch/kernels/simd/isa.h"

namespace tinytorch::kernels {
namespace {

using testing::describe;
using testing::geometry;
using testing::make_problem;
using testing::Problem;
using testing::Result;
using testing::same_bits;

Result<float> run_winograd(const Problem<float>& p) {
  return testing::run_nhwc(
      {winograd::conv2d, winograd::conv2d_grad_input, winograd::conv2d_grad_weight}, p);
}
Result<float> run_direct(const Problem<float>& p) {
  return testing::run_nhwc({simd::conv2d, simd::conv2d_grad_input, simd::conv2d_grad_weight}, p);
}

// Whole tiles and cut ones, with and without padding, one image and many, blocks of several images.
std::vector<ConvGeometry> suited() {
  return {geometry(2, 16, 32, 32, 16, 3, 3, 1, 1), geometry(1, 16, 8, 8, 32, 3, 3, 1, 0),
          geometry(3, 32, 7, 7, 16, 3, 3, 1, 1),   geometry(1, 48, 6, 21, 80, 3, 3, 1, 2),
          geometry(9, 64, 8, 8, 64, 3, 3, 1, 1),   geometry(2, 32, 19, 13, 48, 3, 3, 1, 0),
          geometry(1, 16, 3, 3, 16, 3, 3, 1, 1),   geometry(5, 80, 14, 15, 32, 3, 3, 1, 1)};
}

struct Error {
  double rms, largest;  // relative to the root mean square of the expected values
};
Error error(const std::vector<float>& got, const std::vector<double>& want) {
  double squares = 0, errors = 0, largest = 0;
  for (size_t i = 0; i < want.size(); ++i) {
    const double e = std::abs(static_cast<double>(got[i]) - want[i]);
    squares += want[i] * want[i], errors += e * e;
    largest = e > largest || std::isnan(e) ? e : largest;
  }
  return {std::sqrt(errors / squares),
          largest / std::sqrt(squares / static_cast<double>(want.size()))};
}

// One product left out would be an error of 1e-2 and more.
TEST(ConvWinograd, RoundsSomeFiveTimesMoreThanTheDirectSum) {
  double rms[2] = {};
  for (const ConvGeometry& g : suited()) {
    const Problem<float> p = make_problem<float>(g, 11);
    const testing::Reference want = testing::reference(p);
    const Result<float> tiles = run_winograd(p), direct = run_direct(p);
    EXPECT_FALSE(same_bits(tiles.y, direct.y)) << "not by tiles: " << describe(g);
    EXPECT_FALSE(same_bits(tiles.dw, direct.dw)) << "not by tiles: " << describe(g);
    const Error errors[] = {error(tiles.y, want.y), error(tiles.dx, want.dx),
                            error(tiles.dw, want.dw), error(tiles.db, want.db)};
    for (const Error& e : errors) {
      EXPECT_LT(e.rms, 3e-6) << describe(g);
      EXPECT_LT(e.largest, 5e-5) << describe(g);
    }
    for (int i = 0; i < 3; ++i) rms[0] += errors[i].rms;
    rms[1] +=
        error(direct.y, want.y).rms + error(direct.dx, want.dx).rms + error(direct.dw, want.dw).rms;
  }
  RecordProperty("times_direct", std::to_string(rms[0] / rms[1]));
  EXPECT_GT(rms[0], 2 * rms[1]) << "no reason to keep it from being the default";
  EXPECT_LT(rms[0], 8 * rms[1]);
}

TEST(ConvWinograd, WhatDoesNotSuitItRunsDirect) {
  for (const ConvGeometry& g :
       {geometry(2, 16, 9, 9, 16, 3, 3, 2, 1), geometry(2, 16, 9, 9, 16, 5, 5, 1, 2),
        geometry(2, 24, 9, 9, 16, 3, 3, 1, 1), geometry(2, 16, 9, 9, 10, 3, 3, 1, 1),
        geometry(2, 32, 9, 9, 32, 3, 3, 1, 1, 1, 2), geometry(2, 16, 9, 9, 16, 3, 3, 1, 2, 2),
        geometry(2, 16, 9, 9, 16, 1, 1), geometry(2, 16, 4, 4, 16, 3, 3, 1, 0)}) {
    const Problem<float> p = make_problem<float>(g, 12);
    const Result<float> got = run_winograd(p), want = run_direct(p);
    EXPECT_TRUE(same_bits(got.y, want.y)) << describe(g);
    EXPECT_TRUE(same_bits(got.dw, want.dw) && same_bits(got.db, want.db)) << describe(g);
  }
  // The pooled gradient goes through an index.
  const ConvGeometry g = geometry(2, 16, 8, 8, 16, 3, 3, 1, 1);
  const Problem<float> p = make_problem<float>(g, 13);
  const auto x = testing::to_nhwc(p.x, 2, 16, 64);
  const std::vector<float> dy(2 * 4 * 4 * 16, 0.5f);
  const std::vector<uint8_t> index(dy.size(), 2);
  std::vector<float> got(p.w.size()), want(p.w.size());
  winograd::conv2d_grad_weight(
      {g, x.data(), dy.data(), got.data(), nullptr, false, index.data(), dy.data()});
  simd::conv2d_grad_weight(
      {g, x.data(), dy.data(), want.data(), nullptr, false, index.data(), dy.data()});
  EXPECT_TRUE(same_bits(got, want));
}

TEST(ConvWinograd, ReluFollowsTheBias) {
  const Problem<float> p = make_problem<float>(geometry(2, 16, 9, 7, 32, 3, 3, 1, 1), 3);
  const auto x = testing::to_nhwc(p.x, 2, 16, 63);
  std::vector<float> want(p.dy.size()), y(p.dy.size());
  ConvArgs<float> args{p.g, p.x.data(), p.w.data(), p.bias.data(), want.data(), Activation::kRelu};
  loops::conv2d(args);
  args.x = x.data();
  args.y = y.data();
  winograd::conv2d(args);
  y = testing::to_nchw(y, 2, 32, 63);
  for (size_t i = 0; i < y.size(); ++i) ASSERT_NEAR(y[i], want[i], 5e-5) << i;
}

TEST(ConvWinograd, AccumulatesWeightGradients) {
  const Problem<float> p = make_problem<float>(geometry(3, 16, 8, 7, 32, 3, 3, 1, 1), 5);
  const Result<float> once = run_winograd(p);
  const auto x = testing::to_nhwc(p.x, 3, 16, 56), dy = testing::to_nhwc(p.dy, 3, 32, 56);
  auto dw = once.dw, db = once.db;
  winograd::conv2d_grad_weight({p.g, x.data(), dy.data(), dw.data(), db.data(), true});
  for (size_t i = 0; i < dw.size(); ++i) ASSERT_EQ(dw[i], 2 * once.dw[i]);
  for (size_t i = 0; i < db.size(); ++i) ASSERT_EQ(db[i], 2 * once.db[i]);
  winograd::conv2d_grad_weight({p.g, x.data(), dy.data(), dw.data(), nullptr, false});
  EXPECT_EQ(dw, once.dw) << "without dbias";
}

void expect_same(const Result<float>& a, const Result<float>& b, const ConvGeometry& g) {
  EXPECT_TRUE(same_bits(a.y, b.y)) << describe(g);
  EXPECT_TRUE(same_bits(a.dx, b.dx)) << describe(g);
  EXPECT_TRUE(same_bits(a.dw, b.dw)) << describe(g);
  EXPECT_TRUE(same_bits(a.db, b.db)) << describe(g);
}

TEST(ConvWinograd, BitsDoNotDependOnTheNumberOfThreads) {
  const int before = num_threads();
  for (const ConvGeometry& g :
       {geometry(20, 16, 32, 32, 16, 3, 3, 1, 1), geometry(33, 64, 8, 8, 96, 3, 3, 1, 1)}) {
    const Problem<float> p = make_problem<float>(g, 5);
    set_num_threads(1);
    const Result<float> one = run_winograd(p);
    set_num_threads(3);
    expect_same(run_winograd(p), one, g);
  }
  set_num_threads(before);
}

TEST(ConvWinograd, BitsDoNotDependOnTheInstructionSet) {
  if (!set_isa("avx512")) GTEST_SKIP() << "needs two fused targets";
  for (const ConvGeometry& g : suited()) {
    const Problem<float> p = make_problem<float>(g, 6);
    set_isa("avx512");
    const Result<float> wide = run_winograd(p);
    set_isa("avx2");
    expect_same(run_winograd(p), wide, g);
  }
  set_isa(nullptr);
}

TEST(ConvWinograd, ScalarTargetMatchesReference) {
  if (!set_isa("scalar")) GTEST_SKIP() << "not in this build";
  const Problem<float> p = make_problem<float>(geometry(1, 16, 6, 7, 32, 3, 3, 1, 1), 6);
  const Result<float> got = run_winograd(p);
  set_isa(nullptr);
  const testing::Reference want = testing::reference(p);
  EXPECT_LT(error(got.y, want.y).largest, 2e-5);
  EXPECT_LT(error(got.dx, want.dx).largest, 2e-5);
  EXPECT_LT(error(got.dw, want.dw).largest, 2e-5);
}

}  // namespace
}  // namespace tinytorch::kernels
