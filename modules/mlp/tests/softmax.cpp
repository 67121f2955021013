// Tasks 2.4 and 2.5, against sums in double precision.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "modules/harness/check.h"
#include "tinytorch/kernels/cross_entropy.h"
#include "tinytorch/kernels/softmax.h"

namespace tinytorch::check {

namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
const char* const kOneRow = "3. A softmax row sums to 1 and does not change when x is shifted";

double largest(const std::vector<double>& x) {
  double max = -kInf;
  for (const double v : x) max = std::max(max, v);
  return max;
}

// exp(x[c] - shift) / sum over k in [first, last) of exp(x[k] - shift)
std::vector<double> probabilities(const std::vector<double>& x, double shift, size_t first,
                                  size_t last) {
  double sum = 0;
  for (size_t c = first; c < last; ++c) sum += std::exp(x[c] - shift);
  std::vector<double> out;
  for (const double v : x) out.push_back(std::exp(v - shift) / sum);
  return out;
}

// What exp() in float does to the quotient when the exponents are x[c] - shift.
std::vector<double> overflowing(const std::vector<double>& x, double shift) {
  float sum = 0;
  for (const double v : x) sum += std::exp(static_cast<float>(v - shift));
  std::vector<double> out;
  for (const double v : x)
    out.push_back(static_cast<double>(std::exp(static_cast<float>(v - shift)) / sum));
  return out;
}

std::vector<double> softmax_of(const std::vector<float>& x) {
  std::vector<float> y(x.size(), -1.0F);
  const auto n = static_cast<int64_t>(x.size());
  kernels::loops::softmax(kernels::SoftmaxArgs<float>{1, n, x.data(), n, y.data(), n});
  return doubles(y);
}

void check_row(const std::string& name, const std::vector<float>& x) {
  const std::vector<double> wide = doubles(x);
  const size_t n = x.size();
  const double max = largest(wide);
  Values v{.what = "softmax of " + name,
           .got = softmax_of(x),
           .expected = probabilities(wide, max, 0, n),
           .tolerance = 1e-6,
           .invariant = kOneRow,
           .mistakes = {}};
  const auto add = [&](const std::vector<double>& given, const char* cause) {
    v.mistakes.push_back({given, cause});
  };
  std::vector<double> powers, running;
  double sum = 0;
  for (const double value : wide) {
    powers.push_back(std::exp(value - max));
    sum += powers.back();
    running.push_back(powers.back() / sum);
  }
  add(std::vector<double>(n, 0.0), "every probability is 0");
  add(std::vector<double>(n, -1.0), "y is as it was: nothing is written");
  add(wide, "y is x: nothing is computed");
  add(powers, "the exponentials are not divided by their sum");
  add(running, "each is divided by the sum so far: the division must wait for the whole sum");
  if (n > 1) {
    add(probabilities(wide, max, 0, n - 1), "the last element is missing in the sum");
    add(probabilities(wide, max, 1, n), "the first element is missing in the sum");
  }
  add(std::vector<double>(n, 1 / static_cast<double>(n)), "all classes get the same");
  add(overflowing(wide, std::max(max, 0.0)),
      "the maximum starts at 0, not at the first element: in a row of negative numbers every "
      "exponential underflows");
  add(overflowing(wide, 0),
      "exp(x) overflows or underflows: subtract the row's maximum first, which changes nothing in "
      "the quotient");
  values(v);
}

}  // namespace

TASK_TEST(softmax, of_ordinary_rows) {
  check_row("[1, 2, 3]", {1, 2, 3});
  check_row("one element", {-2.5F});
  check_row("17 numbers", numbers(17, 4));
}

TASK_TEST(softmax, of_huge_and_tiny_logits) {
  check_row("[1000, 1001, 999]", {1000, 1001, 999});
  check_row("[-1000, -1001, -999]", {-1000, -1001, -999});
  check_row("[-3e38, 0, 3e38]", {-3e38F, 0, 3e38F});
}

TASK_TEST(softmax, of_minus_infinity_is_zero) {
  check_row("[-inf, 0, 1]", {-std::numeric_limits<float>::infinity(), 0, 1});
}

