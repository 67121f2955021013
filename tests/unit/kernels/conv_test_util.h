#pragma once
// Convolutions of any geometry for tests, with their results and gradients in f64.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "tests/unit/kernels/image_test_util.h"
#include "tinytorch/kernels/conv.h"

namespace tinytorch::testing {

using kernels::Activation;
using kernels::conv_output_size;
using kernels::ConvArgs;
using kernels::ConvGeometry;
using kernels::ConvGradInputArgs;
using kernels::ConvGradWeightArgs;

inline ConvGeometry geometry(int64_t n, int64_t c, int64_t h, int64_t w, int64_t o, int64_t kh,
                             int64_t kw, int64_t stride = 1, int64_t pad = 0, int64_t dilation = 1,
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

inline std::string describe(const ConvGeometry& g) {
  std::string s;
  for (int64_t v : {g.n, g.c, g.h, g.w, g.o, g.kh, g.kw, g.oh, g.ow, g.stride_h, g.stride_w,
                    g.pad_h, g.pad_w, g.dil_h, g.dil_w, g.groups})
    s += std::to_string(v) + " ";
  return "n c h w o kh kw oh ow stride pad dilation groups: " + s;
}

// Kernel 1..5, stride 1..3, padding 0..2, dilation 1..2, groups and channels up to 40, the two
// axes independent.
inline ConvGeometry random_geometry(TestRandom& r) {
  ConvGeometry g{};
  do {
    g.n = r.range(0, 3) == 0 ? r.range(4, 17) : r.range(1, 3);
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
void check(const Result<T>& got, const Problem<T>& p) {
  const ConvGeometry& g = p.g;
  const Reference want = reference(p);
  const int64_t taps = g.c / g.groups * g.kh * g.kw + 1, pixels = g.n * g.oh * g.ow;
  expect_close(got.y, want.y, want.y_abs, taps, "y", g);
  expect_close(got.dx, want.dx, want.dx_abs, g.o / g.groups * g.kh * g.kw, "dx", g);
  expect_close(got.dw, want.dw, want.dw_abs, pixels, "dw", g);
  expect_close(got.db, want.db, want.db_abs, pixels, "dbias", g);
}

// Variants that take channels-last images.
struct Variants {
  void (*forward)(const ConvArgs<float>&);
  void (*grad_input)(const ConvGradInputArgs<float>&);
  void (*grad_weight)(const ConvGradWeightArgs<float>&);
};

inline Result<float> run_nhwc(const Variants& run, const Problem<float>& p) {
  const ConvGeometry& g = p.g;
  const int64_t in = g.h * g.w, out = g.oh * g.ow;
  const auto x = to_nhwc(p.x, g.n, g.c, in), dy = to_nhwc(p.dy, g.n, g.o, out);
  std::vector<float> y(dy.size(), 7), dx(x.size(), 7);
  Result<float> r;
  r.dw.assign(p.w.size(), 7), r.db.assign(p.bias.size(), 7);
  run.forward({g, x.data(), p.w.data(), p.bias.data(), y.data(), Activation::kNone});
  run.grad_input({g, dy.data(), p.w.data(), dx.data()});
  run.grad_weight({g, x.data(), dy.data(), r.dw.data(), r.db.data(), false});
  r.y = to_nchw(y, g.n, g.o, out), r.dx = to_nchw(dx, g.n, g.c, in);
  return r;
}

inline bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

// Geometries whose work is cut into several bands, slabs and panels.
inline std::vector<Problem<float>> problems_worth_threads() {
  std::vector<Problem<float>> problems;
  for (const ConvGeometry& g :
       {geometry(5, 24, 30, 30, 40, 3, 3, 1, 1), geometry(9, 16, 31, 29, 35, 3, 3, 2, 1),
        geometry(40, 3, 16, 16, 16, 3, 3, 1, 1), geometry(6, 32, 20, 20, 32, 3, 3, 1, 1, 1, 32),
        geometry(4, 300, 13, 13, 17, 1, 1), geometry(4, 12, 20, 20, 18, 3, 3, 1, 2, 2, 3)})
    problems.push_back(make_problem<float>(g, 5));
  return problems;
}

}  // namespace tinytorch::testing
