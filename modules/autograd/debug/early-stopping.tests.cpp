#include "modules/autograd/debug/early-stopping.h"

#include "modules/harness/check.h"
#include "tinytorch/core/memory_stats.h"
#include "tinytorch/nn/linear.h"
#include "tinytorch/ops/ops.h"

namespace tinytorch::check {

namespace {

struct Setup {
  nn::Mlp model{{32, 128, 128, 10}};
  Tensor x = from_vector(numbers(64 * 32, 1), {64, 32});
  Tensor target;
  Setup() {
    std::vector<int64_t> classes;
    for (int64_t i = 0; i < 64; ++i) classes.push_back(i * 7 % 10);
    target = from_vector(classes, {64});
  }
};

}  // namespace

TASK_TEST(early_stopping, smooths_the_loss) {
  Setup s;
  hunt::Monitor monitor(s.model, {.decay = 0.5});
  const double first = monitor.validate(s.x, s.target);
  const double second = monitor.validate(s.x, s.target);
  that(std::abs(first - second) < 1e-6, "two validations of the same model smooth to " +
                                            std::to_string(first) + " and " +
                                            std::to_string(second));
  that(monitor.history().size() == 2 && std::abs(monitor.trend()) < 1e-6,
       "the history of two equal losses has a trend");
}

TASK_TEST(early_stopping, stops_after_its_patience) {
  Setup s;
  hunt::Monitor monitor(s.model, {.patience = 3});
  for (int i = 0; i < 3; ++i) monitor.validate(s.x, s.target);
  that(!monitor.should_stop(), "it stops after two validations without gain, its patience is 3");
  monitor.validate(s.x, s.target);
  that(monitor.should_stop(), "it does not stop after three validations without gain");
}

TASK_TEST(early_stopping, brings_the_best_weights_back) {
  Setup s;
  hunt::Monitor monitor(s.model, {});
  monitor.validate(s.x, s.target);
  const Tensor w = s.model.parameters()[0];
  const float before = w.data<float>()[0];
  w.data<float>()[0] = before + 1;
  monitor.restore_best();
  that(w.data<float>()[0] == before, "restore_best() did not bring the weight back");
}

TASK_TEST(early_stopping, needs_the_same_memory_all_along) {
  Setup s;
  hunt::Monitor monitor(s.model, {});
  for (int i = 0; i < 3; ++i) monitor.validate(s.x, s.target);
  const int64_t before = memory_stats().live_bytes;
  for (int i = 0; i < 20; ++i) monitor.validate(s.x, s.target);
  const double each = static_cast<double>(memory_stats().live_bytes - before) / 20 / 1024;
  that(each < 1, "each validation leaves " + std::to_string(each) +
                     " KiB of tensors behind; the same 20 validations again would leave as much");
}

}  // namespace tinytorch::check
