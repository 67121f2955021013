#include "modules/mlp/debug/hard-examples.h"

#include <algorithm>

#include "tinytorch/core/autograd.h"
#include "tinytorch/core/error.h"
#include "tinytorch/ops/ops.h"

namespace tinytorch::hunt {

HardExamples::HardExamples(nn::Module& model, int64_t most)
    : model_(model), most_(static_cast<size_t>(most)) {
  if (most < 1) throw ConfigError("HardExamples: it must keep at least 1 row.");
  found_.reserve(most_ + 1);
}

bool HardExamples::is_hard(double loss) const {
  return found_.size() < most_ || loss > found_.back().loss;
}

// Behind all that are at least as hard, so that of equal ones the earlier stands first.
void HardExamples::insert(Example example) {
  const auto place = std::find_if(found_.begin(), found_.end(),
                                  [&](const Example& other) { return other.loss < example.loss; });
  found_.insert(place, std::move(example));
  if (found_.size() > most_) found_.pop_back();
}

void HardExamples::watch(const Tensor& x, const Tensor& labels) {
  if (x.dim() != 2 || labels.shape() != Shape{x.size(0)})
    throw ShapeError("HardExamples: x " + x.shape().str() + " and labels " + labels.shape().str() +
                     " must be (n, features) and (n).");
  const NoGrad no_grad;  // nothing here is trained: no graph
  const bool training = model_.training();
  model_.eval();
  const Tensor logits = model_(x);
  model_.train(training);

  const std::vector<float> losses =
      to_vector<float>(cross_entropy(logits, labels, Reduction::kNone));
  const std::vector<int64_t> guesses = to_vector<int64_t>(logits.argmax(1));
  const std::vector<int64_t> wanted = to_vector<int64_t>(labels);
  for (size_t i = 0; i < losses.size(); ++i) {
    const double loss = static_cast<double>(losses[i]);
    total_ += loss;
    if (!is_hard(loss)) continue;
    Example example;
    example.row = seen_ + static_cast<int64_t>(i);
    example.loss = loss;
    example.label = wanted[i];
    example.guess = guesses[i];
    example.features = x.select(0, static_cast<int64_t>(i));
    insert(std::move(example));
  }
  seen_ += x.size(0);
}

}  // namespace tinytorch::hunt
