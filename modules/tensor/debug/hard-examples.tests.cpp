#include "modules/tensor/debug/hard-examples.h"
#include "modules/harness/check.h"

namespace tinytorch::check {

namespace {

// Batch `step` of 64 inputs of 1000 numbers; example i of it has loss step + i / 100.
void add_batch(hunt::HardExamples& hard, int step) {
  const Tensor inputs = full({64, 1000}, step);
  std::vector<float> losses;
  for (int i = 0; i < 64; ++i)
    losses.push_back(static_cast<float>(step) + static_cast<float>(i) / 100);
  hard.add(inputs, from_vector(losses, {64}));
}

}  // namespace

TASK_TEST(hard_examples, are_the_ones_with_the_largest_losses) {
  hunt::HardExamples hard(5);
  for (const int step : {3, 1, 7, 2}) add_batch(hard, step);
  std::vector<double> losses, inputs;
  for (const auto& example : hard.examples()) losses.push_back(example.loss);
  values({.what = "the five largest losses",
          .got = losses,
          .expected = {7.63, 7.62, 7.61, 7.60, 7.59},
          .tolerance = 1e-6});
  values({.what = "the hardest two inputs, first number of each",
          .got = {hard.hardest(2)[0][0].item(), hard.hardest(2)[1][0].item()},
          .expected = {7, 7}});
}

TASK_TEST(hard_examples, memory_of_a_long_run) {
  const int64_t before = memory_stats().live_bytes;
  hunt::HardExamples hard(200);
  for (int step = 0; step < 200; ++step) {
    const Tensor inputs = full({64, 1000}, step);
    std::vector<float> losses(64, 0);
    losses[static_cast<size_t>(step) % 64] = static_cast<float>(1 + step % 7);
    hard.add(inputs, from_vector(losses, {64}));
  }
  const int64_t grown = memory_stats().live_bytes - before;
  that(grown < 2 * hard.bytes(), "after 200 batches of 256 kB the collector says that its " +
                                     std::to_string(hard.examples().size()) + " examples need " +
                                     std::to_string(hard.bytes() / 1000) + " kB; tensors take " +
                                     std::to_string(grown / 1000) + " kB more than before");
}

}  // namespace tinytorch::check
