#pragma once
// What a milestone passes on: evidence from a training on real data. A program of a milestone says
// how it trains; this runs it, watches, and writes one JSON object to standard output.
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tinytorch/nn/module.h"
#include "tinytorch/optim/optimizer.h"

namespace tinytorch::milestone {

struct Plan {
  // Called after the generator got the seed 1; twice in all.
  std::function<std::shared_ptr<nn::Module>()> model;
  std::function<std::unique_ptr<optim::Optimizer>(const std::vector<Tensor>&)> optimizer;
  // Samples and targets of a step: the same for the same step.
  std::function<std::pair<Tensor, Tensor>(int64_t step)> batch;
  std::function<Tensor(const Tensor& output, const Tensor& target)> loss;
  std::function<double(int64_t step)> learning_rate;  // left out: the optimizer's own
  std::function<double(nn::Module&)> accuracy;        // on samples that were not trained on
  int64_t steps = 0;
  double bar = 0;  // that the accuracy reaches
  double seconds_limit = 0;
};

struct Claim {  // something more that must hold, and the number it follows from
  std::string name;
  double value = 0;
  bool holds = false;
};

// The program of a milestone. Selects what a lab runs (the readable variant of every kernel),
// trains as planned, then the first 50 steps again from the start. 0 if all evidence is there:
//   - the loss falls: the mean of the last tenth of the steps is below 90 % of that of the first
//   - in the first 50 steps every parameter's gradient is there and finite, and not always zero;
//     where it is not, the training ends there
//   - every parameter has other values in the end
//   - the accuracy reaches the bar
//   - both runs give the same losses, bit for bit
//   - all of it took no longer than seconds_limit
//   - each of the claims holds
// An error on the way is told in the same object, and is no pass.
int certify(const std::string& name, const std::function<Plan()>& plan,
            const std::function<std::vector<Claim>()>& claims = {});

// A training without evidence, for a claim about another network: its accuracy.
double accuracy_after_training(const Plan& plan);

// The share of rows of `logits` whose largest value stands where `target` says.
double share_right(const Tensor& logits, const Tensor& target);

}  // namespace tinytorch::milestone
