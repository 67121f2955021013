// Optimizers, schedules and clipping by value against PyTorch (Lion: against its paper), on numbers
// that both sides draw: tests/golden/golden_optim.py.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <map>
#include <memory>

#include "tests/unit/golden/drawn.h"
#include "tinytorch/data/safetensors.h"
#include "tinytorch/optim/optimizer.h"
#include "tinytorch/optim/schedule.h"

namespace tinytorch::optim {
namespace {

const Tensor& golden(const std::string& name) {
  static const data::TensorFile file =
      data::read_safetensors(TINYTORCH_SOURCE_DIR "/tests/golden/optim.safetensors");
  const Tensor* t = file.find(name);
  if (!t) throw Error("no golden value " + name + ": run tests/golden/make_golden.py optim");
  return *t;
}

using Parameters = std::vector<Tensor>;
using Make = std::function<std::unique_ptr<Optimizer>(Parameters)>;

template <class O, class Options>
Make with(const Options& options) {
  return [=](Parameters p) { return std::make_unique<O>(std::move(p), options); };
}

// The first parameter by one set of options, the others by another.
template <class O, class Options>
Make in_groups(const Options& first, const Options& others) {
  return [=](const Parameters& p) {
    return std::make_unique<O>(std::vector<ParamGroup<Options>>{
        {{p[0]}, first}, {Parameters(p.begin() + 1, p.end()), others}});
  };
}

const std::map<std::string, Make>& optimizers() {
  static const std::map<std::string, Make> all = {
      {"rmsprop", with<Rmsprop>(RmspropOptions{})},
      {"rmsprop_momentum", with<Rmsprop>(RmspropOptions{0.02, 0.9, 1e-6, 0.05, 0.8, false})},
      {"rmsprop_centered", with<Rmsprop>(RmspropOptions{0.02, 0.8, 1e-8, 0, 0, true})},
      {"rmsprop_all", with<Rmsprop>(RmspropOptions{0.02, 0.7, 1e-8, 0.1, 0.5, true})},
      {"adagrad", with<Adagrad>(AdagradOptions{.lr = 0.1})},
      {"adagrad_all", with<Adagrad>(AdagradOptions{0.1, 0.2, 0.05, 0.3, 1e-4})},
      {"lion", with<Lion>(LionOptions{.lr = 0.03})},
      {"lion_all", with<Lion>(LionOptions{0.03, 0.8, 0.95, 0.2})},
      {"groups_sgd", in_groups<Sgd>(SgdOptions{0.1, 0.8, 0.1}, SgdOptions{.lr = 0.02})},
      {"groups_adamw", in_groups<Adam>(AdamOptions{0.01, 0.9, 0.999, 1e-8, 0.3, true},
                                       AdamOptions{0.002, 0.8, 0.9, 1e-8, 0, true})},
      {"groups_scheduled", in_groups<Sgd>(SgdOptions{.lr = 0.1}, SgdOptions{.lr = 0.02})},
      {"clip_value", with<Sgd>(SgdOptions{.lr = 0.5})}};
  return all;
}

Tensor drawn(const std::string& name, const Shape& shape, DType dtype) {
  return (uniforms(name, shape) * 2 - 1).to(dtype);
}

// One optimizer over two parameters; halfway its state moves into a fresh one, as a checkpoint
// does.
void compare(const std::string& name, DType dtype, double tolerance) {
  SCOPED_TRACE(name);
  const std::map<std::string, Shape> shapes = {{"a", {7}}, {"b", {3, 5}}};
  Parameters p;
  for (const auto& [key, shape] : shapes) p.push_back(drawn(key, shape, dtype).set_requires_grad());
  std::unique_ptr<Optimizer> optimizer = optimizers().at(name)(p);
  const Tensor& wanted = golden(name);
  for (int64_t step = 1; step <= wanted.size(0); ++step) {
    if (step == 6) {
      std::unique_ptr<Optimizer> fresh = optimizers().at(name)(p);
      fresh->load_state(optimizer->state_tensors(), optimizer->steps());
      optimizer = std::move(fresh);
    }
    size_t i = 0;
    for (const auto& [key, shape] : shapes)
      p[i++].set_grad(drawn(key + ".grad." + std::to_string(step), shape, dtype));
    if (name == "clip_value") clip_grad_value(p, 0.25);
    if (name == "groups_scheduled")
      optimizer->set_lr(0.1 * std::pow(0.5, static_cast<double>((step - 1) / 3)));
    optimizer->step();
    int64_t at = 0;
    for (const Tensor& each : p)
      for (const double value : to_vector<double>(each.detach().to(DType::kF64)))
        ASSERT_NEAR(value, wanted[step - 1][at++].item(), tolerance) << "step " << step;
  }
}

TEST(OptimGolden, OptimizersInF64) {
  for (const auto& [name, make] : optimizers()) compare(name, DType::kF64, 1e-12);
}

TEST(OptimGolden, OptimizersInF32) {
  for (const auto& [name, make] : optimizers()) compare(name, DType::kF32, 2e-5);
}

TEST(OptimGolden, Schedules) {
  std::map<std::string, Schedule> all;
  all["step"] = {.name = "step", .step_size = 4, .gamma = 0.3};
  all["multi_step"] = {.name = "multi_step", .gamma = 0.5, .milestones = {3, 3, 8}};
  all["exponential"] = {.name = "exponential", .gamma = 0.9};
  all["cosine"] = {.name = "cosine", .total_steps = 14, .min_lr = 0.02};
  all["one_cycle"] = {.name = "one_cycle", .total_steps = 21};
  all["one_cycle_all"] = {.name = "one_cycle",
                          .total_steps = 16,
                          .pct_start = 0.6,
                          .div_factor = 10,
                          .final_div_factor = 50};
  for (const auto& [name, schedule] : all) {
    SCOPED_TRACE(name);
    schedule.check();
    const std::vector<double> wanted = to_vector<double>(golden("schedule." + name));
    for (size_t i = 0; i < wanted.size(); ++i)
      EXPECT_NEAR(schedule.lr_at(0.4, static_cast<int64_t>(i) + 1), wanted[i], 1e-12) << i;
  }
}

TEST(OptimGolden, PlateauFollowsTheLosses) {
  const Schedule schedule = {.name = "plateau", .min_lr = 0.03, .gamma = 0.5, .patience = 2};
  schedule.check();
  const std::vector<double> losses = to_vector<double>(golden("plateau.losses"));
  const std::vector<double> wanted = to_vector<double>(golden("schedule.plateau"));
  PlateauState state;
  for (size_t i = 0; i < wanted.size(); ++i) {
    EXPECT_NEAR(schedule.lr_at(0.4, static_cast<int64_t>(i) + 1, state), wanted[i], 1e-12) << i;
    schedule.observe(losses[i], state);
  }
  EXPECT_LT(wanted.back(), 0.2);  // it did fall
}

TEST(Schedule, ValuesThatCannotBeAreRefused) {
  for (const Schedule& s :
       {Schedule{.name = "multi_step"}, Schedule{.name = "multi_step", .milestones = {5, 3}},
        Schedule{.name = "exponential", .gamma = 0}, Schedule{.name = "one_cycle"},
        Schedule{.name = "one_cycle", .total_steps = 5, .pct_start = 1.5},
        Schedule{.name = "plateau", .gamma = 1}, Schedule{.name = "cosin"}})
    EXPECT_THROW(s.check(), ConfigError) << s.name;
}

}  // namespace
}  // namespace tinytorch::optim
