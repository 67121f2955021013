// Accumulation, early stopping and the plateau of a Trainer.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <limits>
#include <numeric>
#include <stdexcept>

#include "tests/unit/optim/training_test_util.h"
#include "tinytorch/core/autograd.h"
#include "tinytorch/kernels/conv.h"
#include "tinytorch/kernels/matmul.h"
#include "tinytorch/kernels/simd/bf16.h"
#include "tinytorch/nn/linear.h"
#include "tinytorch/ops/precision.h"
#include "tinytorch/optim/checkpoint.h"

namespace tinytorch::optim {
namespace {

Workload perceptron(int64_t batch) {
  Workload w;
  w.name = "mlp";
  w.spec.name = "mlp", w.spec.layers = {6, 8, 10};
  w.sample = {6}, w.batch = batch, w.samples = 50;
  w.optimizer = sgd(0.1, 0.9);
  return w;
}

std::vector<double> losses(int64_t batch, int64_t accumulate, int64_t epochs, int64_t* steps) {
  TrainerOptions o;
  o.epochs = epochs, o.accumulate = accumulate;
  Training training(perceptron(batch), o);
  std::vector<double> list;
  training.trainer->add_callback({.on_step = [&](const StepReport& r) { list.push_back(r.loss); }});
  training.trainer->run();
  *steps = training.trainer->progress().step;
  EXPECT_EQ(training.trainer->progress().epoch, epochs);
  return list;
}

TEST(Trainer, AccumulatedBatchesStepAsOneLargeBatchDoes) {
  // 50 samples: batches of 8 (the last of 2) by threes are batches of 24, 24 and 2.
  int64_t small_steps = 0, large_steps = 0;
  const std::vector<double> small = losses(8, 3, 4, &small_steps);
  const std::vector<double> large = losses(24, 1, 4, &large_steps);
  EXPECT_EQ(small_steps, 12);
  EXPECT_EQ(large_steps, 12);
  ASSERT_EQ(small.size(), large.size());
  for (size_t i = 0; i < small.size(); ++i) EXPECT_NEAR(small[i], large[i], 1e-5) << i;
}

TEST(Trainer, AnEvaluationThatFailsLeavesTheModelInItsMode) {
  TrainerOptions o;
  o.epochs = 1;
  Training training(perceptron(10), o);
  training.model->register_forward_hook([](nn::Module&, const Tensor&, const Tensor&) -> Tensor {
    throw std::runtime_error("a bad batch");
  });
  EXPECT_THROW(evaluate(*training.model, *training.test), std::runtime_error);
  EXPECT_TRUE(training.model->training());
}

TEST(Trainer, EndsWhenTheTestLossGetsNoBetter) {
  Workload w = perceptron(10);
  w.optimizer = sgd(3.0, 0);  // the labels are noise: nothing is learnt that helps on the test data
  TrainerOptions o;
  o.epochs = 1000, o.patience = 3;
  Training training(w, o);
  int64_t evaluations = 0, last_better = 0;
  double best = 1e9;
  training.trainer->add_callback({.on_eval = [&](const EvalReport& r) {
    ++evaluations;
    if (r.loss < best) best = r.loss, last_better = evaluations;
  }});
  EXPECT_TRUE(training.trainer->run());
  EXPECT_EQ(evaluations, last_better + 3);
  EXPECT_LT(evaluations, 1000);
}

TEST(Trainer, CallsEveryCallbackInOrder) {
  TrainerOptions o;
  o.epochs = 9, o.evaluate_every = 3;
  o.checkpoints = ::testing::TempDir() + "callbacks-" + std::to_string(getpid());
  std::filesystem::remove_all(o.checkpoints);
  Training training(perceptron(10), o);
  std::string log;
  int64_t steps = 0;
  training.trainer->add_callback({.on_step =
                                      [&](const StepReport& r) {
                                        steps = r.step;
                                        log += 's';
                                      },
                                  .on_eval = [&](const EvalReport&) { log += 'e'; }});
  training.trainer->add_callback(
      {.on_step = [&](const StepReport& r) { log += r.step == steps ? 'S' : '?'; },
       .on_eval = [&](const EvalReport& r) { log += r.step == steps ? 'E' : '?'; },
       .on_checkpoint =
           [&](const std::string& path) {
             log += path == checkpoint_path(o.checkpoints, steps) && std::filesystem::exists(path)
                        ? 'C'
                        : '?';
           },
       .should_stop = [&] { return steps == 4; }});
  training.trainer->add_callback({.should_stop = [&] {
    log += '.';
    return false;
  }});
  EXPECT_FALSE(training.trainer->run());
  EXPECT_EQ(log, "sS.sS.sSeEC.sS.C");
  std::filesystem::remove_all(o.checkpoints);
}

TEST(Trainer, MixedPrecisionLearnsTheSame) {
  Workload w = perceptron(64);
  w.spec.layers = {64, 96, 10}, w.sample = {64}, w.samples = 256;
  std::vector<double> last[2];
  for (const bool mixed : {false, true}) {
    TrainerOptions o;
    o.epochs = 30, o.mixed_precision = mixed;
    Training training(w, o);
    training.trainer->add_callback(
        {.on_step = [&](const StepReport& r) { last[mixed].push_back(r.loss); }});
    training.trainer->run();
  }
  EXPECT_LT(last[0].back(), 0.7 * last[0].front()) << "something is learnt";
  EXPECT_NEAR(last[1].front(), last[0].front(), 0.01);
  EXPECT_NEAR(last[1].back(), last[0].back(), 0.03);
  const bool has_unit = kernels::bf16_unit() != kernels::Bf16Unit::kNone;
  EXPECT_EQ(last[1] != last[0], has_unit) << "bf16 rounds";
  EXPECT_STREQ(kernels::matmul_f32.name(kernels::matmul_f32.chosen()), "simd") << "afterwards";
}

TEST(Trainer, WinogradLearnsTheSame) {
  Workload w;
  w.spec.name = "resnet20", w.spec.in_channels = 3, w.spec.image_size = 16;
  w.sample = {3, 16, 16}, w.batch = 8, w.samples = 32;
  w.optimizer = sgd(0.02, 0);
  std::vector<double> losses[2];
  for (const bool winograd : {false, true}) {
    TrainerOptions o;
    o.epochs = kSanitized ? 1 : 12, o.winograd = winograd;
    Training training(w, o);
    training.trainer->add_callback(
        {.on_step = [&](const StepReport& r) { losses[winograd].push_back(r.loss); }});
    training.trainer->run();
  }
  EXPECT_NE(losses[1], losses[0]) << "nothing is computed by tiles";
  for (size_t i = 0; i < 3; ++i) EXPECT_NEAR(losses[1][i], losses[0][i], 1e-3) << i;
  // Then the runs part: a rounding error that moves one activation across ReLU's zero is enough.
  double last[2] = {};
  for (const bool winograd : {false, true})
    last[winograd] = std::accumulate(losses[winograd].end() - 4, losses[winograd].end(), 0.0) / 4;
  if (!kSanitized) {
    EXPECT_LT(last[0], 0.5 * losses[0].front()) << "something is learnt";
    EXPECT_NEAR(last[1], last[0], 0.05);
  }
  EXPECT_STREQ(kernels::conv2d_f32.name(kernels::conv2d_f32.chosen()), "simd") << "afterwards";
}

TEST(Trainer, WinogradInsideMixedPrecisionTakesTheConvolutions) {
  const MixedPrecision mixed;
  {
    const WinogradConvolutions tiles;
    EXPECT_STREQ(kernels::conv2d_f32.name(kernels::conv2d_f32.chosen()), "winograd");
    EXPECT_STREQ(kernels::matmul_f32.name(kernels::matmul_f32.chosen()), "bf16");
  }
  EXPECT_STREQ(kernels::conv2d_f32.name(kernels::conv2d_f32.chosen()), "bf16");
}

TEST(Trainer, OptionsThatCannotBeAreRefused) {
  TrainerOptions o;
  o.accumulate = 0;
  EXPECT_THROW(Training(perceptron(8), o), ConfigError);
  o = {};
  o.patience = -1;
  EXPECT_THROW(Training(perceptron(8), o), ConfigError);
  for (double TrainerOptions::* clip : {&TrainerOptions::clip_norm, &TrainerOptions::clip_value}) {
    o = {};
    o.*clip = NAN;
    EXPECT_THROW(Training(perceptron(8), o), ConfigError);
  }
}

TEST(Trainer, StepsAreCountedWithoutOverflow) {
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
  TrainerOptions o;
  o.epochs = 3, o.accumulate = 4;
  EXPECT_EQ(steps_in_epoch(o, 9), 3);
  EXPECT_EQ(total_steps(o, 9), 9);
  o.max_steps = 7;
  EXPECT_EQ(total_steps(o, 9), 7);
  o.epochs = kMost;
  EXPECT_EQ(total_steps(o, 9), 7);
  o.max_steps = 0;
  EXPECT_EQ(total_steps(o, 9), kMost);
  o.accumulate = kMost;
  EXPECT_EQ(steps_in_epoch(o, 9), 1);
}

TEST(Trainer, ATestLossThatIsNoNumberEndsTheRunAndLeavesTheLastGoodCheckpoint) {
  TrainerOptions o;
  o.epochs = 9, o.evaluate_every = 2;
  o.checkpoints = ::testing::TempDir() + "diverged-" + std::to_string(getpid());
  std::filesystem::remove_all(o.checkpoints);
  Training training(perceptron(10), o);
  int64_t evaluations = 0;
  training.trainer->add_callback({.on_step =
                                      [&](const StepReport& r) {
                                        const NoGrad no_grad;  // only the evaluation sees it
                                        if (r.step == 4) training.model->parameters()[0].fill_(NAN);
                                      },
                                  .on_eval = [&](const EvalReport&) { ++evaluations; }});
  try {
    training.trainer->run();
    ADD_FAILURE() << "no error";
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("the test loss after step 4 is nan"), std::string::npos)
        << e.what();
  }
  EXPECT_EQ(evaluations, 1);
  EXPECT_EQ(training.trainer->progress().best_step, 2);
  EXPECT_EQ(checkpoint_steps(o.checkpoints), std::vector<int64_t>{2});
  std::filesystem::remove_all(o.checkpoints);
}

TEST(Checkpoints, OfANaNCanBeReadAndAnyLossIsBetter) {
  TrainerOptions o;
  o.epochs = 1;
  o.checkpoints = ::testing::TempDir() + "nan-" + std::to_string(getpid());
  std::filesystem::remove_all(o.checkpoints);
  Training training(perceptron(10), o);
  Progress progress;
  progress.step = progress.best_step = 3, progress.epoch = 0;
  progress.best_loss = NAN;
  progress.loader.seed = 7, progress.loader.batch = 3;
  const std::string path =
      save_checkpoint(o.checkpoints, *training.model, *training.optimizer, progress);
  EXPECT_TRUE(std::isnan(read_progress(path).best_loss));
  training.trainer->resume(path);
  EXPECT_TRUE(training.trainer->run());
  EXPECT_EQ(training.trainer->progress().best_step, 5);
  EXPECT_TRUE(std::isfinite(training.trainer->progress().best_loss));
  std::filesystem::remove_all(o.checkpoints);
}

TEST(Trainer, EvaluationIsTheMeanOverAllTargets) {
  // 10 samples by 4: the last batch is half as large and must count half as much.
  const Tensor x = randn({10, 6}), y = randint(0, 3, {10});
  LoaderOptions o;
  o.batch_size = 4;
  DataLoader loader(std::make_shared<TensorDataset>(x, y), o);
  nn::Linear model(6, 3);
  model.train(true);
  const EvalReport report = evaluate(model, loader);
  const Tensor logits = model(x).detach();
  EXPECT_NEAR(report.loss, cross_entropy(logits, y).item(), 1e-6);
  EXPECT_NEAR(report.accuracy,
              static_cast<double>(sum(eq(argmax(logits, 1), y)).item_as_int()) / 10, 1e-12);
  EXPECT_EQ(report.samples, 10);
  EXPECT_TRUE(model.training());  // as before
}

TEST(Trainer, ReportsCountStepsAndEpochsFromOne) {
  TrainerOptions o;
  o.epochs = 2;
  Training training(perceptron(20), o);  // 50 samples: 3 steps an epoch
  std::vector<int64_t> steps, epochs, evaluated;
  training.trainer->add_callback(
      {.on_step =
           [&](const StepReport& r) {
             steps.push_back(r.step);
             epochs.push_back(r.epoch);
           },
       .on_eval = [&](const EvalReport& r) { evaluated.push_back(r.epoch); }});
  training.trainer->run();
  EXPECT_EQ(steps, (std::vector<int64_t>{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(epochs, (std::vector<int64_t>{1, 1, 1, 2, 2, 2}));
  EXPECT_EQ(evaluated, (std::vector<int64_t>{1, 2}));
}

TEST(Checkpoints, AreTheFoldersNamedAfterSteps) {
  const std::string dir =
      std::filesystem::temp_directory_path() / ("tinytorch-steps-" + std::to_string(getpid()));
  for (const char* name : {"step-000000129", "step-000000007", "step-", "step-12x", "other-0000001",
                           ".part-3", "step-00000000000000000001"})
    std::filesystem::create_directories(dir + "/" + name);
  EXPECT_EQ(checkpoint_steps(dir), (std::vector<int64_t>{7, 129}));
  EXPECT_TRUE(checkpoint_steps(dir + "/nowhere").empty());
  std::filesystem::remove_all(dir);
}

TEST(Trainer, TargetsThatAreIgnoredWeighNothing) {
  const Tensor x = randn({8, 6}),
               y = Tensor::of({0, -100, 1, 1, -100, -100, 2, -100}).to(DType::kI64);
  nn::Linear model(6, 3);
  const Tensor logits = model(x).detach();
  const double expected = cross_entropy(logits, y).item();
  const double right = static_cast<double>(sum(eq(argmax(logits, 1), y)).item_as_int()) / 4;
  for (const int64_t batch : {2, 3, 8}) {  // 2: the third batch is ignored as a whole
    LoaderOptions o;
    o.batch_size = batch;
    DataLoader loader(std::make_shared<TensorDataset>(x, y), o);
    const EvalReport report = evaluate(model, loader);
    EXPECT_NEAR(report.loss, expected, 1e-6) << batch;
    EXPECT_NEAR(report.accuracy, right, 1e-12) << batch;
    if (batch == 8) continue;
    // Accumulated, it is the step of one large batch.
    nn::Linear accumulated(6, 3);
    accumulated.load_state_dict(model.state_dict());
    Sgd optimizer(accumulated.parameters(), {.lr = 0.1});
    TrainerOptions options;
    options.max_steps = 1, options.accumulate = 4;
    DataLoader train(std::make_shared<TensorDataset>(x, y), o);
    DataLoader test(std::make_shared<TensorDataset>(x, y), o);
    Trainer trainer(accumulated, optimizer, {}, train, test, options);
    double loss = 0;
    trainer.add_callback({.on_step = [&](const StepReport& r) { loss = r.loss; }});
    trainer.run();
    EXPECT_NEAR(loss, expected, 1e-6) << batch;
  }
}

TEST(Trainer, AStepWhoseTargetsAreAllIgnoredChangesNoWeight) {
  const Tensor x = randn({4, 6}), y = full({4}, -100, DType::kI64);
  nn::Linear model(6, 3);
  const std::vector<float> before = to_vector<float>(model.weight.detach());
  Sgd optimizer(model.parameters(), {.lr = 0.1});
  LoaderOptions o;
  o.batch_size = 2;
  DataLoader train(std::make_shared<TensorDataset>(x, y), o);
  DataLoader test(std::make_shared<TensorDataset>(x, y), o);
  EXPECT_TRUE(std::isnan(evaluate(model, test).loss));  // not the best there could be
  for (const int64_t accumulate : {1, 2}) {
    TrainerOptions options;
    options.max_steps = 1, options.accumulate = accumulate;
    Trainer trainer(model, optimizer, {}, train, test, options);
    EXPECT_THROW(trainer.run(), Error);
    EXPECT_EQ(to_vector<float>(model.weight.detach()), before);
  }
}

TEST(Checkpoints, OfAnotherModelChangesNothing) {
  const std::string dir = ::testing::TempDir() + "other-" + std::to_string(getpid());
  std::filesystem::remove_all(dir);
  struct Named : nn::Module {
    explicit Named(const char* name) { weight = register_parameter(name, ones({3})); }
    Tensor forward(const Tensor& x) override { return x * weight; }
    const char* kind() const override { return "Named"; }
    Tensor weight;
  };
  const auto stepped = [](Named& model) {
    auto optimizer =
        std::make_unique<Sgd>(model.parameters(), SgdOptions{.lr = 0.1, .momentum = 0.9});
    model(ones({3})).sum().backward();
    optimizer->step();
    return optimizer;
  };
  Named a("a"), b("b");
  const auto theirs = stepped(a), ours = stepped(b);
  theirs->step();
  const std::string path = save_checkpoint(dir, a, *theirs, Progress{});
  EXPECT_THROW(load_checkpoint(path, b, ours.get()), IoError);
  EXPECT_EQ(ours->steps(), (std::vector<int64_t>{1}));
  EXPECT_EQ(to_vector<float>(ours->state_tensors()[0].second), (std::vector<float>{1, 1, 1}));
  std::filesystem::remove_all(dir);
}

}  // namespace
}  // namespace tinytorch::optim
