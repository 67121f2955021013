#include "modules/autograd/debug/early-stopping.h"

#include "tinytorch/core/autograd.h"
#include "tinytorch/ops/ops.h"

namespace tinytorch::hunt {

Monitor::Monitor(nn::Module& model, const MonitorOptions& options)
    : model_(model), options_(options) {}

// The mean loss over the samples.
Tensor Monitor::evaluate(const Tensor& x, const Tensor& target) {
  const bool was_training = model_.training();
  model_.eval();  // no dropout, no new statistics
  const Tensor logits = model_(x);
  model_.train(was_training);
  const Tensor right = eq(logits.argmax(1), target).to(DType::kF32);
  accuracy_ = right.mean().item();
  return cross_entropy(logits, target);
}

double Monitor::validate(const Tensor& x, const Tensor& target) {
  const NoGrad no_grad;  // what is only looked at needs no graph
  const Tensor loss = evaluate(x, target);
  smoothed_ = smoothed_.defined() ? smoothed_ * options_.decay + loss * (1 - options_.decay) : loss;

  const double value = smoothed_.item();
  history_.push_back(value);
  window_.push_back(loss.item());
  if (window_.size() > 5) window_.pop_front();

  if (value < best_ - options_.least_gain) {
    best_ = value;
    without_gain_ = 0;
    if (options_.keep_best) remember();
  } else {
    ++without_gain_;
  }
  return value;
}

// The weights of before are overwritten: no memory but one copy is ever held.
void Monitor::remember() {
  const std::vector<Tensor> weights = model_.parameters();
  if (best_weights_.empty())
    for (const Tensor& w : weights) best_weights_.push_back(w.detach().clone());
  for (size_t i = 0; i < weights.size(); ++i) best_weights_[i].copy_(weights[i].detach());
}

void Monitor::restore_best() {
  const NoGrad no_grad;
  const std::vector<Tensor> weights = model_.parameters();
  for (size_t i = 0; i < best_weights_.size(); ++i) {
    Tensor w = weights[i];
    w.copy_(best_weights_[i]);
  }
}

// Least squares through the last losses.
double Monitor::trend() const {
  const auto n = static_cast<double>(window_.size());
  if (n < 2) return 0;
  double x_mean = (n - 1) / 2, y_mean = 0, above = 0, below = 0;
  for (const double y : window_) y_mean += y / n;
  for (size_t i = 0; i < window_.size(); ++i) {
    const double dx = static_cast<double>(i) - x_mean;
    above += dx * (window_[i] - y_mean);
    below += dx * dx;
  }
  return above / below;
}

std::string Monitor::str() const {
  if (history_.empty()) return "no validation yet";
  return "loss " + std::to_string(history_.back()) + " (best " + std::to_string(best_) +
         "), accuracy " + std::to_string(accuracy_) + ", trend " + std::to_string(trend()) +
         ", without gain " + std::to_string(without_gain_) + " of " +
         std::to_string(options_.patience);
}

}  // namespace tinytorch::hunt
