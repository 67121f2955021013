#pragma once
#include <string>
#include <vector>

#include "tinytorch/core/dataloader.h"
#include "tinytorch/core/random.h"
#include "tinytorch/nn/module.h"
#include "tinytorch/optim/optimizer.h"
#include "tinytorch/optim/schedule.h"

namespace tinytorch::optim {

// Where a training run stands between two steps. With the weights and the optimizer's state it is
// everything that the following steps depend on.
struct Progress {
  int64_t step = 0;   // steps done
  int64_t epoch = 0;  // epochs completed
  LoaderState loader;
  GeneratorState generator;
  int64_t best_step = 0;  // step of the best evaluation so far; 0: none
  double best_loss = 0, best_accuracy = 0;
  int64_t stale_evaluations = 0;  // in a row without a better loss
  PlateauState plateau;
};

// A checkpoint is a folder DIR/step-000000042 with model.safetensors, optimizer.safetensors and
// state.json, which holds the progress and the size and CRC-32 of the other two. It is written
// under another name, synced, and renamed: a run that is killed at any moment has a whole one or
// none.

// Writes the checkpoint of this progress into `dir` (made if missing); gives its folder.
std::string save_checkpoint(const std::string& dir, const nn::Module& model,
                            const Optimizer& optimizer, const Progress& progress);
// Reads it back. optimizer may be nullptr: weights only. IoError when a file is missing, damaged,
// or of another model; then nothing has been changed.
Progress load_checkpoint(const std::string& checkpoint, nn::Module& model, Optimizer* optimizer);

std::string checkpoint_path(const std::string& dir, int64_t step);
std::vector<int64_t> checkpoint_steps(const std::string& dir);  // rising; empty when there are none
Progress read_progress(const std::string& checkpoint);          // without the tensors
// Removes all checkpoints but those of the steps given, and what interrupted writes left behind.
void prune_checkpoints(const std::string& dir, const std::vector<int64_t>& keep);

}  // namespace tinytorch::optim
