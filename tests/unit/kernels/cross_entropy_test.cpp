#include "tinytorch/kernels/cross_entropy.h"

#include <limits>

#include "row_test_util.h"
#include "tinytorch/kernels/rows.h"

namespace tinytorch::kernels {
namespace {

using namespace tinytorch::testing;

struct Case {
  int64_t rows, classes, stride;
  double smoothing;
  std::vector<double> logits;
  std::vector<int64_t> target;
  Case(int64_t r, int64_t c, double scale, double e, uint64_t seed)
      : rows(r), classes(c), stride(c + seed % 3), smoothing(e) {
    TestRandom random(seed);
    logits = random_vector<double>(rows * stride, random);
    for (double& x : logits) x = static_cast<float>(x * scale);
    for (int64_t i = 0; i < rows; ++i) target.push_back(random.range(0, classes - 1));
    for (int64_t i = 4; i < rows; i += 5) target[static_cast<size_t>(i)] = -100;
  }
  const double* row(int64_t r) const { return logits.data() + r * stride; }
};

template <class T>
struct Result {
  std::vector<T> loss, stats, grad;
};

// Loss and gradient of 0.5 * sum_r loss[r], in float64.
Result<double> reference(const Case& k) {
  Result<double> out;
  out.grad.assign(k.logits.size(), -7);
  for (int64_t r = 0; r < k.rows; ++r) {
    const int64_t t = k.target[static_cast<size_t>(r)], n = k.classes;
    double max = -INFINITY, sum = 0, loss = 0;
    for (int64_t c = 0; c < n; ++c) max = std::fmax(max, k.row(r)[c]);
    for (int64_t c = 0; c < n; ++c) sum += std::exp(k.row(r)[c] - max);
    for (int64_t c = 0; c < n; ++c) {
      const double p = std::exp(k.row(r)[c] - max) / sum;
      const double weight = k.smoothing / static_cast<double>(n) + (c == t ? 1 - k.smoothing : 0);
      if (weight != 0) loss -= weight * (k.row(r)[c] - max - std::log(sum));
      out.grad[static_cast<size_t>(r * k.stride + c)] = t == -100 ? 0 : 0.5 * (p - weight);
    }
    out.loss.push_back(t == -100 ? 0 : loss);
    out.stats.push_back(max);
    out.stats.push_back(sum);
  }
  return out;
}

template <class T>
Result<T> run(void (*forward)(const CrossEntropyArgs<T>&),
              void (*backward)(const CrossEntropyGradArgs<T>&), const Case& k) {
  const std::vector<T> logits(k.logits.begin(), k.logits.end());
  Result<T> out;
  out.loss.resize(static_cast<size_t>(k.rows));
  out.stats.resize(static_cast<size_t>(2 * k.rows));
  out.grad.assign(logits.size(), -7);
  CrossEntropyArgs<T> args{.rows = k.rows,
                           .classes = k.classes,
                           .logits = logits.data(),
                           .logits_stride = k.stride,
                           .target = k.target.data(),
                           .label_smoothing = static_cast<T>(k.smoothing),
                           .loss = out.loss.data(),
                           .stats = out.stats.data()};
  if (!backward) {  // both in one pass
    args.dlogits = out.grad.data();
    args.dlogits_stride = k.stride;
    args.scale = T(0.5);
  }
  forward(args);
  if (backward)
    backward({.rows = k.rows,
              .classes = k.classes,
              .logits = logits.data(),
              .logits_stride = k.stride,
              .stats = out.stats.data(),
              .target = k.target.data(),
              .label_smoothing = static_cast<T>(k.smoothing),
              .scale = T(0.5),
              .dlogits = out.grad.data(),
              .dlogits_stride = k.stride});
  return out;
}

void expect_matches(const Result<float>& got, const Result<double>& want, double scale) {
  expect_near(got.loss, want.loss, 3e-6, 2e-6, "loss");
  expect_near(got.stats, want.stats, 3e-6, 0, "stats");
  // A difference x - max carries the rounding of the subtraction: scale * 2^-24.
  expect_near(got.grad, want.grad, 3e-6 + scale * 1e-7, 1e-7, "gradient");
}

TEST(CrossEntropy, MatchesTheReference) {
  for (int64_t classes : {1, 2, 10, 16, 63, 64, 65, 100, 255, 257, 1000})
    for (double smoothing : {0.0, 0.1})
      for (double scale : {3.0, 30.0, 1e4}) {
        const Case k(23, classes, scale, smoothing, static_cast<uint64_t>(classes));
        const Result<double> want = reference(k);
        expect_matches(run<float>(loops::cross_entropy, loops::cross_entropy_grad, k), want, scale);
        expect_matches(run<float>(simd::cross_entropy, simd::cross_entropy_grad, k), want, scale);
        expect_matches(run<float>(loops::cross_entropy, nullptr, k), want, scale);
        expect_matches(run<float>(simd::cross_entropy, nullptr, k), want, scale);
      }
}

TEST(CrossEntropy, GradientInTheSamePassHasTheSameBits) {
  for (int64_t classes : {10, 65, 300}) {
    const Case k(50, classes, 5, 0.1, 2);
    EXPECT_EQ(run<float>(simd::cross_entropy, nullptr, k).grad,
              run<float>(simd::cross_entropy, simd::cross_entropy_grad, k).grad);
  }
}

TEST(CrossEntropy, MaskedClassesHaveNoShare) {
  for (int64_t classes : {10, 100}) {
    Case k(20, classes, 4, 0, 3);
    for (int64_t r = 0; r < k.rows; ++r)
      for (int64_t c = 0; c < classes; ++c)
        if (c % 3 == 0 && c != k.target[static_cast<size_t>(r)])
          k.logits[static_cast<size_t>(r * k.stride + c)] = -INFINITY;
    expect_matches(run<float>(loops::cross_entropy, loops::cross_entropy_grad, k), reference(k), 1);
    expect_matches(run<float>(simd::cross_entropy, simd::cross_entropy_grad, k), reference(k), 1);
    expect_matches(run<float>(simd::cross_entropy, nullptr, k), reference(k), 1);
  }
}

// The loss of a class that is impossible is infinite, and nothing turns into NaN.
TEST(CrossEntropy, ImpossibleTarget) {
  Case k(4, 12, 4, 0, 3);
  k.logits[static_cast<size_t>(k.stride + k.target[1])] = -INFINITY;
  for (const Result<float>& got : {run<float>(loops::cross_entropy, loops::cross_entropy_grad, k),
                                   run<float>(simd::cross_entropy, simd::cross_entropy_grad, k)}) {
    EXPECT_EQ(got.loss[1], std::numeric_limits<float>::infinity());
    EXPECT_FLOAT_EQ(got.grad[static_cast<size_t>(k.stride + k.target[1])], -0.5f);
  }
}

TEST(CrossEntropy, RowScaleAndInPlaceGradient) {
  const Case k(30, 77, 5, 0.2, 3);
  const Result<double> want = reference(k);
  for (auto* backward : {loops::cross_entropy_grad<float>, simd::cross_entropy_grad}) {
    std::vector<float> logits(k.logits.begin(), k.logits.end()), row_scale;
    const std::vector<float> stats(want.stats.begin(), want.stats.end());
    for (int64_t r = 0; r < k.rows; ++r) row_scale.push_back(static_cast<float>(r % 4));
    backward({.rows = k.rows,
              .classes = k.classes,
              .logits = logits.data(),
              .logits_stride = k.stride,
              .stats = stats.data(),
              .target = k.target.data(),
              .label_smoothing = 0.2f,
              .scale = 2,
              .row_scale = row_scale.data(),
              .dlogits = logits.data(),
              .dlogits_stride = k.stride});
    for (int64_t r = 0; r < k.rows; ++r)
      for (int64_t c = 0; c < k.classes; ++c) {
        const size_t at = static_cast<size_t>(r * k.stride + c);
        ASSERT_NEAR(logits[at], want.grad[at] * 4 * static_cast<double>(r % 4), 1e-5);
      }
  }
}

TEST(CrossEntropy, NumericalGradient) {
  for (double smoothing : {0.0, 0.3}) {
    const Case k(6, 7, 3, smoothing, 3);  // stride = classes
    const Result<double> got = run<double>(cross_entropy, cross_entropy_grad, k);
    const auto loss = [&](const double* at) {
      Case moved = k;
      moved.logits.assign(at, at + k.logits.size());
      double sum = 0;
      for (double each : run<double>(cross_entropy, nullptr, moved).loss) sum += 0.5 * each;
      return sum;
    };
    expect_near(got.grad, numerical_gradient(k.logits, loss), 1e-7, 1e-9, "numerical gradient");
  }
}

TEST(CrossEntropy, SameBitsForThreadsAndInstructionSets) {
  for (int64_t classes : {10, 65, 300, 2000})
    for (double smoothing : {0.0, 0.1})
      for (auto* backward :
           {simd::cross_entropy_grad, (decltype(&simd::cross_entropy_grad))nullptr}) {
        const Case k(120000 / (classes + 60), classes, 5, smoothing, 4);
        expect_same_bits([&] {
          Result<float> got = run<float>(simd::cross_entropy, backward, k);
          append(got.loss, got.stats);
          append(got.loss, got.grad);
          return got.loss;
        });
      }
}

// Outputs beyond kStreamElements are written past the caches, at any alignment of the rows.
// Rows shorter than a vector, and so many that they are written past the caches: no row may touch
// its neighbours.
TEST(CrossEntropy, LargeOutputOfShortRows) {
  const int64_t classes = 3, rows = (kStreamElements + 100000) / classes;
  std::vector<float> logits(static_cast<size_t>(rows * classes)), loss(rows), stats(2 * rows);
  std::vector<float> grad(logits.size() + 64, -7);
  std::vector<int64_t> target(rows);
  for (int64_t r = 0; r < rows; ++r) {
    target[static_cast<size_t>(r)] = r % 3;
    for (int64_t c = 0; c < classes; ++c)
      logits[static_cast<size_t>(r * classes + c)] = static_cast<float>((r + 2 * c) % 5);
  }
  CrossEntropyArgs<float> args{.rows = rows,
                               .classes = classes,
                               .logits = logits.data(),
                               .logits_stride = classes,
                               .target = target.data(),
                               .loss = loss.data(),
                               .stats = stats.data(),
                               .dlogits = grad.data() + 1,
                               .dlogits_stride = classes};
  simd::cross_entropy(args);
  EXPECT_EQ(grad[0], -7);
  for (size_t i = 1 + logits.size(); i < grad.size(); ++i) EXPECT_EQ(grad[i], -7) << i;
  std::vector<float> few(static_cast<size_t>(15 * classes));  // the pattern repeats every 15 rows
  args.rows = 15, args.dlogits = few.data();
  simd::cross_entropy(args);
  int64_t wrong = 0;
  for (size_t i = 0; i < logits.size(); ++i) wrong += grad[1 + i] != few[i % few.size()];
  EXPECT_EQ(wrong, 0);
}

TEST(CrossEntropy, LargeOutput) {
  const int64_t classes = 50257, rows = 340;
  std::vector<float> logits(static_cast<size_t>(rows * classes), 0.f);
  std::vector<float> grad(logits.size(), -7), loss(rows), stats(2 * rows), row(2 * classes);
  std::vector<int64_t> target(rows);
  TestRandom random(8);
  for (float& x : row) x = static_cast<float>(random.uniform());
  for (int64_t r = 0; r < rows; ++r) {  // every row is a shifted window of the same numbers
    target[static_cast<size_t>(r)] = random.range(0, classes - 1);
    std::memcpy(logits.data() + r * classes, row.data() + 7 * r, classes * sizeof(float));
  }
  CrossEntropyArgs<float> args{.rows = rows,
                               .classes = classes,
                               .logits = logits.data(),
                               .logits_stride = classes,
                               .target = target.data(),
                               .loss = loss.data(),
                               .stats = stats.data(),
                               .dlogits = grad.data(),
                               .dlogits_stride = classes};
  simd::cross_entropy(args);
  std::vector<float> again(static_cast<size_t>(classes));
  for (int64_t r : {0, 1, 2, 170, 339}) {  // one row alone is small: written through the caches
    CrossEntropyArgs<float> one = args;
    one.rows = 1;
    one.logits += r * classes;
    one.target += r;
    one.dlogits = again.data();
    simd::cross_entropy(one);
    EXPECT_EQ(std::memcmp(again.data(), grad.data() + r * classes, classes * sizeof(float)), 0);
  }
}

TEST(CrossEntropy, ChecksTargets) {
  const int64_t target[] = {0, 9, -100, 4, 10, -1};
  TargetCheck check = check_targets(target, 6, 10, -100);
  EXPECT_EQ(check.first_bad, 4);
  check = check_targets(target, 4, 10, -100);
  EXPECT_EQ(check.first_bad, -1);
  EXPECT_EQ(check.counted, 3);
  EXPECT_EQ(check_targets(target, 4, 10, 4).first_bad, 2);
}

}  // namespace
}  // namespace tinytorch::kernels
