// Task 4.3, with derivatives worked out by hand.
#include "modules/autograd/tests/helpers.h"

namespace tinytorch::check {

TASK_TEST(accumulate, adds_the_gradients_of_all_uses) {
  const Tensor x = leaf({1, 2, 3});
  const Tensor h = x * 2;
  (h * 3 + h * 5).backward(ones({3}));
  const std::string lost = "one of the two gradients is lost: ";
  values({.what = "the gradient of x in h = 2x, y = 3h + 5h",
          .got = gradient(x),
          .expected = {16, 16, 16},
          .invariant = kSum,
          .mistakes = {{{6, 6, 6}, lost + "what arrives later replaces what was there"},
                       {{10, 10, 10}, lost + "what arrives later is dropped"}}});
}

// a + b hands one tensor to both, before the gradient of 10b is added at b; a's is used after that.
TASK_TEST(accumulate, leaves_shared_memory_alone) {
  const Tensor x = leaf({1, 2}), w = leaf({3, 4});
  const Tensor a = x * 2, b = w * 3;
  ((a * 7 + b * 10) + (a + b)).backward(ones({2}));
  const std::string what = " in a = 2x, b = 3w, y = (7a + 10b) + (a + b)";
  values(
      {.what = "the gradient of x" + what,
       .got = gradient(x),
       .expected = {16, 16},
       .invariant = kShared,
       .mistakes = {
           {{176, 176}, "a gradient was added in place though another slot holds the same memory"},
           {{36, 36}, "a gradient was added in place though another slot holds the same memory"},
           {{24, 24},
            "a gradient was added in place though another slot holds the same "
            "memory"}}});
  values({.what = "the gradient of w" + what,
          .got = gradient(w),
          .expected = {33, 33},
          .invariant = kSum});
}

// view() sends on another tensor over the same memory.
TASK_TEST(accumulate, sees_views_of_the_same_memory) {
  const Tensor x = leaf({1, 2}), w = leaf({3, 4});
  const Tensor a = x * 2, b = w * 3;
  ((a * 7 + b * 10) + (a + b.view({2}))).backward(ones({2}));
  const std::string what = " in a = 2x, b = 3w, y = (7a + 10b) + (a + b.view({2}))";
  values({.what = "the gradient of x" + what,
          .got = gradient(x),
          .expected = {16, 16},
          .invariant = kShared,
          .mistakes = {{{176, 176},
                        "a view of it is another handle on the same memory: ask "
                        "storage().use_count(), too"}}});
  values({.what = "the gradient of w" + what,
          .got = gradient(w),
          .expected = {33, 33},
          .invariant = kSum});
}

TASK_TEST(accumulate, leaves_the_given_gradient_alone) {
  const Tensor x = leaf({1, 2});
  const Tensor h = x * 1, g = ones({2});
  (h + h).backward(g);
  values({.what = "the gradient given to backward(), afterwards",
          .got = list(g),
          .expected = {1, 1},
          .invariant = kShared,
          .mistakes = {{{2, 2}, "the caller's own tensor was changed in place"}}});
  values({.what = "the gradient of x in h = x, y = h + h",
          .got = gradient(x),
          .expected = {2, 2},
          .invariant = kSum});
}

// sum() sends on an expanded tensor: every element of it is the same four bytes. (add_ refuses it.)
TASK_TEST(accumulate, adds_to_no_expanded_memory) {
  const Tensor x = leaf({1, 2, 3});
  const Tensor h = x * 1;
  (h.sum() + (h * Tensor::of({10, 20, 30})).sum()).backward();
  values({.what = "the gradient of x in y = sum(x) + sum([10, 20, 30] x)",
          .got = gradient(x),
          .expected = {11, 21, 31},
          .invariant = kSum});
  const Tensor z = leaf({1, 2, 3});
  const Tensor k = z * 1;
  ((k * Tensor::of({10, 20, 30})).sum() + k.sum()).backward();
  values({.what = "the gradient of z in y = sum([10, 20, 30] z) + sum(z)",
          .got = gradient(z),
          .expected = {11, 21, 31},
          .invariant = kSum});
}

namespace {

// Allocations of a backward through `length` steps, or through `uses` uses of one value.
int64_t of_chain(int length) {
  const Tensor x = leaf({1, 2, 3});
  Tensor y = x;
  for (int i = 0; i < length; ++i) y = y * 2;
  const Tensor g = ones({3});
  const int64_t before = memory_stats().allocations;
  y.backward(g);
  return memory_stats().allocations - before;
}
int64_t of_uses(int uses) {
  const Tensor x = leaf({1, 2, 3});
  const Tensor h = x * 2;
  Tensor y = h * 3;
  for (int i = 1; i < uses; ++i) y = y + h * 3;
  const Tensor g = ones({3});
  const int64_t before = memory_stats().allocations;
  y.backward(g);
  return memory_stats().allocations - before;
}

}  // namespace

TASK_TEST(accumulate, takes_the_first_over) {
  const int64_t each = (of_chain(42) - of_chain(2)) / 40;
  that(each <= 1,
       "a step of a backward through y = 2y allocates " + std::to_string(each) +
           " tensors, its own result and more",
       "the first gradient is copied; take it over: slot = std::move(g)");
}

TASK_TEST(accumulate, adds_in_place_where_it_may) {
  const int64_t each = (of_uses(42) - of_uses(2)) / 40;
  that(each <= 1,
       "each further use of a value allocates " + std::to_string(each) +
           " tensors in backward, its own gradient and more",
       "each sum is a new tensor, though nobody else sees the old one: slot.add_(g)");
}

// The second derivative: with create_graph the sum itself must be part of a graph.
TASK_TEST(accumulate, of_a_graph_of_gradients) {
  const Tensor x = leaf({2}, {}, DType::kF64);
  const Tensor h = x * 1;
  const Tensor y = h * h * h + h * h;
  const Tensor first = grad({y}, {x}, {ones({1}, DType::kF64)}, true, true)[0];
  const Tensor second = grad({first}, {x}, {ones({1}, DType::kF64)})[0];
  values(
      {.what = "the second derivative of x^3 + x^2 at 2", .got = list(second), .expected = {14}});
}

}  // namespace tinytorch::check
