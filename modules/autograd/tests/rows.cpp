// Task 4.9.
#include <cmath>
#include <limits>

#include "modules/autograd/tests/helpers.h"
#include "tinytorch/kernels/cross_entropy.h"
#include "tinytorch/kernels/pointwise.h"

namespace tinytorch::check {

TASK_TEST(relu_grad, passes_where_relu_did) {
  const Tensor x = leaf({-2, -0.5, 0, 0.5, 2, 3}, {}, DType::kF64);
  relu(x).backward(Tensor::of({10, 20, 30, 40, 50, 60}, {}, DType::kF64));
  values(
      {.what = "the gradient of relu at -2, -0.5, 0, 0.5, 2, 3",
       .got = gradient(x),
       .expected = {0, 0, 0, 40, 50, 60},
       .mistakes = {{{10, 20, 30, 40, 50, 60},
                     "the gradient passed everywhere: y is never below 0; where relu cut, y is 0"},
                    {{0, 0, 0, 20, 100, 180},
                     "the gradient was multiplied by y, which relu's "
                     "is not"},
                    {{0, 0, 0, 0.5, 2, 3}, "the output was passed on instead of the gradient"},
                    {{0, 0, 0, 1, 1, 1}, "the incoming gradient is missing: chain rule"},
                    {{0, 0, 0, 0, 0, 0}, "all gradients are zero"}}});
}

TASK_TEST(relu_grad, of_strided_operands) {
  std::vector<double> g = {1, -1, 2, -1, 3, -1}, y = {0, 1, 1}, dx(9, 7);
  char* const operands[] = {reinterpret_cast<char*>(dx.data()), reinterpret_cast<char*>(g.data()),
                            reinterpret_cast<char*>(y.data())};
  const int64_t steps[] = {24, 16, 8};
  kernels::loops::relu_grad_row<double>(operands, steps, 3, nullptr);
  values({.what = "relu_grad_row with steps of 24, 16 and 8 bytes",
          .got = dx,
          .expected = {0, 7, 7, 2, 7, 7, 3, 7, 7},
          .mistakes = {{{0, -1, 2, 7, 7, 7, 7, 7, 7},
                        "the steps were ignored: element i of "
                        "operand j lies at data[j] + i step[j]"}}});
  const Tensor x = leaf({-1, 2, 3, -4}, {}, DType::kF64);
  relu(x).sum().backward();  // an expanded gradient: a step of 0
  values({.what = "the gradient of sum(relu(x)) at -1, 2, 3, -4",
          .got = gradient(x),
          .expected = {0, 1, 1, 0}});
}

TASK_TEST(relu_grad, in_place) {
  std::vector<float> g = {1, 2, 3}, y = {0, 1, 0};
  char* const operands[] = {reinterpret_cast<char*>(g.data()), reinterpret_cast<char*>(g.data()),
                            reinterpret_cast<char*>(y.data())};
  const int64_t steps[] = {4, 4, 4};
  kernels::loops::relu_grad_row<float>(operands, steps, 3, nullptr);
  values({.what = "relu_grad_row with dx in the memory of g",
          .got = doubles(g),
          .expected = {0, 2, 0}});
}

namespace {

struct Loss {
  int64_t rows, classes;
  std::vector<double> x;
  std::vector<int64_t> target;
  double smoothing;
};

// The gradient of scale * loss; `wrong` names a plausible mistake.
std::vector<double> expected_gradient(const Loss& l, double scale, const std::string& wrong = "") {
  std::vector<double> out;
  for (int64_t r = 0; r < l.rows; ++r) {
    const double* x = l.x.data() + r * l.classes;
    double max = x[0], sum = 0;
    for (int64_t c = 1; c < l.classes; ++c) max = std::fmax(max, x[c]);
    for (int64_t c = 0; c < l.classes; ++c) sum += std::exp(x[c] - max);
    for (int64_t c = 0; c < l.classes; ++c) {
      const double p = std::exp(x[c] - max) / sum;
      const double e = wrong == "no smoothing" ? 0 : l.smoothing;
      const double q =
          e / static_cast<double>(l.classes) + (c == l.target[static_cast<size_t>(r)] ? 1 - e : 0);
      double d = p - q;
      if (wrong == "no target") d = p;
      if (wrong == "turned") d = q - p;
      if (wrong == "target only") d = c == l.target[static_cast<size_t>(r)] ? p - q : 0;
      if (wrong == "not normalised") d = p * sum - q;
      out.push_back((wrong == "no scale" ? 1 : scale) * d);
    }
  }
  return out;
}

void check_loss(const Loss& l) {
  const Tensor logits = from_vector(l.x, {l.rows, l.classes}).set_requires_grad();
  const Tensor target = from_vector(l.target, {l.rows});
  const double scale = 3;
  (cross_entropy(logits, target, Reduction::kSum, -100, l.smoothing) * scale).backward();
  const auto wrong = [&](const char* which) { return expected_gradient(l, scale, which); };
  values({.what = "the gradient of 3 times the summed loss of " + std::to_string(l.rows) +
                  " rows of " + std::to_string(l.classes) + " classes, smoothing " +
                  std::to_string(l.smoothing),
          .got = gradient(logits),
          .expected = expected_gradient(l, scale),
          .shape = logits.shape(),
          .tolerance = 1e-12,
          .mistakes = {{wrong("no target"), "the target's share is missing: p[target] - 1"},
                       {wrong("no scale"), "the gradient of the loss, g, is not multiplied in"},
                       {wrong("turned"), "the sign is turned: the gradient is p - target"},
                       {wrong("target only"),
                        "only the target's logit got a gradient; the sum in the "
                        "softmax ties all of them together"},
                       {wrong("not normalised"), "exp(x - max) was not divided by the sum"},
                       {wrong("no smoothing"), "the label smoothing is left out"}}});
}

}  // namespace

TASK_TEST(cross_entropy_grad, of_random_rows) {
  const std::vector<float> x = numbers(21, 1);
  check_loss({3, 7, {x.begin(), x.end()}, {6, 0, 3}, 0});
  check_loss({1, 1, {5}, {0}, 0});
}

TASK_TEST(cross_entropy_grad, with_smoothing) {
  const std::vector<float> x = numbers(10, 2);
  check_loss({2, 5, {x.begin(), x.end()}, {4, 1}, 0.1});
}

TASK_TEST(cross_entropy_grad, of_large_logits) {
  const Tensor logits = leaf({1000, 990, -1000}, Shape{1, 3}, DType::kF64);
  cross_entropy(logits, Tensor::of({1}, {}, DType::kI64)).backward();
  for (const double g : gradient(logits))
    that(std::isfinite(g), "the gradient for logits of 1000 is not finite",
         "exp(x) overflows for large logits: exp(x - max), the maximum that the forward kept");
  const double p = std::exp(-10.0);
  values({.what = "the gradient of the loss of logits 1000, 990, -1000 for class 1",
          .got = gradient(logits),
          .expected = {1 / (1 + p), p / (1 + p) - 1, 0},
          .tolerance = 1e-12});
}

TASK_TEST(cross_entropy_grad, in_place) {
  std::vector<double> x = {1, 2, 3}, out(3, 0);
  const std::vector<int64_t> target = {2};
  const std::vector<double> stats = {3, std::exp(-2.0) + std::exp(-1.0) + 1};
  kernels::CrossEntropyGradArgs<double> args;
  args.rows = 1, args.classes = 3;
  args.logits = x.data(), args.logits_stride = 3;
  args.stats = stats.data(), args.target = target.data();
  args.dlogits = out.data(), args.dlogits_stride = 3;
  kernels::loops::cross_entropy_grad(args);
  args.dlogits = x.data();
  kernels::loops::cross_entropy_grad(args);
  values({.what = "the gradient written over the logits, against the one written elsewhere",
          .got = x,
          .expected = out,
          .mistakes = {{x == out ? std::vector<double>{} : x,
                        "the logits were overwritten before they were read: dx may be x"}}});
}

}  // namespace tinytorch::check
