#include "cli/training.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/progress.h"
#include "tinytorch/config/experiment.h"
#include "tinytorch/core/memory_stats.h"
#include "tinytorch/core/parallel.h"
#include "tinytorch/core/utils.h"

namespace tinytorch::cli {

namespace {

Experiment make_experiment_in(const RunFolder& folder, Config& config, bool resume) {
  try {
    return make_experiment(config, folder.checkpoints(), resume, resume ? folder.tokenizer() : "");
  } catch (...) {
    folder.remove_if_unused();
    throw;
  }
}

// What a run that goes on must have kept.
void check_resumed(const RunFolder& folder, const std::string& checkpoint, const Config& config) {
  const Config stored = folder.load_config();
  const auto check = [&](const char* key, const auto& was, const auto& is) {
    if (was != is)
      config.refuse(key, fmt::format("that was decided when the run began. Hint: start another run "
                                     "from {}.",
                                     folder.config_file()));
  };
  const auto text = [](const Config& c, const char* key) { return c.find<std::string>(key); };
  const auto whole = [](const Config& c, const char* key) { return c.find<int64_t>(key); };
  check("train.seed", whole(stored, "train.seed"), whole(config, "train.seed"));
  for (const char* key : {"train.out", "train.init"})
    check(key, text(stored, key), text(config, key));
  // The place in an epoch is kept as a number of batches.
  const char* size = "train.batch_size";
  if (!checkpoint.empty() && optim::read_progress(checkpoint).loader.batch > 0 &&
      whole(stored, size) != whole(config, size))
    config.refuse(
        size,
        "the run stands in the middle of an epoch, which goes on with the batches that it "
        "began with");
}

}  // namespace

TrainingResult run_training(Config& config, const RunFolder& folder, bool resume) {
  const RunFolder::Lock lock = folder.lock();
  const std::string checkpoint = resume ? folder.last_checkpoint() : "";
  if (resume) check_resumed(folder, checkpoint, config);
  Experiment e = make_experiment_in(folder, config, !checkpoint.empty());
  optim::Trainer& trainer = *e.trainer;
  // A run that cannot go on stays as it is: nothing is written before its checkpoint is read.
  if (!checkpoint.empty()) trainer.resume(checkpoint);
  folder.write_config(config);
  if (e.source.is_text()) e.source.tokenizer->save(folder.tokenizer());
  folder.write_environment(environment_report());
  if (!checkpoint.empty()) {
    fmt::print(stderr, "resuming {} after step {}\n", folder.path(), trainer.progress().step);
  }
  fmt::print(stderr, "{} ({} parameters) on {}: {} training samples, {} test samples, {} threads\n",
             config.get<std::string>("model.name"), e.model->parameter_count(), e.source.name,
             e.source.train->size(), e.source.test->size(), num_threads());

  MetricsWriter metrics(folder.metrics_file(), trainer.progress().step);
  TrainingProgress progress(trainer.total_steps());
  Json last_loss = nullptr;  // of this process
  trainer.add_callback({.on_step =
                            [&](const optim::StepReport& r) {
                              metrics.write(r);
                              progress.step(r);
                              last_loss = r.loss;
                            },
                        .on_eval =
                            [&](const optim::EvalReport& r) {
                              metrics.write(r);
                              progress.evaluation(r);
                            },
                        .should_stop = interrupted});
  TrainingResult result;
  {
    const InterruptScope scope;
    result.finished = trainer.run();
  }
  progress.finish();
  const optim::Progress& p = trainer.progress();
  const optim::EvalReport& eval = trainer.last_eval();
  // What was not measured is null.
  const auto measured = [](bool is, double value) { return is ? Json(value) : Json(nullptr); };
  const bool evaluated = eval.step > 0, has_best = p.best_step > 0;
  const double seconds = trainer.train_seconds();
  result.report = {{"run_dir", folder.path()},
                   {"model", config.get<std::string>("model.name")},
                   {"dataset", e.source.name},
                   {"train_samples", e.source.train->size()},
                   {"test_samples", e.source.test->size()},
                   {"parameters", e.model->parameter_count()},
                   {"steps", p.step},
                   {"epochs", p.epoch},
                   {"train_loss", last_loss},
                   {"test_loss", measured(evaluated, eval.loss)},
                   {"test_accuracy", measured(evaluated, eval.accuracy)},
                   {"best_step", p.best_step},
                   {"best_test_loss", measured(has_best, p.best_loss)},
                   {"best_test_accuracy", measured(has_best, p.best_accuracy)},
                   {"train_seconds", seconds},
                   {"samples_per_second",
                    measured(seconds > 0, static_cast<double>(trainer.samples_seen()) / seconds)},
                   {"peak_memory_bytes", peak_memory_bytes()},
                   {"threads", num_threads()},
                   {"finished", result.finished}};
  return result;
}

int exit_code(const TrainingResult& result) {
  if (result.finished) return kOk;
  fmt::print(stderr, "interrupted after step {}; go on with: tito train --resume {}\n",
             result.report["steps"].get<int64_t>(), result.report["run_dir"].get<std::string>());
  return kInterrupted;
}

}  // namespace tinytorch::cli
