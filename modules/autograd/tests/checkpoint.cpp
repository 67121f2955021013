// Task 4.5: the same values and gradients, less memory.
#include "modules/autograd/tests/helpers.h"
#include "tinytorch/core/random.h"

namespace tinytorch::check {

TASK_TEST(checkpoint, gives_the_gradients_of_the_plain_run) {
  const Tensor x = leaf({1, 2, 3}), w = leaf({4, 5, 6});
  const auto fn = [&](const Tensor& t) { return t * w * t; };
  const Tensor h = x * 2;
  (checkpoint(fn, h) * Tensor::of({1, 10, 100})).backward(ones({3}));
  values({.what = "the gradient of w in y = [1, 10, 100] checkpoint(h h w), h = 2x",
          .got = gradient(w),
          .expected = {4, 160, 3600},
          .invariant = kAgain,
          .mistakes = {{{4, 16, 36},
                        "the second run's backward started with ones, not with the "
                        "gradient that had arrived (c.grad())"},
                       {{},
                        "backward did not go through the second run: what fn uses beside x got "
                        "no gradient"}}});
  values({.what = "the gradient of x in y = [1, 10, 100] checkpoint(h h w), h = 2x",
          .got = gradient(x),
          .expected = {32, 800, 14400},
          .invariant = kSum,
          .mistakes = {{{64, 1600, 28800},
                        "the second run was not cut off from x's own graph: its "
                        "backward went on into it (detach)"},
                       {{}, "the gradient of the second run's input was not passed on (c.set)"},
                       {{0, 0, 0}, "zeros were passed on as the gradient of x"}}});
}

TASK_TEST(checkpoint, of_a_leaf) {
  const Tensor x = leaf({1, 2, 3});
  checkpoint([](const Tensor& t) { return t * t; }, x).backward(ones({3}));
  values({.what = "the gradient of a leaf x in y = checkpoint(x x)",
          .got = gradient(x),
          .expected = {2, 4, 6},
          .invariant = kSum,
          .mistakes = {
              {{4, 8, 12},
               "the second run was not cut off from x's own graph: x got its "
               "gradient twice (detach)"},
              {{},
               "the second run was not recorded: a backward runs with grad mode off (GradMode)"}}});
}

TASK_TEST(checkpoint, of_an_input_without_gradient) {
  const Tensor x = Tensor::of({1, 2, 3}), w = leaf({4, 5, 6});
  const Tensor h = x * 1;
  Tensor y = checkpoint([&](const Tensor& t) { return t * w; }, x);
  y.backward(ones({3}));
  values({.what = "the gradient of w in y = checkpoint(x w), where x requires none",
          .got = gradient(w),
          .expected = {1, 2, 3}});
  that(!x.grad().defined(), "x requires no gradient, and got one", "");
}

TASK_TEST(checkpoint, keeps_no_inner_values) {
  const int64_t bytes = int64_t{1} << 18;
  const Tensor x = zeros({bytes / 4}).set_requires_grad();
  const int64_t before = memory_stats().live_bytes;
  const Tensor y = checkpoint(
      [](const Tensor& t) {
        Tensor inner = t;
        for (int i = 0; i < 6; ++i) inner = inner.exp() * 0.1;
        return inner;
      },
      x);
  const double held = static_cast<double>(memory_stats().live_bytes - before) / bytes;
  that(held < 1.5,
       "after the forward of checkpoint(6 times exp), " + std::to_string(held) +
           " tensors are held beside x; the result is one",
       "the first run was recorded: run it under NoGrad");
}

TASK_TEST(checkpoint, draws_the_same_random_numbers) {
  manual_seed(7);
  const Tensor x = ones({64}).set_requires_grad();
  const Tensor y = checkpoint([](const Tensor& t) { return dropout(t * 1, 0.5); }, x);
  const Tensor more = rand({3});  // the generator goes on before backward
  y.backward(ones({64}));
  that(gradient(x) == list(y), "the masks of the two runs of checkpoint(dropout) differ",
       "the second run drew other random numbers: put the generator's state of the first run back");
}

TASK_TEST(checkpoint, leaves_the_generator_as_it_was) {
  manual_seed(7);
  const Tensor x = ones({64}).set_requires_grad();
  const Tensor y = checkpoint([](const Tensor& t) { return dropout(t * 1, 0.5); }, x);
  const Tensor more = rand({3});
  const GeneratorState before = default_generator().state();
  y.backward(ones({64}));
  that(default_generator().state() == before,
       "backward through a checkpoint moved the generator from offset " +
           std::to_string(before.offset) + " to " +
           std::to_string(default_generator().state().offset),
       "the generator was left where the second run had it; put it back to where backward found "
       "it");
}

TASK_TEST(checkpoint, of_fn_that_gives_its_input_back) {
  const Tensor x = leaf({1, 2});
  const Tensor y = checkpoint([](const Tensor& t) { return t; }, x);
  (y * 3).backward(ones({2}));
  values(
      {.what = "the gradient of x in y = 3 checkpoint(x)", .got = gradient(x), .expected = {3, 3}});
}

}  // namespace tinytorch::check
