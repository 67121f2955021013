#pragma once
// The rows of a data set that a classifier finds hardest, for a person to look at.
#include <vector>

#include "tinytorch/core/tensor.h"
#include "tinytorch/nn/module.h"

namespace tinytorch::hunt {

struct Example {
  int64_t row = 0;    // in the data set
  double loss = 0;    // its cross-entropy
  int64_t label = 0;  // what it should be
  int64_t guess = 0;  // what the model says
  Tensor features;    // the row itself
};

// Watches batches go by and keeps the `most` rows with the largest loss.
class HardExamples {
 public:
  HardExamples(nn::Module& model, int64_t most);
  // x (n, features) with labels (n), in the order of the data set. The batch is the caller's.
  void watch(const Tensor& x, const Tensor& labels);
  // The hardest first; of equal losses the earlier row.
  const std::vector<Example>& found() const { return found_; }
  double mean_loss() const { return seen_ ? total_ / static_cast<double>(seen_) : 0; }

 private:
  bool is_hard(double loss) const;
  void insert(Example example);

  nn::Module& model_;
  size_t most_;
  std::vector<Example> found_;
  int64_t seen_ = 0;
  double total_ = 0;
};

}  // namespace tinytorch::hunt
