// Task 4.4: what a node that runs sends on, and what it lets go.
#include "modules/autograd/tests/helpers.h"

namespace tinytorch::check {

TASK_TEST(run, sends_gradients_on) {
  const Tensor x = leaf({1, 2}), w = leaf({3, 4}), c = Tensor::of({5, 6});
  ((x * w) * c).backward(ones({2}));
  values({.what = "the gradient of x in y = x w c",
          .got = gradient(x),
          .expected = {15, 24},
          .invariant = kSum,
          .mistakes = {{{}, "the node ran and its results went nowhere: the graph is cut"}}});
  values({.what = "the gradient of w in y = x w c", .got = gradient(w), .expected = {5, 12}});
}

TASK_TEST(run, sends_to_the_slot_of_its_edge) {
  const Tensor x = leaf({1});
  auto [twice, thrice] = twice_and_thrice(x);
  (thrice * 10).backward(ones({1}));
  values({.what = "the gradient of x in 10 (3x), 3x the second output of an operation",
          .got = gradient(x),
          .expected = {30},
          .mistakes = {{{20}, "a gradient went to slot 0 of the node, not to slot edge.input"}}});
}

TASK_TEST(run, lets_saved_values_go) {
  const Tensor x = leaf({1, 2, 3});
  const Tensor h = x * 2;
  const Tensor y = (h * h).sum();
  y.backward();
  that(h.use_count() == 1,
       "after backward, the graph of sum(h h) still holds h " + std::to_string(h.use_count() - 1) +
           " times",
       "saved values are never released: node->release_saved()");
}

TASK_TEST(run, keeps_saved_values_when_asked_to) {
  const Tensor x = leaf({1, 2});
  const Tensor y = x * x;
  y.backward(ones({2}), true);
  values({.what = "the gradient of x after a backward of x x that retains the graph",
          .got = gradient(x),
          .expected = {2, 4}});
  try {
    y.backward(ones({2}));
  } catch (const GradError& e) {
    that(false, std::string("a second backward after retain_graph raised: ") + e.what(),
         "saved values were released although retain_graph asked to keep them");
  }
  values({.what = "the gradient of x after a second backward",
          .got = gradient(x),
          .expected = {4, 8},
          .mistakes = {{{6, 12},
                        "the second backward found the first one's gradient in the node: "
                        "the slots were not emptied"}}});
}

// 1 MiB a tensor: the live memory tells what is held.
TASK_TEST(run, holds_two_gradients_at_a_time) {
  const int64_t bytes = int64_t{1} << 20;
  const Tensor x = zeros({bytes / 4}).set_requires_grad();
  const Tensor one = ones({1});
  Tensor y = x;
  for (int i = 0; i < 12; ++i) y = one - y;  // saves nothing; its gradient is a new tensor
  const Tensor g = ones({bytes / 4});
  const int64_t before = memory_stats().live_bytes;
  reset_peak_memory();
  y.backward(g);
  const double more = static_cast<double>(memory_stats().peak_bytes - before) / bytes;
  that(more < 3.5,
       "backward through 12 subtractions held " + std::to_string(more) + " gradients at its peak",
       "a node keeps its gradients after it has run: empty its slots");
}

TASK_TEST(run, memory_falls_on_the_way) {
  const int64_t bytes = int64_t{1} << 20;
  const Tensor x = zeros({bytes / 4}).set_requires_grad();
  Tensor y = x;
  for (int i = 0; i < 12; ++i) y = (y * 0.5).exp();  // exp saves its output
  y = y.sum();
  const int64_t before = memory_stats().live_bytes;
  double freed = 0;
  x.register_hook([&](const Tensor&) {
    freed = static_cast<double>(before - memory_stats().live_bytes) / bytes;
    return Tensor();
  });
  y.backward();
  that(freed > 9.5,
       "when backward through 12 exp arrived at their input, " + std::to_string(freed) +
           " of the 12 saved outputs were free",
       "saved values are released too late or not at all: release them right after the node ran");
}

TASK_TEST(run, copies_nothing) {
  const auto allocations = [](int length) {
    const Tensor x = leaf({1, 2, 3});
    Tensor y = x;
    for (int i = 0; i < length; ++i) y = y * 2;
    const Tensor g = ones({3});
    const int64_t before = memory_stats().allocations;
    y.backward(g);
    return memory_stats().allocations - before;
  };
  const int64_t each = (allocations(42) - allocations(2)) / 40;
  that(each <= 1,
       "a step of a backward through y = 2y allocates " + std::to_string(each) +
           " tensors, its own result and more",
       "results are copied on their way to the next slot; move them");
}

}  // namespace tinytorch::check