TASK_TEST(softmax, keeps_a_nan) {
  values({.what = "softmax of [NaN, 0]",
          .got = softmax_of({std::numeric_limits<float>::quiet_NaN(), 0}),
          .expected = {kNaN, kNaN},
          .invariant = "a NaN in a row makes the whole row NaN: it is never hidden"});
}

TASK_TEST(softmax, of_rows_far_apart) {
  const std::vector<float> x = numbers(3 * 7, 9);
  std::vector<float> y(3 * 6, 7.0F);
  kernels::loops::softmax(kernels::SoftmaxArgs<float>{3, 5, x.data(), 7, y.data(), 6});
  for (size_t row = 0; row < 3; ++row) {
    const std::vector<double> wide = doubles(std::vector<float>(
        x.begin() + static_cast<int64_t>(row * 7), x.begin() + static_cast<int64_t>(row * 7 + 5)));
    std::vector<double> expected = probabilities(wide, largest(wide), 0, 5);
    expected.push_back(7);
    const auto start = y.begin() + static_cast<int64_t>(row * 6);
    values({.what = "row " + std::to_string(row) + " and the element behind it",
            .got = doubles(std::vector<float>(start, start + 6)),
            .expected = expected,
            .tolerance = 1e-6,
            .invariant = kOneRow});
  }
}

TASK_TEST(softmax, in_place) {
  std::vector<float> x = {0.5F, -1, 2, 0};
  const std::vector<double> wide = doubles(x);
  kernels::loops::softmax(kernels::SoftmaxArgs<float>{1, 4, x.data(), 4, x.data(), 4});
  std::vector<double> twice, powers;  // what a third pass over x sees when y is x
  double sum = 0;
  for (const double v : wide) powers.push_back(std::exp(v - 2)), sum += powers.back();
  for (const double p : powers) twice.push_back(std::exp(p - 2) / sum);
  values({.what = "softmax of [0.5, -1, 2, 0] into its own memory",
          .got = doubles(x),
          .expected = probabilities(wide, 2, 0, 4),
          .tolerance = 1e-6,
          .invariant = kOneRow,
          .mistakes = {{twice, "x is read again after y was written, but y may be x"}}});
}

// ---- 2.5

