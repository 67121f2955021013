// tito train: an experiment from a TOML file.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/training.h"
#include "tinytorch/core/parallel.h"

namespace tinytorch::cli {

namespace {

int run(const Args& args) {
  std::vector<std::string> words = args.list("CONFIG");
  const std::string resume = args.text("--resume");
  // The first word is the file unless it is an assignment.
  std::string file;
  if (!words.empty() && words[0].find('=') == std::string::npos) {
    file = words[0];
    words.erase(words.begin());
  }
  if (file.empty() && resume.empty())
    throw ConfigError(
        "train: no CONFIG.toml is given. Example: tito train examples/digits-mlp.toml "
        "train.epochs=3");
  if (!file.empty() && !resume.empty())
    throw ConfigError("train: " + file + " beside --resume " + resume +
                      ": a run goes on with its own configuration. Hint: leave " + file +
                      " out; key=value changes what may change.");
  Config config = resume.empty() ? Config::load(file) : RunFolder::open(resume).load_config();
  if (resume.empty()) config.override_from_environment();
  for (const std::string& word : words) {
    if (!resume.empty() && word.starts_with("model."))
      throw ConfigError(
          "train: " + word +
          ": a run goes on with the model that it has. Hint: start another run from " +
          RunFolder::open(resume).config_file() + ".");
    if (!resume.empty() && word.starts_with("optim.groups") && word.find("param") != word.npos)
      throw ConfigError("train: " + word +
                        ": a run goes on with the parameter groups that it has; their rates and "
                        "other numbers can change.");
    config.override_with(word);
  }
  num_threads();  // an environment that cannot be used is told before a folder is made
  const RunFolder folder = resume.empty() ? RunFolder::create(config) : RunFolder::open(resume);
  const TrainingResult result = run_training(config, folder, !resume.empty());
  if (args.json()) {
    print_json(result.report);
  } else if (result.finished) {
    if (result.report["train_seconds"] == 0)
      fmt::print(
          "nothing was left to do. Hint: give a larger train.epochs or train.max_steps, or "
          "train.patience "
          "where it ended early.\n");
    fmt::print("test accuracy {:.2f} %, test loss {:.4f} after {} steps; run in {}\n",
               100 * result.report["test_accuracy"].get<double>(),
               result.report["test_loss"].get<double>(), result.report["steps"].get<int64_t>(),
               folder.path());
  }
  return exit_code(result);
}

}  // namespace

extern const Command train_command{
    "train",
    "train a model as a TOML file describes it",
    "tito train examples/digits-mlp.toml optim.lr=0.003 train.epochs=5",
    {{"CONFIG", "CONFIG.toml, then overrides key=value", false, true}},
    {{"--resume", "RUN_DIR",
      "go on with a run from its newest checkpoint, with the run's own config"}},
    run};

}  // namespace tinytorch::cli
