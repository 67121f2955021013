#pragma once
#include <functional>
#include <memory>

#include "tinytorch/core/dataloader.h"
#include "tinytorch/nn/module.h"
#include "tinytorch/optim/checkpoint.h"
#include "tinytorch/optim/optimizer.h"
#include "tinytorch/optim/schedule.h"

namespace tinytorch::optim {

// One finished step: the loss is that of its batch before the update.
struct StepReport {
  int64_t step = 0;   // from 1
  int64_t epoch = 0;  // from 1
  double loss = 0, lr = 0, samples_per_second = 0;
};
struct EvalReport {
  int64_t step = 0, epoch = 0, samples = 0;
  double loss = 0;      // mean cross-entropy of all targets
  double accuracy = 0;  // share of targets whose class has the largest logit
};

// What a run tells while it runs. Each function may be empty.
struct Callback {
  std::function<void(const StepReport&)> on_step = {};              // after the update
  std::function<void(const EvalReport&)> on_eval = {};              // after the evaluation
  std::function<void(const std::string& path)> on_checkpoint = {};  // after it was written
  std::function<bool()> should_stop = {};  // asked after each step; true ends the run
};

struct TrainerOptions {
  int64_t epochs = 1;            // 0: no limit
  int64_t max_steps = 0;         // 0: no limit; whichever ends first
  double clip_norm = 0;          // 0: no clipping
  double clip_value = 0;         // 0: no clipping; comes before clip_norm
  int64_t accumulate = 1;        // batches whose gradients make one step (an epoch's last: fewer)
  bool mixed_precision = false;  // forward and backward in MixedPrecision (ops/precision.h)
  bool winograd = false;         // forward and backward in WinogradConvolutions (ops/precision.h)
  int64_t patience = 0;          // ends after so many evaluations without a better loss; 0: never
  int64_t evaluate_every = 0;    // steps; 0: at the end of each epoch. The end always counts.
  int64_t checkpoint_every = 0;  // the same
  std::string checkpoints = {};  // folder; empty: none are written
};

// Of a run with so many batches in an epoch: the steps of an epoch, and of the whole run (as many
// as fit an int64_t, at most).
int64_t steps_in_epoch(const TrainerOptions& options, int64_t batches);
int64_t total_steps(const TrainerOptions& options, int64_t batches);

// Mean loss and accuracy of a classifier over one epoch of `loader`, in evaluation mode without
// graphs. Logits (n, classes) with targets (n), or (n, t, classes) with (n, t).
EvalReport evaluate(nn::Module& model, DataLoader& loader);

// Trains a classifier with cross-entropy: forward, backward, clip, update; evaluates, keeps the
// last and the best checkpoint. A trainer that continues from a checkpoint gives the same losses,
// bit for bit, as one that was never stopped.
class Trainer {
 public:
  Trainer(nn::Module& model, Optimizer& optimizer, const Schedule& schedule, DataLoader& train,
          DataLoader& test, TrainerOptions options);

  void resume(const std::string& checkpoint);  // IoError: load_checkpoint
  // Runs to the end, or until a callback's should_stop says so: then writes a checkpoint and
  // returns false. Error for a loss, of a step or of the test data, that is not finite: what the
  // checkpoints before hold is all that is left.
  bool run();

  // Every callback is called, in the order in which they came; nothing of theirs is in a
  // checkpoint.
  void add_callback(Callback callback) { callbacks_.push_back(std::move(callback)); }

  const Progress& progress() const { return progress_; }
  const EvalReport& last_eval() const { return last_eval_; }  // step 0: there was none yet
  int64_t total_steps() const;
  double train_seconds() const { return train_seconds_; }  // in steps, without evaluation and files
  int64_t samples_seen() const { return samples_; }        // by this object

 private:
  int64_t steps_in_epoch() const;
  // Forward and backward of this batch and of those that are accumulated with it, then the update;
  // the mean loss and the number of samples.
  double step(const Batch& batch, int64_t& samples);
  double loss_and_gradient(const Batch& batch, int64_t* counted);
  void finish_step(int64_t samples, double loss, double lr, double seconds);
  void measure();       // sets last_eval_
  void evaluate_now();  // and what follows from it: the plateau, the best, a checkpoint
  void save();
  void prune() const;
  bool finished() const;
  bool asked_to_stop() const;

  nn::Module& model_;
  Optimizer& optimizer_;
  Schedule schedule_;
  DataLoader& train_;
  DataLoader& test_;
  TrainerOptions options_;
  double base_lr_;
  std::vector<Callback> callbacks_;
  Progress progress_;
  EvalReport last_eval_;
  int64_t saved_step_ = -1;
  double train_seconds_ = 0;
  int64_t samples_ = 0;
};

}  // namespace tinytorch::optim
