#include "modules/tensor/debug/hard-examples.h"

#include <algorithm>
#include <limits>

#include "tinytorch/core/dtype.h"

namespace tinytorch::hunt {

double HardExamples::threshold() const {
  if (capacity_ == 0) return std::numeric_limits<double>::infinity();
  if (examples_.size() < capacity_) return -std::numeric_limits<double>::infinity();
  return examples_.back().loss;
}

void HardExamples::insert(Example example) {
  const auto place =
      std::upper_bound(examples_.begin(), examples_.end(), example,
                       [](const Example& a, const Example& b) { return a.loss > b.loss; });
  examples_.insert(place, std::move(example));
  if (examples_.size() > capacity_) examples_.pop_back();
}

void HardExamples::add(const Tensor& inputs, const Tensor& losses) {
  if (inputs.dim() < 1 || losses.dim() != 1 || inputs.size(0) != losses.size(0))
    throw ShapeError("HardExamples: inputs of shape " + inputs.shape().str() +
                     " do not go with losses of shape " + losses.shape().str() + ".");
  const std::vector<float> values = to_vector<float>(losses);
  for (size_t i = 0; i < values.size(); ++i) {
    const auto loss = static_cast<double>(values[i]);
    if (!(loss > threshold())) continue;
    insert({loss, batches_, inputs.select(0, static_cast<int64_t>(i)).clone()});
  }
  ++batches_;
}

Tensor HardExamples::hardest(size_t n) const {
  if (n > examples_.size() || n == 0)
    throw IndexError("HardExamples: " + std::to_string(n) + " examples were asked for, " +
                     std::to_string(examples_.size()) + " are kept.");
  Shape shape = examples_[0].input.shape();
  shape.insert(0, static_cast<int64_t>(n));
  Tensor out = empty(shape, examples_[0].input.dtype());
  for (size_t i = 0; i < n; ++i) out.select(0, static_cast<int64_t>(i)).copy_(examples_[i].input);
  return out;
}

int64_t HardExamples::bytes() const {
  int64_t sum = 0;
  for (const Example& example : examples_)
    sum += example.input.numel() * static_cast<int64_t>(item_size(example.input.dtype()));
  return sum;
}

}  // namespace tinytorch::hunt
