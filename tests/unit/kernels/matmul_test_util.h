#pragma once
// Matrix products of any shape, strides and epilogue for tests, with their results in f64.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "tests/unit/kernels/image_test_util.h"
#include "tinytorch/kernels/matmul.h"

namespace tinytorch::testing {

using kernels::Activation;
using kernels::MatmulArgs;

enum class Order { kRowMajor, kTransposed, kStrided };

struct Case {
  int64_t m, n, k;
  Order a = Order::kRowMajor, b = Order::kRowMajor;
  int64_t batch = 1;
  bool share_a = false, share_b = false;  // batch stride 0
  bool bias = false, pre = false, accumulate = false;
  Activation activation = Activation::kNone;
  int64_t pad = 0;  // between the rows of every matrix

  std::string str() const {
    return "m=" + std::to_string(m) + " n=" + std::to_string(n) + " k=" + std::to_string(k) +
           " a=" + std::to_string(static_cast<int>(a)) +
           " b=" + std::to_string(static_cast<int>(b)) + " batch=" + std::to_string(batch) +
           (share_a ? " share_a" : "") + (share_b ? " share_b" : "") + (bias ? " bias" : "") +
           (pre ? " pre" : "") + (accumulate ? " accumulate" : "") +
           " act=" + std::to_string(static_cast<int>(activation)) + " pad=" + std::to_string(pad);
  }
};

// The operands of a case, and the expected result by plain loops over f64.
template <class T>
struct Data {
  Case s;
  MatmulArgs<T> args;
  std::vector<T> a, b, c, c_before, pre, bias;

  explicit Data(const Case& spec, uint64_t seed = 1) : s(spec) {
    TestRandom random(seed);
    args.m = s.m, args.n = s.n, args.k = s.k, args.batch = s.batch;
    const int64_t a_size = lay(s.m, s.k, s.a, args.a_rs, args.a_cs);
    const int64_t b_size = lay(s.k, s.n, s.b, args.b_rs, args.b_cs);
    args.a_batch = s.share_a ? 0 : a_size;
    args.b_batch = s.share_b ? 0 : b_size;
    args.ldc = s.n + s.pad;
    args.c_batch = s.m * args.ldc + s.pad;
    a = random_vector<T>(a_size * (s.share_a ? 1 : s.batch), random);
    b = random_vector<T>(b_size * (s.share_b ? 1 : s.batch), random);
    c = random_vector<T>(args.c_batch * s.batch + 8, random);
    bias = random_vector<T>(s.n, random);
    pre.assign(c.size(), T(7));
    c_before = c;
    args.a = a.data(), args.b = b.data(), args.c = c.data();
    args.bias = s.bias ? bias.data() : nullptr;
    args.pre_activation = s.pre ? pre.data() : nullptr;
    args.activation = s.activation;
    args.accumulate = s.accumulate;
  }

  int64_t lay(int64_t rows, int64_t cols, Order order, int64_t& rs, int64_t& cs) const {
    if (order == Order::kTransposed) {
      rs = 1, cs = rows + s.pad;
      return cols * cs;
    }
    cs = order == Order::kStrided ? 3 : 1;
    rs = cols * cs + s.pad;
    return rows * rs;
  }

  static double activate(double x, Activation act) {
    switch (act) {
      case Activation::kNone:
        return x;
      case Activation::kRelu:
        return x > 0 ? x : 0;
      case Activation::kGelu:
        return x * 0.5 * std::erfc(-x / std::sqrt(2.0));
      case Activation::kGeluTanh:
        return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
    }
    return x;
  }

  // Every element of c (and pre) within the bound of its sum; everything between rows untouched.
  void check(const std::string& what) const {
    const double eps = std::numeric_limits<T>::epsilon();
    std::vector<bool> written(c.size());
    int wrong = 0;
    const auto fail = [&](size_t at, double got, double want, double bound) {
      if (++wrong <= 3)
        ADD_FAILURE() << what << " " << s.str() << " at " << at << ": got " << got << ", want "
                      << want << " +- " << bound;
    };
    for (int64_t q = 0; q < s.batch; ++q)
      for (int64_t i = 0; i < s.m; ++i)
        for (int64_t j = 0; j < s.n; ++j) {
          const size_t at = static_cast<size_t>(q * args.c_batch + i * args.ldc + j);
          written[at] = true;
          double sum = s.accumulate ? c_before[at] : 0, magnitude = std::fabs(sum);
          for (int64_t p = 0; p < s.k; ++p) {
            const double x = args.a[q * args.a_batch + i * args.a_rs + p * args.a_cs];
            const double y = args.b[q * args.b_batch + p * args.b_rs + j * args.b_cs];
            sum += x * y;
            magnitude += std::fabs(x * y);
          }
          if (s.bias) sum += bias[static_cast<size_t>(j)];
          if (s.bias) magnitude += std::fabs(bias[static_cast<size_t>(j)]);
          const double bound = eps * (static_cast<double>(s.k) + 2) * magnitude;
          if (s.pre && !(std::fabs(pre[at] - sum) <= bound)) fail(at, pre[at], sum, bound);
          const double want = activate(sum, s.activation);
          // An activation rounds a few times at the size of its input.
          const double slack = s.activation == Activation::kNone ? 0 : 4 * eps * std::fabs(sum);
          // No activation has a slope above 1.13.
          if (!(std::fabs(c[at] - want) <= 1.13 * bound + slack)) fail(at, c[at], want, bound);
        }
    for (size_t at = 0; at < c.size(); ++at)
      if (!written[at] && (c[at] != c_before[at] || pre[at] != T(7)))
        fail(at, c[at], c_before[at], 0);
  }
};

inline std::vector<Case> random_cases(int count, int64_t max, uint64_t seed) {
  TestRandom random(seed);
  std::vector<Case> cases;
  for (int i = 0; i < count; ++i) {
    Case s{random.range(1, max), random.range(1, max), random.range(1, max)};
    if (random.range(0, 5) == 0) s.k = random.range(250, 262);
    if (random.range(0, 9) == 0) s.k = random.range(509, 515);
    if (random.range(0, 5) == 0) s.m = random.range(1, 4);
    if (random.range(0, 5) == 0) s.n = random.range(1, 4);
    s.a = static_cast<Order>(random.range(0, 2));
    s.b = static_cast<Order>(random.range(0, 2));
    s.pad = random.range(0, 1) * random.range(0, 5);
    if (random.range(0, 4) == 0) {
      s.batch = random.range(2, 4);
      s.share_a = random.range(0, 3) == 0;
      s.share_b = random.range(0, 1) == 0;
    }
    s.accumulate = random.range(0, 2) == 0;
    s.bias = random.range(0, 1) == 0;
    s.pre = random.range(0, 2) == 0;
    s.activation = static_cast<Activation>(random.range(0, 3));
    cases.push_back(s);
  }
  return cases;
}

}  // namespace tinytorch::testing
