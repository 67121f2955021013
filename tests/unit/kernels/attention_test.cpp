#include "tinytorch/kernels/attention.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "tinytorch/core/error.h"
#include "tinytorch/core/parallel.h"
#include "tinytorch/core/philox.h"
#include "tinytorch/kernels/simd/isa.h"

namespace tinytorch::kernels {
namespace {

// One attention with its memory: q, k and v interleaved as (B, T, 3C) when tq == tk, as a model
// has them; y and its gradient as (B, T, C).
template <class T>
struct Problem {
  AttentionShape shape;
  int64_t c, gap;  // gap: floats between rows that nobody may touch
  std::vector<T> q, k, v, y, dy, dq, dk, dv, lse;

  explicit Problem(const AttentionShape& s, uint64_t seed = 1)
      : shape(s), c(s.heads * s.d), gap(5) {
    const auto queries = static_cast<size_t>(s.batch * s.tq * row());
    const auto keys = static_cast<size_t>(s.batch * s.tk * row());
    uint64_t stream = seed;
    for (auto* x : {&q, &dy}) fill(*x, queries, stream++);
    for (auto* x : {&k, &v}) fill(*x, keys, stream++);
    for (auto* x : {&y, &dq}) x->assign(queries, T{77});
    for (auto* x : {&dk, &dv}) x->assign(keys, T{77});
    lse.assign(static_cast<size_t>(s.batch * s.heads * s.tq), T{77});
  }
  // Numbers that are exact in float, so that f32 and f64 problems are the same problem.
  static void fill(std::vector<T>& x, size_t n, uint64_t seed) {
    x.resize(n);
    for (size_t i = 0; i < n; ++i)
      x[i] = static_cast<T>(
          philox::uniform_f32(philox::word32(seed, 0, static_cast<int64_t>(i))) * 2 - 1);
  }
  int64_t row() const { return c + gap; }
  template <class U>
  AttentionOperand<U> operand(U* data, int64_t t) const {
    return {data, t * row(), shape.d, row()};
  }
  AttentionArgs<T> forward_args() {
    const AttentionShape& s = shape;
    return {s,
            operand<const T>(q.data(), s.tq),
            operand<const T>(k.data(), s.tk),
            operand<const T>(v.data(), s.tk),
            operand<T>(y.data(), s.tq),
            lse.data()};
  }
  AttentionGradArgs<T> grad_args() {
    const AttentionShape& s = shape;
    return {s,
            operand<const T>(q.data(), s.tq),
            operand<const T>(k.data(), s.tk),
            operand<const T>(v.data(), s.tk),
            operand<const T>(y.data(), s.tq),
            operand<const T>(dy.data(), s.tq),
            lse.data(),
            operand<T>(dq.data(), s.tq),
            operand<T>(dk.data(), s.tk),
            operand<T>(dv.data(), s.tk)};
  }
  void run() {
    attention(forward_args());
    attention_grad(grad_args());
  }
  std::vector<T> all() const {
    std::vector<T> out;
    for (const auto* x : {&y, &lse, &dq, &dk, &dv}) out.insert(out.end(), x->begin(), x->end());
    return out;
  }
};

// The definition, with whole matrices, in double.
std::vector<double> naive(const Problem<double>& p) {
  const AttentionShape& s = p.shape;
  std::vector<double> y = p.y;
  for (int64_t b = 0; b < s.batch; ++b)
    for (int64_t h = 0; h < s.heads; ++h)
      for (int64_t i = 0; i < s.tq; ++i) {
        auto at = [&](const std::vector<double>& x, int64_t t, int64_t length, int64_t e) {
          return x[static_cast<size_t>((b * length + t) * p.row() + h * s.d + e)];
        };
        std::vector<double> weight;
        double sum = 0;
        for (int64_t j = 0; j < s.tk; ++j) {
          double score = 0;
          for (int64_t e = 0; e < s.d; ++e)
            score += at(p.q, i, s.tq, e) * at(p.k, j, s.tk, e) * s.scale;
          const bool masked = s.causal && j > i + s.past;
          weight.push_back(masked ? 0 : std::exp(score));
          sum += weight.back();
        }
        for (int64_t e = 0; e < s.d; ++e) {
          double total = 0;
          for (int64_t j = 0; j < s.tk; ++j)
            total += weight[static_cast<size_t>(j)] * at(p.v, j, s.tk, e);
          y[static_cast<size_t>((b * s.tq + i) * p.row() + h * s.d + e)] =
              sum > 0 ? total / sum : 0;
        }
      }
  return y;
}

const AttentionShape kShapes[] = {
    // batch, heads, tq, tk, d, scale, causal, past
    {1, 1, 1, 1, 1, 1, false},
    {2, 3, 5, 5, 7, 0.4, true},
    {1, 2, 17, 17, 20, 0.25, false},
    {2, 2, 65, 65, 33, 0.2, true},
    {1, 2, 128, 128, 32, 0.18, true},
    {1, 1, 70, 130, 16, 0.25, true, 60},  // behind a cache of keys
    {1, 2, 1, 300, 24, 0.2, true, 299},   // decoding
    {1, 1, 20, 290, 9, 0.3, true},        // a block of keys that nobody sees
    {1, 1, 300, 20, 9, 0.3, true},        // the last queries see all
    {1, 1, 3, 97, 65, 0.2, false},
    {1, 1, 4, 20, 256, 0.06, true, 16},
    {1, 1, 300, 290, 9, 0.3, true, -10},  // the first ten queries see nothing
    {1, 1, 3, 2, 4, 0.5, true, -1},
    {1, 1, 260, 520, 40, 0.15, false},  // three blocks of keys, two groups of queries
    {1, 1, 530, 530, 12, 0.3, true},
    {1, 2, 31, 29, 256, 0.06, false},
    {1, 1, 6, 0, 3, 1, false},  // no keys
    {1, 1, 0, 6, 3, 1, true},   // no queries
};

template <class T>
void expect_near_all(const std::vector<T>& got, const std::vector<double>& want, double tolerance,
                     const char* what) {
  ASSERT_EQ(got.size(), want.size());
  double largest = 0;
  for (double x : want)
    if (std::isfinite(x)) largest = std::max(largest, std::fabs(x == 77 ? 0 : x));
  for (size_t i = 0; i < want.size(); ++i) {
    if (std::isfinite(want[i]))
      ASSERT_NEAR(got[i], want[i], tolerance * (largest + 1e-3)) << what << " at " << i;
    else
      ASSERT_EQ(static_cast<double>(got[i]), want[i]) << what << " at " << i;
  }
}

TEST(AttentionKernels, LoopsFollowTheDefinition) {
  for (const AttentionShape& s : kShapes) {
    SCOPED_TRACE(testing::Message() << s.tq << " x " << s.tk << " x " << s.d << " " << s.causal);
    Problem<double> p(s);
    attention(p.forward_args());
    expect_near_all(p.y, naive(p), 1e-13, "y");
  }
}

// The derivative of sum(dy * y) by central differences of the definition.
TEST(AttentionKernels, LoopsGradientIsTheDerivative) {
  for (AttentionShape s :
       {AttentionShape{1, 2, 4, 6, 3, 0.7, true, 2}, AttentionShape{2, 1, 5, 3, 4, 0.5, false},
        AttentionShape{1, 1, 5, 3, 2, 0.5, true, -2}}) {
    Problem<double> p(s);
    p.run();
    auto loss = [&] {
      const std::vector<double> y = naive(p);
      double sum = 0;
      for (size_t i = 0; i < y.size(); ++i)
        if (y[i] != 77) sum += y[i] * p.dy[i];
      return sum;
    };
    struct Pair {
      std::vector<double>*x, *dx;
    };
    for (Pair pair : {Pair{&p.q, &p.dq}, Pair{&p.k, &p.dk}, Pair{&p.v, &p.dv}})
      for (size_t i = 0; i < pair.x->size(); ++i) {
        const double x = (*pair.x)[i], got = (*pair.dx)[i];
        if (got == 77) continue;  // between rows
        (*pair.x)[i] = x + 1e-5;
        const double up = loss();
        (*pair.x)[i] = x - 1e-5;
        const double down = loss();
        (*pair.x)[i] = x;
        ASSERT_NEAR(got, (up - down) / 2e-5, 1e-8);
      }
  }
}

TEST(AttentionKernels, SimdAgreesWithLoopsInDouble) {
  for (const AttentionShape& s : kShapes) {
    SCOPED_TRACE(testing::Message() << s.tq << " x " << s.tk << " x " << s.d << " " << s.causal);
    Problem<double> want(s);
    want.run();
    for (const char* variant : {"loops", "simd", "scalar"}) {
      const bool scalar = variant == std::string("scalar");
      set_isa(scalar ? variant : nullptr);
      if (scalar) variant = "simd";
      KernelOverride a("attention", variant), b("attention_grad", variant);
      Problem<float> got(s);
      got.run();
      expect_near_all(got.y, want.y, 2e-6, "y");
      expect_near_all(got.lse, want.lse, 1e-6, "lse");
      expect_near_all(got.dq, want.dq, 4e-6, "dq");
      expect_near_all(got.dk, want.dk, 4e-6, "dk");
      expect_near_all(got.dv, want.dv, 4e-6, "dv");
    }
    set_isa(nullptr);
  }
}

TEST(AttentionKernels, LargeScoresDoNotOverflow) {
  // Scores of some hundreds, whose exp is no float; the largest comes in the last block of keys.
  Problem<float> p({1, 1, 20, 600, 8, 100, false});
  for (int64_t e = 0; e < 8; ++e) {
    p.k[static_cast<size_t>(599 * p.row() + e)] = 1;
    for (int64_t i = 0; i < 20; ++i) p.q[static_cast<size_t>(i * p.row() + e)] = 1;
  }
  p.run();
  for (int64_t i = 0; i < 20; ++i) {
    EXPECT_NEAR(p.lse[static_cast<size_t>(i)], 800, 0.01);
    for (int64_t e = 0; e < 8; ++e)
      EXPECT_NEAR(p.y[static_cast<size_t>(i * p.row() + e)],
                  p.v[static_cast<size_t>(599 * p.row() + e)], 1e-5);
  }
}

TEST(AttentionKernels, SameBitsForThreadsAndTargets) {
  for (const AttentionShape& s : kShapes) {
    SCOPED_TRACE(testing::Message() << s.tq << " x " << s.tk << " x " << s.d << " " << s.causal);
    std::vector<float> want;
    const int before = num_threads();
    for (const char* isa : {"avx512", "avx2", "neon"}) {
      if (!set_isa(isa)) continue;
      for (int threads : {1, 3}) {
        set_num_threads(threads);
        Problem<float> p({2, s.heads, s.tq, s.tk, s.d, s.scale, s.causal, s.past});
        p.run();
        if (want.empty()) want = p.all();
        EXPECT_EQ(std::memcmp(p.all().data(), want.data(), want.size() * 4), 0)
            << isa << ", " << threads << " threads";
      }
    }
    set_isa(nullptr);
    set_num_threads(before);
  }
}

TEST(AttentionKernels, AHeadDoesNotDependOnItsNeighbours) {
  const AttentionShape one{1, 1, 50, 50, 24, 0.2, true};
  Problem<float> alone(one), both({2, 1, 50, 50, 24, 0.2, true});
  alone.run();
  both.run();
  EXPECT_EQ(std::memcmp(alone.y.data(), both.y.data(), alone.y.size() * 4), 0);
  EXPECT_EQ(std::memcmp(alone.dk.data(), both.dk.data(), alone.dk.size() * 4), 0);
}

TEST(AttentionKernels, RefusesHeadsThatAreTooWide) {
  Problem<float> p({1, 1, 2, 2, 257, 1, false});
  EXPECT_THROW(attention(p.forward_args()), ShapeError);
  EXPECT_THROW(attention_grad(p.grad_args()), ShapeError);
}

}  // namespace
}  // namespace tinytorch::kernels
