// Task 4.1, with derivatives worked out by hand.
#include "modules/autograd/tests/helpers.h"

namespace tinytorch::check {

TASK_TEST(record, ties_a_result_to_its_inputs) {
  const Tensor a = leaf({2, 3}), b = leaf({5, 7});
  const Tensor y = a * b;
  that(y.requires_grad(), "a * b of two tensors that require gradients requires none",
       "the output was not given its node: GraphAccess::set_node");
  y.backward(ones({2}));
  values({.what = "the gradient of a in y = a b",
          .got = gradient(a),
          .expected = {5, 7},
          .invariant = kSum,
          .mistakes = {{{}, "no edge leads from the node to its inputs: the graph is cut"}}});
  values({.what = "the gradient of b in y = a b",
          .got = gradient(b),
          .expected = {2, 3},
          .invariant = kSum,
          .mistakes = {{{}, "only the first input has an edge"}}});
}

TASK_TEST(record, counts_each_use_of_one_input) {
  const Tensor x = leaf({2, 3});
  (x * x).backward(ones({2}));
  values({.what = "the gradient of x in y = x x",
          .got = gradient(x),
          .expected = {4, 6},
          .invariant = kSum,
          .mistakes = {{{2, 3}, "an input that comes twice needs an edge each time"}}});
}

TASK_TEST(record, leaves_inputs_without_gradient_alone) {
  const Tensor x = leaf({2, 3}), c = Tensor::of({5, 7});
  const Tensor y = x * c;
  that(!c.requires_grad(), "c required no gradient before x * c, and does after it",
       "an edge was made for an input that requires no gradient");
  y.backward(ones({2}));
  values({.what = "the gradient of x in y = x c", .got = gradient(x), .expected = {5, 7}});
  that(!c.grad().defined(), "c requires no gradient, and got one",
       "an edge was made for an input that requires no gradient");
}

TASK_TEST(record, numbers_the_outputs) {
  const Tensor x = leaf({1});
  auto [twice, thrice] = twice_and_thrice(x);
  thrice.backward(ones({1}));
  values({.what = "the gradient of x for the second output, 3x, of an operation with two",
          .got = gradient(x),
          .expected = {3},
          .mistakes = {{{2}, "every output was recorded as output 0"}}});
}

TASK_TEST(record, knows_which_output_an_input_was) {
  const Tensor x = leaf({1});
  auto [twice, thrice] = twice_and_thrice(x);
  (thrice * 10).backward(ones({1}));
  values({.what = "the gradient of x in 10 (3x), 3x the second output of an operation",
          .got = gradient(x),
          .expected = {30},
          .mistakes = {{{20},
                        "an edge leads to output 0 of the input's node, not to the output "
                        "that the input was (Edge::input)"}}});
}

TASK_TEST(record, keeps_the_graph_alive) {
  const Tensor x = leaf({1, 2});
  Tensor y = x;
  for (int i = 0; i < 4; ++i) y = y * 3;  // nobody else holds what lies between
  y.backward(ones({2}));
  values({.what = "the gradient of x in y = 3 (3 (3 (3 x)))",
          .got = gradient(x),
          .expected = {81, 81}});
}

}  // namespace tinytorch::check
