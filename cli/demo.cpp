// tito demo: the main job in one command. Trains the convolutional network on Fashion-MNIST; where
// that data set is not installed, on the digits that ship.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/training.h"
#include "tinytorch/data/datasets.h"

namespace tinytorch::cli {

namespace {

constexpr const char* kFashion = R"(
[model]
name = "cnn"
[data]
name = "fashion-mnist"
[optim]
name = "adam"
lr = 0.002
[schedule]
name = "cosine"
warmup_steps = 100
[train]
batch_size = 128
epochs = 3
)";

constexpr const char* kDigits = R"(
[model]
name = "cnn"
[data]
name = "digits"
[optim]
name = "adam"
lr = 0.003
[schedule]
name = "cosine"
warmup_steps = 20
[train]
batch_size = 64
epochs = 12
)";

int run(const Args& args) {
  const bool fashion = data::has_dataset("fashion-mnist");
  if (!fashion)
    fmt::print(stderr,
               "The Fashion-MNIST data are not on this machine (Debian's package "
               "dataset-fashion-mnist): training on "
               "the 1,797 digits that ship instead.\n");
  Config config = Config::parse(fashion ? kFashion : kDigits, "demo");
  const RunFolder folder = RunFolder::create(config);
  const TrainingResult result = run_training(config, folder, false);
  if (args.json()) {
    print_json(result.report);
  } else if (result.finished) {
    const auto& r = result.report;
    fmt::print(
        "A convolutional network with {} parameters learnt {} ({} images) in {:.1f} s, {:.0f} "
        "images a second.\n"
        "It names {:.2f} % of {} images that it never saw. The run is in {}.\n",
        r["parameters"].get<int64_t>(), r["dataset"].get<std::string>(),
        r["train_samples"].get<int64_t>(), r["train_seconds"].get<double>(),
        r["samples_per_second"].get<double>(), 100 * r["test_accuracy"].get<double>(),
        r["test_samples"].get<int64_t>(), folder.path());
  }
  return exit_code(result);
}

}  // namespace

extern const Command demo_command{
    "demo", "train a network on real images, in one command", "tito demo --json", {}, {}, run};

}  // namespace tinytorch::cli
