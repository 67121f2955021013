#pragma once
// Watches a training: validates now and then, smooths the loss, remembers the best weights, says
// when to stop.
#include <deque>
#include <string>
#include <vector>

#include "tinytorch/nn/module.h"

namespace tinytorch::hunt {

struct MonitorOptions {
  double decay = 0.8;        // of the smoothed loss: the share of what was before
  int patience = 5;          // validations without improvement until it is time to stop
  double least_gain = 1e-4;  // what counts as improvement
  bool keep_best = true;     // whether the best weights are copied
};

class Monitor {
 public:
  Monitor(nn::Module& model, const MonitorOptions& options);

  // Loss and accuracy on held-out samples; the model is in evaluation mode meanwhile. Gives the
  // smoothed loss.
  double validate(const Tensor& x, const Tensor& target);

  bool should_stop() const { return without_gain_ >= options_.patience; }
  double best() const { return best_; }
  double accuracy() const { return accuracy_; }  // of the last validation
  const std::vector<double>& history() const { return history_; }
  double trend() const;     // slope of the last losses; 0 before there are two
  void restore_best();      // copies the best weights back
  std::string str() const;  // one line

 private:
  Tensor evaluate(const Tensor& x, const Tensor& target);
  void remember();
  nn::Module& model_;
  MonitorOptions options_;
  Tensor smoothed_;
  std::deque<double> window_;  // the last five
  std::vector<double> history_;
  std::vector<Tensor> best_weights_;
  double best_ = 1e300, accuracy_ = 0;
  int without_gain_ = 0;
};

}  // namespace tinytorch::hunt
