#include "tinytorch/kernels/pool.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <string>

#include "image_test_util.h"
#include "tinytorch/core/parallel.h"
#include "tinytorch/kernels/simd/isa.h"

namespace tinytorch::kernels {
namespace {

using testing::random_vector;
using testing::TestRandom;
using testing::to_nchw;
using testing::to_nhwc;

PoolGeometry geometry(int64_t n, int64_t c, int64_t h, int64_t w, int64_t k, int64_t stride,
                      int64_t pad = 0) {
  PoolGeometry g{n, c, h, w, k, k, 0, 0, stride, stride, pad, pad, true};
  g.oh = conv_output_size(h, k, stride, pad, 1);
  g.ow = conv_output_size(w, k, stride, pad, 1);
  return g;
}

PoolGeometry random_geometry(TestRandom& r) {
  PoolGeometry g{};
  do {
    g.n = r.range(1, 3), g.c = r.range(1, 40);
    g.h = r.range(1, 11), g.w = r.range(1, 11);
    g.kh = r.range(1, 4), g.kw = r.range(1, 4);
    g.stride_h = r.range(1, 3), g.stride_w = r.range(1, 3);
    g.pad_h = r.range(0, g.kh / 2), g.pad_w = r.range(0, g.kw / 2);
    g.count_include_pad = r.range(0, 1) == 1;
    g.oh = conv_output_size(g.h, g.kh, g.stride_h, g.pad_h, 1);
    g.ow = conv_output_size(g.w, g.kw, g.stride_w, g.pad_w, 1);
  } while (g.oh == 0 || g.ow == 0);
  return g;
}

// What every pooling of this input must give, NCHW, in f64.
struct Reference {
  std::vector<double> max, max_dx, avg, avg_dx;
  std::vector<uint8_t> index;
};

template <class T>
Reference reference(const PoolGeometry& g, const std::vector<T>& x, const std::vector<T>& dy) {
  Reference r;
  r.max.resize(dy.size()), r.avg.resize(dy.size()), r.index.resize(dy.size());
  r.max_dx.assign(x.size(), 0), r.avg_dx.assign(x.size(), 0);
  for (size_t out = 0; out < dy.size(); ++out) {
    const auto at = static_cast<int64_t>(out);
    const int64_t j = at % g.ow, i = at / g.ow % g.oh, plane = at / (g.ow * g.oh);
    const int64_t ph = g.count_include_pad ? g.pad_h : 0, pw = g.count_include_pad ? g.pad_w : 0;
    double sum = 0, best = -std::numeric_limits<double>::infinity();
    int64_t covered = 0, winner = -1;
    size_t winner_at = 0;
    std::vector<size_t> inside;
    for (int64_t k = 0; k < g.kh * g.kw; ++k) {
      const int64_t h = i * g.stride_h - g.pad_h + k / g.kw;
      const int64_t w = j * g.stride_w - g.pad_w + k % g.kw;
      covered += h >= -ph && h < g.h + ph && w >= -pw && w < g.w + pw;
      if (h < 0 || h >= g.h || w < 0 || w >= g.w) continue;
      inside.push_back(static_cast<size_t>((plane * g.h + h) * g.w + w));
      const auto v = static_cast<double>(x[inside.back()]);
      sum += v;
      const bool wins = std::isnan(v) ? !std::isnan(best) : v > best;
      if (winner < 0 || wins) best = v, winner = k, winner_at = inside.back();
    }
    const auto grad = static_cast<double>(dy[out]);
    r.max[out] = best, r.index[out] = static_cast<uint8_t>(winner);
    r.max_dx[winner_at] += grad;
    r.avg[out] = sum / static_cast<double>(covered);
    for (size_t e : inside) r.avg_dx[e] += grad / static_cast<double>(covered);
  }
  return r;
}

template <class T>
void expect_near(const std::vector<T>& got, const std::vector<double>& want, const char* what,
                 const PoolGeometry& g) {
  for (size_t i = 0; i < got.size(); ++i) {
    const auto v = static_cast<double>(got[i]);
    if ((std::isnan(v) && std::isnan(want[i])) || v == want[i]) continue;  // also infinities
    ASSERT_NEAR(v, want[i], 2e-6) << what << "[" << i << "] n c h w kh kw " << g.n << " " << g.c
                                  << " " << g.h << " " << g.w << " " << g.kh << " " << g.kw;
  }
}

// The four functions of one variant.
template <class T>
struct Functions {
  void (*max)(const MaxPoolArgs<T>&);
  void (*max_grad)(const MaxPoolGradArgs<T>&);
  void (*avg)(const AvgPoolArgs<T>&);
  void (*avg_grad)(const AvgPoolGradArgs<T>&);
};
template <class T>
constexpr Functions<T> kLoops = {loops::max_pool2d<T>, loops::max_pool2d_grad<T>,
                                 loops::avg_pool2d<T>, loops::avg_pool2d_grad<T>};

constexpr Functions<float> kSimd = {simd::max_pool2d, simd::max_pool2d_grad, simd::avg_pool2d,
                                    simd::avg_pool2d_grad};

template <class T>
void check(const Functions<T>& f, const PoolGeometry& g, ImageLayout layout,
           const std::vector<T>& x_nchw, const std::vector<T>& dy_nchw) {
  const Reference want = reference(g, x_nchw, dy_nchw);
  const bool nhwc = layout == ImageLayout::kNhwc;
  const int64_t in = g.h * g.w, out = g.oh * g.ow;
  const auto x = nhwc ? to_nhwc(x_nchw, g.n, g.c, in) : x_nchw;
  const auto dy = nhwc ? to_nhwc(dy_nchw, g.n, g.c, out) : dy_nchw;
  const auto back = [&](const auto& v, int64_t pixels) {
    return nhwc ? to_nchw(v, g.n, g.c, pixels) : v;
  };
  std::vector<T> y(dy.size(), T(7)), dx(x.size(), T(7));
  std::vector<uint8_t> index(dy.size(), 99);
  f.max({g, layout, x.data(), y.data(), index.data()});
  expect_near(back(y, out), want.max, "max", g);
  ASSERT_EQ(back(index, out), want.index);
  f.max_grad({g, layout, dy.data(), index.data(), dx.data()});
  expect_near(back(dx, in), want.max_dx, "max_dx", g);
  std::vector<T> without_index(dy.size(), T(7));
  f.max({g, layout, x.data(), without_index.data(), nullptr});
  expect_near(back(without_index, out), want.max, "max without index", g);
  f.avg({g, layout, x.data(), y.data()});
  expect_near(back(y, out), want.avg, "avg", g);
  std::fill(dx.begin(), dx.end(), T(7));
  f.avg_grad({g, layout, dy.data(), dx.data()});
  expect_near(back(dx, in), want.avg_dx, "avg_dx", g);
}

// Many ties: values are multiples of 1/2, so a wrong tie rule shows in the index.
template <class T>
void check_random(const Functions<T>& f, ImageLayout layout, int rounds) {
  TestRandom random(11);
  for (int round = 0; round < rounds; ++round) {
    const PoolGeometry g = round % 4 == 0 ? geometry(2, random.range(1, 70), random.range(2, 13),
                                                     random.range(2, 13), 2, 2)
                                          : random_geometry(random);
    auto x = random_vector<T>(g.n * g.c * g.h * g.w, random);
    for (T& v : x) v = std::round(v * T(2)) / T(2);
    if (round % 3 == 0)
      for (size_t i = 0; i < x.size(); i += 7) x[i] = std::numeric_limits<T>::quiet_NaN();
    if (round % 5 == 0)
      for (size_t i = 0; i < x.size(); ++i)
        if (i % 5 != 4) x[i] = -std::numeric_limits<T>::infinity();
    const auto dy = random_vector<T>(g.n * g.c * g.oh * g.ow, random);
    check(f, g, layout, x, dy);
    if (::testing::Test::HasFatalFailure()) return;
  }
}

TEST(PoolLoops, MatchReferenceInBothLayouts) {
  for (ImageLayout layout : {ImageLayout::kNchw, ImageLayout::kNhwc}) {
    check_random(kLoops<float>, layout, 40);
    check_random(kLoops<double>, layout, 20);
  }
}

TEST(PoolLoops, FirstMaximumAndFirstNanWin) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> x = {1, 3, 3, 3, 2, nan, nan, 9, -1, -1, -1, -1};
  std::vector<float> y(3);
  std::vector<uint8_t> index(3);
  const PoolGeometry g = geometry(3, 1, 2, 2, 2, 2);
  loops::max_pool2d(MaxPoolArgs<float>{g, ImageLayout::kNchw, x.data(), y.data(), index.data()});
  EXPECT_EQ(y[0], 3);
  EXPECT_TRUE(std::isnan(y[1]));
  EXPECT_EQ(y[2], -1);
  EXPECT_EQ(index, (std::vector<uint8_t>{1, 1, 0}));
}

TEST(PoolSimd, MatchesReferenceOnEveryTarget) {
  check_random(kSimd, ImageLayout::kNchw, 10);
  for (const char* isa : {"avx512", "avx2", "neon", "scalar"}) {
    if (!set_isa(isa)) continue;
    check_random(kSimd, ImageLayout::kNhwc, 60);
  }
  set_isa(nullptr);
}

TEST(PoolSimd, EqualsTheLoopsBitForBitForAnyNumberOfThreads) {
  TestRandom random(5);
  const int before = num_threads();
  for (const PoolGeometry& g : {geometry(8, 48, 40, 40, 2, 2), geometry(4, 35, 33, 31, 3, 2, 1),
                                geometry(16, 64, 8, 8, 8, 8)}) {
    const auto x = random_vector<float>(g.n * g.c * g.h * g.w, random);
    const auto dy = random_vector<float>(g.n * g.c * g.oh * g.ow, random);
    const auto run = [&](const Functions<float>& f) {
      std::vector<float> all[4] = {dy, x, dy, x};
      std::vector<uint8_t> index(dy.size());
      const ImageLayout layout = ImageLayout::kNhwc;
      f.max({g, layout, x.data(), all[0].data(), index.data()});
      f.max_grad({g, layout, dy.data(), index.data(), all[1].data()});
      f.avg({g, layout, x.data(), all[2].data()});
      f.avg_grad({g, layout, dy.data(), all[3].data()});
      std::vector<float> joined(index.begin(), index.end());
      for (const auto& v : all) joined.insert(joined.end(), v.begin(), v.end());
      return joined;
    };
    const auto want = run(kLoops<float>);
    for (int threads : {1, 2, 3}) {
      set_num_threads(threads);
      const auto got = run(kSimd);
      EXPECT_EQ(std::memcmp(got.data(), want.data(), got.size() * sizeof(float)), 0) << threads;
    }
  }
  set_num_threads(before);
}

}  // namespace
}  // namespace tinytorch::kernels
