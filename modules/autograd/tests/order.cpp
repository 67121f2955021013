// Task 4.2, through backward() and grad(): what a wrong order does to gradients worked out by hand.
#include <algorithm>
#include <chrono>
#include <cmath>

#include "modules/autograd/tests/helpers.h"

namespace tinytorch::check {

TASK_TEST(order, waits_for_the_long_way) {
  const Tensor x = leaf({1});
  const Tensor h = x * 2;
  (h * 3 + (h * 5) * 7).backward(ones({1}));
  values({.what = "the gradient of x in h = 2x, y = 3h + 7 (5h)",
          .got = gradient(x),
          .expected = {76},
          .invariant = kOnce,
          .mistakes = {{{6},
                        "h ran when the short way had reached it; what came by the long way "
                        "was lost"},
                       {{},
                        "x comes before the nodes that send to it: is the order turned "
                        "around?"}}});
}

TASK_TEST(order, waits_for_the_short_way) {
  const Tensor x = leaf({1});
  const Tensor h = x * 2;
  ((h * 5) * 7 + h * 3).backward(ones({1}));
  values({.what = "the gradient of x in h = 2x, y = 7 (5h) + 3h",
          .got = gradient(x),
          .expected = {76},
          .invariant = kOnce,
          .mistakes = {{{70},
                        "a node was listed when it was first met (pre-order): h ran before "
                        "the second way to it"}}});
}

TASK_TEST(order, of_several_roots) {
  const Tensor x = leaf({1}), w = leaf({1});
  const Tensor h = x * 2, y = h * 3, z = w * 7;
  const auto all = grad({h, y, z}, {x, w}, {ones({1}), ones({1}), ones({1})});
  std::vector<double> got = list(all[0]);
  for (const double g : list(all[1])) got.push_back(g);
  values({.what = "grad({h, y, z}, {x, w}) with h = 2x, y = 3h, z = 7w",
          .got = got,
          .expected = {8, 7},
          .invariant = kOnce,
          .mistakes = {{{2}, "only the first root was walked"},
                       {{}, "only the roots themselves were listed"},
                       {{2, 7}, "h was run as a root before y, which sends to it"}}});
}

TASK_TEST(order, is_found_anew_each_time) {
  const Tensor x = leaf({1});
  const Tensor y = x * 3;
  y.backward(ones({1}), true);
  y.backward(ones({1}));
  values({.what = "the gradient of x after two backwards of y = 3x",
          .got = gradient(x),
          .expected = {6},
          .mistakes = {{{3},
                        "the marks of the first walk kept the second one out: compare "
                        "Node::visited with the number of this walk"}}});
}

TASK_TEST(order, needs_no_stack_for_a_long_chain) {
  const Tensor x = leaf({1});
  Tensor y = x;
  for (int i = 0; i < 150'000; ++i) {
    Tensor next = alias(y, y.layout());
    set_gradient("pass", next, {&y}, [](GradContext& c) { c.set(0, c.grad()); });
    y = next;
  }
  y.backward(ones({1}));
  values({.what = "the gradient of x behind 150,000 operations that pass it on",
          .got = gradient(x),
          .expected = {1}});
}

TASK_TEST(order, meets_a_shared_node_once) {
  double best = 1e9;
  for (int run = 0; run < 3 && best > 0.02; ++run) {
    const Tensor x = leaf({1});
    Tensor y = x;
    for (int i = 0; i < 23; ++i) y = y + y;
    const auto start = std::chrono::steady_clock::now();
    y.backward(ones({1}));
    best = std::min(
        best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    values({.what = "the gradient of x after 23 doublings",
            .got = gradient(x),
            .expected = {std::pow(2.0, 23)},
            .invariant = kOnce});
  }
  that(best < 0.02,
       "backward of 23 doublings, y = y + y, took " + std::to_string(best * 1e3) +
           " ms for 24 nodes",
       "every path is walked, 2^23 of them, instead of every node");
}

}  // namespace tinytorch::check
