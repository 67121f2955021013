#pragma once
#include <vector>

#include "tinytorch/core/tensor.h"

namespace tinytorch::hunt {

// Keeps the examples of a training run that the model finds hardest, to look at them afterwards:
// those with the largest losses, at most `capacity`, the hardest first.
class HardExamples {
 public:
  struct Example {
    double loss;
    int64_t batch;  // which call of add brought it, from 0
    Tensor input;   // without the batch dimension
  };

  explicit HardExamples(size_t capacity) : capacity_(capacity) {}

  // A batch of inputs [n, ...] and the loss of each [n] (f32). The caller may fill the same tensors
  // with the next batch, or let go of them.
  void add(const Tensor& inputs, const Tensor& losses);

  const std::vector<Example>& examples() const { return examples_; }
  // The loss that an example must exceed to be kept; below every loss while there is room.
  double threshold() const;
  // The hardest `n` inputs in one tensor [n, ...].
  Tensor hardest(size_t n) const;
  int64_t bytes() const;  // that the kept examples need

 private:
  void insert(Example example);

  size_t capacity_;
  int64_t batches_ = 0;
  std::vector<Example> examples_;  // by falling loss
};

}  // namespace tinytorch::hunt
