#include "tinytorch/optim/trainer.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <optional>

#include "tinytorch/core/autograd.h"
#include "tinytorch/core/format.h"
#include "tinytorch/nn/inference_session.h"
#include "tinytorch/ops/ops.h"
#include "tinytorch/ops/precision.h"

namespace tinytorch::optim {

namespace {

using Clock = std::chrono::steady_clock;
double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Logits and targets as rows: (n, t, classes) and (n, t) become (n t, classes) and (n t).
struct Rows {
  Tensor logits, target;
  Rows(const Tensor& out, const Tensor& y) : logits(out), target(y) {
    if (out.dim() == 3) logits = out.reshape({out.size(0) * out.size(1), out.size(2)});
    if (y.dim() == 2) target = y.reshape({y.numel()});
  }
  // The targets that the loss does not leave out.
  int64_t counted() const { return sum(ne(target, full({}, kIgnored, DType::kI64))).item_as_int(); }
  static constexpr int64_t kIgnored = -100;  // cross_entropy's ignore_index
};

// What a loss that is no number means for the user.
constexpr const char* kDiverged =
    "Hint: a smaller optim.lr, train.clip_norm=1, or look for broken samples in the data.";

}  // namespace

int64_t steps_in_epoch(const TrainerOptions& options, int64_t batches) {
  return batches == 0 ? 0 : (batches - 1) / options.accumulate + 1;
}

int64_t total_steps(const TrainerOptions& options, int64_t batches) {
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
  const int64_t an_epoch = std::max<int64_t>(steps_in_epoch(options, batches), 1);
  const int64_t by_epochs = options.epochs > kMost / an_epoch ? kMost : options.epochs * an_epoch;
  if (options.max_steps == 0) return by_epochs;
  return options.epochs == 0 ? options.max_steps : std::min(by_epochs, options.max_steps);
}

EvalReport evaluate(nn::Module& model, DataLoader& loader) {
  const InferenceMode inference;
  const nn::EvaluationMode evaluation(model);
  nn::InferenceSession session(model);
  EvalReport report;
  int64_t targets = 0, right = 0;
  double loss = 0;
  loader.set_state({loader.state().seed, 0, 0});
  for (const Batch& batch : loader) {
    const Rows rows(session(batch.x), batch.y);
    const int64_t n = rows.counted();
    report.samples += batch.size();
    if (n == 0) continue;
    loss += cross_entropy(rows.logits, rows.target).item() * static_cast<double>(n);
    right += sum(eq(argmax(rows.logits, -1), rows.target)).item_as_int();
    targets += n;
  }
  if (report.samples > 0 && targets == 0) report.loss = std::numeric_limits<double>::quiet_NaN();
  if (targets > 0) {
    report.loss = loss / static_cast<double>(targets);
    report.accuracy = static_cast<double>(right) / static_cast<double>(targets);
  }
  return report;
}

Trainer::Trainer(nn::Module& model, Optimizer& optimizer, const Schedule& schedule,
                 DataLoader& train, DataLoader& test, TrainerOptions options)
    : model_(model),
      optimizer_(optimizer),
      schedule_(schedule),
      train_(train),
      test_(test),
      options_(std::move(options)),
      base_lr_(optimizer.lr()) {
  schedule_.check();
  if (options_.epochs < 0 || options_.max_steps < 0)
    raise<ConfigError>("trainer: epochs {} and max_steps {} must not be negative.", options_.epochs,
                       options_.max_steps);
  if (options_.accumulate < 1 || options_.patience < 0 || !(options_.clip_norm >= 0) ||
      !(options_.clip_value >= 0))
    raise<ConfigError>(
        "trainer: accumulate {} must be at least 1; patience {}, clip_norm {} and clip_value {} "
        "must not be negative.",
        options_.accumulate, options_.patience, options_.clip_norm, options_.clip_value);
  if (options_.epochs == 0 && options_.max_steps == 0)
    raise<ConfigError>("trainer: either epochs or max_steps must say when to end.");
  if (train_.batches() == 0)
    raise<ConfigError>(
        "trainer: the training data give no batch of {}: {} samples. Hint: a smaller batch_size, "
        "or drop_last = false.",
        train_.options().batch_size, train_.dataset().size());
}

int64_t Trainer::steps_in_epoch() const {
  return std::max<int64_t>(optim::steps_in_epoch(options_, train_.batches()), 1);  // divides
}

int64_t Trainer::total_steps() const {
  return optim::total_steps(options_, train_.batches());
}

bool Trainer::finished() const {
  return progress_.step >= total_steps() ||
         (options_.patience > 0 && progress_.stale_evaluations >= options_.patience);
}

bool Trainer::asked_to_stop() const {
  bool stop = false;  // all are asked
  for (const Callback& callback : callbacks_)
    stop = (callback.should_stop && callback.should_stop()) || stop;
  return stop;
}

void Trainer::resume(const std::string& checkpoint) {
  progress_ = load_checkpoint(checkpoint, model_, &optimizer_);
  train_.set_state(progress_.loader);
  default_generator().set_state(progress_.generator);
  saved_step_ = progress_.step;
}

// With `counted`: loss and gradients are those of the sum over the targets, not of the mean, and
// it grows by their number.
double Trainer::loss_and_gradient(const Batch& batch, int64_t* counted) {
  std::optional<MixedPrecision> mixed;
  if (options_.mixed_precision) mixed.emplace();
  std::optional<WinogradConvolutions> winograd;
  if (options_.winograd) winograd.emplace();
  const Rows rows(model_(batch.x), batch.y);
  const Tensor loss =
      cross_entropy(rows.logits, rows.target, counted ? Reduction::kSum : Reduction::kMean);
  const double value = loss.item();
  if (!std::isfinite(value))
    raise<Error>("training: the loss of step {} is {}. {}", progress_.step + 1, value, kDiverged);
  loss.backward();
  if (counted) *counted += rows.counted();
  return value;
}

double Trainer::step(const Batch& first, int64_t& samples) {
  optimizer_.zero_grad();
  samples = first.size();
  const bool alone = options_.accumulate == 1;
  int64_t counted = 0;
  double loss = loss_and_gradient(first, alone ? nullptr : &counted);
  if (!alone) {
    for (int64_t i = 1; i < options_.accumulate && train_.state().batch < train_.batches(); ++i) {
      const Batch& batch = *train_.next();
      loss += loss_and_gradient(batch, &counted);
      samples += batch.size();
    }
    if (counted == 0)
      raise<Error>("training: all targets of step {} are left out of the loss.",
                   progress_.step + 1);
    loss /= static_cast<double>(counted);
    scale_grads(optimizer_.parameters(), 1 / static_cast<double>(counted));
  }
  if (options_.clip_value > 0) clip_grad_value(optimizer_.parameters(), options_.clip_value);
  if (options_.clip_norm > 0) clip_grad_norm(optimizer_.parameters(), options_.clip_norm);
  optimizer_.step();
  return loss;
}

void Trainer::finish_step(int64_t samples, double loss, double lr, double seconds) {
  ++progress_.step;
  samples_ += samples;
  train_seconds_ += seconds;
  progress_.loader = train_.state();
  progress_.epoch = progress_.loader.epoch;
  if (progress_.loader.batch == train_.batches()) {  // the next epoch is about to begin
    ++progress_.epoch;
    progress_.loader = {progress_.loader.seed, progress_.loader.epoch + 1, 0};
  }
  progress_.generator = default_generator().state();
  const StepReport report = {progress_.step, (progress_.step - 1) / steps_in_epoch() + 1, loss, lr,
                             static_cast<double>(samples) / std::max(seconds, 1e-9)};
  for (const Callback& callback : callbacks_)
    if (callback.on_step) callback.on_step(report);
}

// Weights that give no finite loss are of no use: no checkpoint is written, those before stay.
void Trainer::measure() {
  EvalReport report = evaluate(model_, test_);
  if (!std::isfinite(report.loss))
    raise<Error>("training: the test loss after step {} is {}. {}", progress_.step, report.loss,
                 kDiverged);
  report.step = progress_.step;
  report.epoch = (progress_.step - 1) / steps_in_epoch() + 1;
  last_eval_ = report;
}

void Trainer::evaluate_now() {
  measure();
  schedule_.observe(last_eval_.loss, progress_.plateau);
  // Any loss is better than a NaN.
  const bool better = progress_.best_step == 0 || !(last_eval_.loss >= progress_.best_loss);
  progress_.stale_evaluations = better ? 0 : progress_.stale_evaluations + 1;
  if (better) {
    progress_.best_step = progress_.step;
    progress_.best_loss = last_eval_.loss;
    progress_.best_accuracy = last_eval_.accuracy;
  }
  for (const Callback& callback : callbacks_)
    if (callback.on_eval) callback.on_eval(last_eval_);
  if (better) save();
}

void Trainer::save() {
  if (options_.checkpoints.empty() || saved_step_ == progress_.step) return;
  const std::string path = save_checkpoint(options_.checkpoints, model_, optimizer_, progress_);
  saved_step_ = progress_.step;
  prune();
  for (const Callback& callback : callbacks_)
    if (callback.on_checkpoint) callback.on_checkpoint(path);
}

void Trainer::prune() const {
  if (!options_.checkpoints.empty())
    prune_checkpoints(options_.checkpoints, {progress_.step, progress_.best_step});
}

bool Trainer::run() {
  model_.train();
  auto start = Clock::now();
  while (!finished()) {
    const Batch* batch = train_.next();
    if (!batch) continue;  // the end of an epoch: the next call begins another
    const double lr = schedule_.lr_at(base_lr_, progress_.step + 1, progress_.plateau);
    optimizer_.set_lr(lr);
    int64_t samples = 0;
    const double loss = step(*batch, samples);
    finish_step(samples, loss, lr, seconds_since(start));
    const bool epoch_ended = progress_.loader.batch == 0, last = finished();
    const auto due = [&](int64_t every) {
      return last || (every > 0 ? progress_.step % every == 0 : epoch_ended);
    };
    if (due(options_.evaluate_every)) evaluate_now();
    const bool ended = finished();  // an evaluation may have been the last that was allowed
    if (ended || due(options_.checkpoint_every)) save();
    if (!ended && asked_to_stop()) {
      save();
      return false;
    }
    start = Clock::now();
  }
  if (last_eval_.step != progress_.step) {  // resumed when nothing was left to do
    measure();
    prune();  // a run that was killed behind its last checkpoint has left those before
  }
  return true;
}

}  // namespace tinytorch::optim
