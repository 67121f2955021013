// Task 4.6: the check must find what is wrong, and only that.
#include <cmath>
#include <limits>

#include "modules/autograd/tests/helpers.h"

namespace tinytorch::check {

namespace {

using Inputs = const std::vector<Tensor>&;

// x^2 with a gradient that is wrong by a factor at one element.
Tensor square_wrong_at(const Tensor& x, int64_t at, double factor) {
  Tensor y;
  {
    const NoGrad no_grad;
    y = x * x;
  }
  if (!grad_enabled()) return y;
  set_gradient("square", y, {&x}, [x, at, factor](GradContext& c) {
    Tensor g = (x * c.grad() * 2).contiguous();
    g.data<double>()[at] *= factor;
    c.set(0, g);
  });
  return y;
}

}  // namespace

TASK_TEST(grad_check, passes_right_gradients) {
  const Tensor x = data({2, 3}, 1).set_requires_grad(), w = data({3, 2}, 2).set_requires_grad();
  const GradCheck r =
      grad_check([](Inputs in) { return matmul(in[0], in[1]).exp(); }, {x, w}, 1e-5, 1e-6);
  that(r.ok, "grad_check of exp(x w) found fault: " + r.message,
       "the difference is not the derivative: (f(x + step) - f(x - step)) / (2 step)");
  that(r.worst > 0 && r.worst < 1e-7,
       "grad_check of exp(x w) reports " + std::to_string(r.worst) + " as its worst error",
       "worst must be the largest error that was seen");
}

TASK_TEST(grad_check, is_central) {
  const Tensor x = data({5}, 3).set_requires_grad();
  const GradCheck r = grad_check([](Inputs in) { return in[0] * in[0] * in[0]; }, {x}, 1e-4, 1e-6);
  that(r.ok, "grad_check of x^3 with steps of 1e-4 found fault: " + r.message,
       "a one-sided difference is off by step/2 times the second derivative; the central one by "
       "step^2");
}

TASK_TEST(grad_check, looks_at_every_element) {
  const Tensor x = data({4}, 4).set_requires_grad(), z = data({2, 3}, 5).set_requires_grad();
  const auto fn = [](Inputs in) { return in[0].sum() + square_wrong_at(in[1], 4, 1.01).sum(); };
  const GradCheck r = grad_check(fn, {x, z});
  that(!r.ok, "a gradient that is wrong by 1 % at [1, 1] of input 1 passed",
       "not every element of every input is compared");
  that(r.message.find("input 1 at 1, 1:") != std::string::npos,
       "the message names another element than [1, 1] of input 1: " + r.message,
       "the message belongs to the first wrong element, by input and index");
  that(std::abs(r.worst) > 1e-3, "worst is " + std::to_string(r.worst) + " for an error of 1 %",
       "worst must be the largest error that was seen");
}

TASK_TEST(grad_check, finds_a_nan) {
  const Tensor x = data({3}, 6).set_requires_grad();
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const GradCheck r = grad_check([&](Inputs in) { return square_wrong_at(in[0], 1, nan); }, {x});
  that(!r.ok, "a gradient of NaN passed",
       "error > tolerance is false for NaN: ask !(error <= tolerance)");
}

TASK_TEST(grad_check, walks_strided_inputs) {
  const Tensor whole = data({4, 5}, 7);
  const Tensor x = whole.t().narrow(0, 1, 3).set_requires_grad();
  const Tensor factors = data({3, 4}, 8);
  const GradCheck r = grad_check([&](Inputs in) { return in[0] * in[0] * factors; }, {x});
  that(r.ok, "grad_check of a transposed and narrowed input found fault: " + r.message,
       "element i of the input is not element i of its memory: strides and offset count "
       "(offset_of)");
}

TASK_TEST(grad_check, leaves_the_input_bit_for_bit) {
  const Tensor x = data({7}, 9).set_requires_grad();
  const std::vector<double> before = list(x);
  grad_check([](Inputs in) { return in[0].exp(); }, {x}, 1e-5);
  that(list(x) == before, "grad_check changed its input",
       "x + step - 2 step + step is not x when rounded: keep the old value and store it back");
}

TASK_TEST(grad_check, of_an_input_that_is_not_used) {
  const Tensor x = data({2}, 10).set_requires_grad(), z = data({2}, 11).set_requires_grad();
  const GradCheck r = grad_check([](Inputs in) { return in[0].exp(); }, {x, z});
  that(r.ok, "an input that the function does not use failed: " + r.message,
       "an undefined gradient stands for zeros");
}

}  // namespace tinytorch::check
