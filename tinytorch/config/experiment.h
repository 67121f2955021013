#pragma once
#include <memory>
#include <string>

#include "tinytorch/config/config.h"
#include "tinytorch/core/dataloader.h"
#include "tinytorch/data/datasets.h"
#include "tinytorch/nn/models.h"
#include "tinytorch/optim/trainer.h"

namespace tinytorch {

// An experiment is a Config with the tables [model] [data] [optim] [schedule] [train]. These
// functions make the objects that it describes; each reads its keys, so that reject_unknown()
// afterwards finds the rest. Sizes that follow from the data (channels, image size, classes,
// vocabulary) are written back as defaults: a resolved config describes the model without its data.

// data.name, data.normalize; for normalised images data.mean and data.std, which are written back
// when they follow from the training set; for text model.block_size, data.tokenizer and
// data.vocab_size. A run's own tokenizer, when `run_tokenizer` is the folder of one, comes before
// data.tokenizer.
data::DataSource read_data(Config& config, const std::string& run_tokenizer = "");
// What data.normalize subtracts from pixels of 0 to 1, and divides by: as the config has it, else
// from the data, which are loaded. Empty when it does neither, or the data are text.
data::ChannelStats read_normalization(Config& config);
// model.name: "sequential" for a config with [[model.layers]] (layers.h).
std::string model_name(const Config& config);
// [model] of a ready model. Loads the data only if a size is missing and `source` is null.
nn::ModelSpec read_model(Config& config, const data::DataSource* source = nullptr);
// train.dtype
DType read_dtype(const Config& config);
// [optim], for these parameters.
std::unique_ptr<optim::Optimizer> read_optimizer(const Config& config, const nn::Module& model);

// Everything that a training run needs, ready to run.
struct Experiment {
  data::DataSource source;
  std::shared_ptr<nn::Module> model;
  std::unique_ptr<optim::Optimizer> optimizer;
  std::unique_ptr<DataLoader> train, test;
  std::unique_ptr<optim::Trainer> trainer;
};
// Seeds the default generator with train.seed, builds, loads train.init. `checkpoints`: where the
// trainer writes. `resume`: the trainer will resume from one of them, so train.init is not read.
// `run_tokenizer`: as for read_data. Refuses unknown keys, and sizes that do not fit the data.
Experiment make_experiment(Config& config, const std::string& checkpoints, bool resume = false,
                           const std::string& run_tokenizer = "");

// The model alone, for evaluation and inference.
std::shared_ptr<nn::Module> make_model(Config& config, const data::DataSource* source = nullptr);
// The test set of a run as a loader.
std::unique_ptr<DataLoader> make_test_loader(const Config& config, const data::DataSource& source);

}  // namespace tinytorch