namespace {

struct Row {
  std::string name;
  std::vector<float> x;
  int64_t target;
  double smoothing = 0;
};

struct Result {
  double loss, max, sum;
};

Result run(const Row& row) {
  float loss = -1, stats[2] = {-1, -1};
  kernels::CrossEntropyArgs<float> args;
  args.rows = 1, args.classes = static_cast<int64_t>(row.x.size());
  args.logits = row.x.data(), args.logits_stride = args.classes;
  args.target = &row.target;
  args.label_smoothing = static_cast<float>(row.smoothing);
  args.loss = &loss, args.stats = stats;
  kernels::loops::cross_entropy(args);
  return {static_cast<double>(loss), static_cast<double>(stats[0]), static_cast<double>(stats[1])};
}

struct Loss {
  std::vector<double> x;
  double max, sum;
  explicit Loss(const Row& row) : x(doubles(row.x)), max(largest(x)), sum(0) {
    for (const double v : x) sum += std::exp(v - max);
  }
  double of(size_t c) const { return std::log(sum) - (x[c] - max); }
  double mean(double divisor) const {
    double total = 0;
    for (size_t c = 0; c < x.size(); ++c) total += of(c);
    return total / divisor;
  }
};

void check_loss(const Row& row) {
  const Loss exact(row);
  const auto t = static_cast<size_t>(row.target);
  const double e = row.smoothing, n = static_cast<double>(row.x.size());
  const double expected = (1 - e) * exact.of(t) + (e > 0 ? e * exact.mean(n) : 0);
  float plain_sum = 0;
  for (const float x : row.x) plain_sum += std::exp(x);
  const float p = std::exp(row.x[t]) / plain_sum;
  const float safe_p =
      std::exp(row.x[t] - static_cast<float>(exact.max)) / static_cast<float>(exact.sum);
  const bool impossible = std::count(row.x.begin(), row.x.end(), static_cast<float>(-kInf)) > 0;
  Values v{.what = "the loss of " + row.name,
           .got = {run(row).loss},
           .expected = {expected},
           .tolerance = 1e-5,
           .invariant =
               impossible
                   ? "the loss of the target is that of a row without its impossible classes"
                   : "4. A loss is finite whenever its logits are: no logarithm of a probability",
           .mistakes = {}};
  const auto add = [&](double given, const char* cause) { v.mistakes.push_back({{given}, cause}); };
  if (impossible && e == 0)
    add(kNaN, "0 times infinity: with smoothing 0 its term is to be left out, not multiplied by 0");
  add(-1, "nothing is written");
  add(0, "the loss is 0");
  add(-exact.of(t), "the sign is wrong: the loss is minus the logarithm");
  if (e > 0) {
    add(exact.of(t), "label smoothing is left out");
    add((1 - e) * exact.of(t), "the part that smoothing gives to all classes is missing");
    add((1 - e) * exact.of(t) + e * exact.mean(1),
        "the smoothed part is not divided by the classes");
    add((1 - e) * exact.of(t) + e * exact.mean(n - 1),
        "smoothing shares among the other classes only; here every class gets e / classes");
    add(exact.of(t) + e * exact.mean(n), "the target keeps its full weight: it is 1 - e");
  }
  add(-std::log(static_cast<double>(safe_p)),
      "the logarithm of a probability that underflowed to 0: log(sum) - (x[t] - max) needs none");
  add(-std::log(static_cast<double>(p)),
      "exp(x) overflows or underflows without the maximum subtracted");
  add(std::log(exact.sum) - exact.x[t], "the maximum is missing: log(sum) belongs to x - max");
  if (row.x.size() > 1) add(exact.of((t + 1) % row.x.size()), "the wrong class: off by one");
  add(exact.of(t) / n, "the loss of one row is not divided by the classes");
  values(v);
}

}  // namespace

TASK_TEST(cross_entropy, of_ordinary_rows) {
  check_loss({"[1, 2, 3], target 2", {1, 2, 3}, 2});
  check_loss({"[1, 2, 3], target 0", {1, 2, 3}, 0});
  check_loss({"one class", {5}, 0});
  check_loss({"13 numbers, target 7", numbers(13, 8), 7});
}

TASK_TEST(cross_entropy, of_huge_logits) {
  check_loss({"[1000, 1001], target 1", {1000, 1001}, 1});
  check_loss({"[1000, 0], target 1", {1000, 0}, 1});
  check_loss({"[-1000, -1002], target 0", {-1000, -1002}, 0});
}

TASK_TEST(cross_entropy, with_label_smoothing) {
  check_loss({"[1, 2, 4], target 1, smoothing 0.3", {1, 2, 4}, 1, 0.3});
  check_loss({"[200, 0, -200], target 0, smoothing 0.1", {200, 0, -200}, 0, 0.1});
}

TASK_TEST(cross_entropy, gives_maximum_and_sum) {
  for (const Row& row : {Row{"[3, -1, 2]", {3, -1, 2}, 1}, Row{"[-5, -7]", {-5, -7}, 0, 0.2}}) {
    const Loss exact(row);
    const Result got = run(row);
    const std::vector<double> logs = {exact.max, std::log(exact.sum)};
    values({.what = "maximum and sum of " + row.name,
            .got = {got.max, got.sum},
            .expected = {exact.max, exact.sum},
            .tolerance = 1e-6,
            .invariant = "the gradient needs each row's maximum and sum of exp(x - maximum)",
            .mistakes = {{{-1, -1}, "*max_out and *sum_out are not set"},
                         {logs, "*sum_out is the sum itself, not its logarithm"},
                         {{0, exact.sum * std::exp(exact.max)},
                          "the maximum is 0 and the sum that of exp(x)"}}});
  }
}

TASK_TEST(cross_entropy, of_an_impossible_class_elsewhere) {
  check_loss({"[-inf, 0, 1], target 2", {-std::numeric_limits<float>::infinity(), 0, 1}, 2});
}

}  // namespace tinytorch::check
