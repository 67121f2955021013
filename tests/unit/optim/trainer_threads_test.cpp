// A training gives the same bits for any number of threads: losses, parameters, buffers.
#include <gtest/gtest.h>

#include "tests/unit/optim/training_test_util.h"

namespace tinytorch::optim {
namespace {

// Small, but with tensors of several chunks, ragged last batches, dropout and every optimizer.
std::vector<Workload> workloads() {
  std::vector<Workload> list(4);
  list[0] = {"mlp", {}, {331}, 10, 48, 48 * 4 + 5, adam(1e-3, 1e-4)};
  list[0].spec.layers = {331, 203, 10};
  list[1] = {"cnn", {}, {3, 20, 20}, 10, 12, 12 * 4 + 5, adam(1e-3)};
  list[1].spec.in_channels = 3, list[1].spec.image_size = 20;
  list[2] = {"resnet20", {}, {3, 16, 16}, 10, 8, 8 * 4 + 3, sgd(0.05, 0.9)};
  list[2].spec.in_channels = 3, list[2].spec.image_size = 16;
  list[3] = {"gpt", {}, {40}, 65, 6, 6 * 4 + 1, adam(1e-3, 0.01, true)};
  nn::ModelSpec& gpt = list[3].spec;
  gpt.n_layer = 2, gpt.n_head = 2, gpt.n_embd = 96, gpt.block_size = 40, gpt.dropout = 0.1;
  if (kSanitized) {
    list[0].spec.layers = {331, 61, 10};
    list[1].sample = {3, 8, 8}, list[1].spec.image_size = 8;
    list[2].sample = {3, 8, 8}, list[2].spec.image_size = 8;
    list[3].sample = {20}, gpt.n_layer = 1, gpt.n_embd = 32;
    for (Workload& w : list) w.batch = 3, w.samples = 3 * 2 + 1;
  }
  for (Workload& w : list) w.spec.name = w.name;
  return list;
}

constexpr int64_t kSteps = kSanitized ? 4 : 6;  // one more than an epoch

struct Outcome {
  std::vector<double> losses;
  std::vector<std::pair<std::string, std::string>> state;  // the bytes of each tensor
  bool operator==(const Outcome&) const = default;
};

Outcome train(const Workload& w, int threads) {
  const Threads scope(threads);
  TrainerOptions options;
  options.epochs = 0, options.max_steps = kSteps, options.clip_norm = 1;
  Training training(w, options, 5);
  Outcome out;
  training.trainer->add_callback(
      {.on_step = [&](const StepReport& r) { out.losses.push_back(r.loss); }});
  training.trainer->add_callback(
      {.on_eval = [&](const EvalReport& r) { out.losses.push_back(r.loss); }});
  EXPECT_TRUE(training.trainer->run());
  for (const auto& [name, tensor] : training.model->state_dict()) {
    const Tensor t = tensor.detach().contiguous();
    out.state.emplace_back(name,
                           std::string(static_cast<const char*>(t.raw_data()),
                                       static_cast<size_t>(t.numel()) * item_size(t.dtype())));
  }
  return out;
}

TEST(TrainerThreads, TrainingIsBitIdenticalForAnyNumberOfThreads) {
  for (const Workload& w : workloads()) {
    const Outcome one = train(w, 1);
    ASSERT_EQ(one.losses.size(), size_t{kSteps} + 2)
        << w.name;  // steps; evaluations, the first of an epoch
    for (const int threads : {2, 3}) {
      const Outcome more = train(w, threads);
      for (size_t i = 0; i < one.losses.size(); ++i)
        EXPECT_EQ(more.losses[i], one.losses[i])
            << w.name << ", " << threads << " threads, loss " << i + 1;
      for (size_t i = 0; i < one.state.size(); ++i)
        EXPECT_TRUE(more.state[i] == one.state[i])
            << w.name << ", " << threads << " threads, " << one.state[i].first;
    }
  }
}

// Or the comparison above would compare no dropout.
TEST(TrainerThreads, DropoutIsAtWorkInTheGpt) {
  Workload w = workloads()[3];
  const Outcome with_dropout = train(w, 2);
  w.spec.dropout = 0;
  EXPECT_NE(train(w, 2).losses, with_dropout.losses);
}

}  // namespace
}  // namespace tinytorch::optim
