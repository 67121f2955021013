// Task 4.3, with derivatives worked out by hand.
#include "modules/harness/check.h"
#include "tinytorch/core/autograd.h"

namespace tinytorch::check {

namespace {

Tensor leaf(std::initializer_list<double> numbers) {
  return Tensor::of(numbers).set_requires_grad();
}

std::vector<double> gradient(const Tensor& x) {
  return x.grad().defined() ? doubles(to_vector<float>(x.grad())) : std::vector<double>{};
}

const char* const kSum = "a value used twice gets the sum of both gradients";
const char* const kShared =
    "a gradient was added in place though another slot holds the same memory";

}  // namespace

TASK_TEST(accumulate, adds_the_gradients_of_all_uses) {
  const Tensor x = leaf({1, 2, 3});
  const Tensor h = x * 2;
  (h * 3 + h * 5).backward(ones({3}));
  const char* const lost =
      "one of the two gradients is lost: a later one must be added, not "
      "replace or be dropped";
  values({.what = "the gradient of x in h = 2x, y = 3h + 5h",
          .got = gradient(x),
          .expected = {16, 16, 16},
          .invariant = kSum,
          .mistakes = {{{6, 6, 6}, lost}, {{10, 10, 10}, lost}}});
}

// a + b hands one tensor to both, before the gradient of 10b is added at b; a's is used after that.
TASK_TEST(accumulate, leaves_shared_memory_alone) {
  const Tensor x = leaf({1, 2}), w = leaf({3, 4});
  const Tensor a = x * 2, b = w * 3;
  ((a * 7 + b * 10) + (a + b)).backward(ones({2}));
  const std::string what = " in a = 2x, b = 3w, y = (7a + 10b) + (a + b)";
  values({.what = "the gradient of x" + what,
          .got = gradient(x),
          .expected = {16, 16},
          .invariant = "a gradient that went to two places is changed in neither",
          .mistakes = {{{176, 176}, kShared}}});
  values({.what = "the gradient of w" + what,
          .got = gradient(w),
          .expected = {33, 33},
          .invariant = kSum});
}

TASK_TEST(accumulate, leaves_the_given_gradient_alone) {
  const Tensor x = leaf({1, 2});
  const Tensor h = x * 1, g = ones({2});
  (h + h).backward(g);
  values(
      {.what = "the gradient given to backward(), afterwards",
       .got = doubles(to_vector<float>(g)),
       .expected = {1, 1},
       .invariant = "a gradient that went to two places is changed in neither",
       .mistakes = {
           {{2, 2}, "a gradient was added in place though another slot holds the same memory"}}});
  values({.what = "the gradient of x in h = x, y = h + h",
          .got = gradient(x),
          .expected = {2, 2},
          .invariant = kSum});
}

}  // namespace tinytorch::check
