#pragma once
// What the tests of the row-wise kernels share: same bits for any number of threads and on AVX2 and
// AVX-512, comparison with float64 references, and numerical gradients.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <functional>
#include <vector>

#include "image_test_util.h"
#include "tinytorch/core/parallel.h"
#include "tinytorch/kernels/simd/isa.h"

namespace tinytorch::testing {

// compute() returns all its outputs in one vector. Runs it with 1, 2 and 3 threads on every fused
// instruction set of this machine and expects the same bytes each time.
inline void expect_same_bits(const std::function<std::vector<float>()>& compute) {
  const int threads = num_threads();
  std::vector<float> first;
  for (const char* isa : {"avx2", "avx512", "neon"}) {
    if (!kernels::set_isa(isa)) continue;
    for (int count : {1, 2, 3}) {
      set_num_threads(count);
      const std::vector<float> now = compute();
      if (first.empty()) first = now;
      ASSERT_EQ(now.size(), first.size());
      EXPECT_EQ(std::memcmp(now.data(), first.data(), first.size() * sizeof(float)), 0)
          << isa << " with " << count << " threads";
    }
  }
  set_num_threads(threads);
  kernels::set_isa(nullptr);
}

// |got - want| <= absolute + relative |want|, NaN matching NaN and infinities themselves.
template <class T>
void expect_near(const std::vector<T>& got, const std::vector<double>& want, double relative,
                 double absolute, const char* what) {
  ASSERT_EQ(got.size(), want.size()) << what;
  for (size_t i = 0; i < got.size(); ++i) {
    const double g = got[i], w = want[i];
    const bool same = (std::isnan(g) && std::isnan(w)) || g == w ||
                      std::fabs(g - w) <= absolute + relative * std::fabs(w);
    ASSERT_TRUE(same) << what << ": element " << i << " is " << g << ", expected " << w;
  }
}

inline std::vector<double> widen(const std::vector<float>& v) {
  return std::vector<double>(v.begin(), v.end());
}

// Central differences of a scalar function at x, one element at a time.
inline std::vector<double> numerical_gradient(std::vector<double> x,
                                              const std::function<double(const double*)>& f) {
  std::vector<double> gradient(x.size());
  constexpr double kStep = 1e-5;
  for (size_t i = 0; i < x.size(); ++i) {
    const double kept = x[i];
    x[i] = kept + kStep;
    const double up = f(x.data());
    x[i] = kept - kStep;
    const double down = f(x.data());
    x[i] = kept;
    gradient[i] = (up - down) / (2 * kStep);
  }
  return gradient;
}

template <class T>
void append(std::vector<T>& to, const std::vector<T>& from) {
  to.insert(to.end(), from.begin(), from.end());
}

}  // namespace tinytorch::testing
