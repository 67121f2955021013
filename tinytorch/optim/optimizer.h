#pragma once
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tinytorch/core/tensor.h"

namespace tinytorch::optim {

// Changes parameters by their gradients. A step runs over one table of chunks of all parameters, in
// one parallel region; parameters without a gradient are left alone and their step count with them.
class Optimizer {
 public:
  virtual ~Optimizer() = default;
  Optimizer(const Optimizer&) = delete;
  Optimizer& operator=(const Optimizer&) = delete;

  virtual void step() = 0;
  void zero_grad();  // drops the gradients; their memory serves the next backward
  double lr() const { return lr_; }
  void set_lr(double lr) { lr_ = lr; }
  const std::vector<Tensor>& parameters() const { return parameters_; }

  // Everything a checkpoint needs beside the parameters and lr: state tensors named
  // "<state>.<parameter number>" ("momentum.0") and the step count of each parameter.
  std::vector<std::pair<std::string, Tensor>> state_tensors() const;
  const std::vector<int64_t>& steps() const { return steps_; }
  // IoError when names, shapes or dtypes do not fit this optimizer.
  void load_state(const std::vector<std::pair<std::string, Tensor>>& tensors,
                  const std::vector<int64_t>& steps);

 protected:
  // state_names: the state tensors that each parameter has, made at its first step and filled with
  // state_start.
  Optimizer(std::vector<Tensor> parameters, double lr, std::vector<std::string> state_names,
            double state_start = 0);
  // Counts the steps up and hands out the chunks of all parameters of one dtype at one step count:
  // run(std::vector<kernels::ParamChunk<T>>, step). One call in all, as a rule.
  template <class Run>
  void for_each_group(Run run);

  std::vector<Tensor> parameters_;
  double lr_;

 private:
  std::vector<std::string> state_names_;
  double state_start_;
  std::vector<std::vector<Tensor>> state_;  // [parameter][state]
  std::vector<int64_t> steps_;              // of each parameter
};

struct SgdOptions {
  double lr = 1e-3, momentum = 0, weight_decay = 0;
  bool nesterov = false;
};
// Defaults and formulas are PyTorch's (dampening 0): kernels/optim.h.
class Sgd : public Optimizer {
 public:
  Sgd(std::vector<Tensor> parameters, const SgdOptions& options);
  void step() override;

 private:
  SgdOptions options_;
};

struct AdamOptions {
  double lr = 1e-3, beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weight_decay = 0;
  bool decoupled =
      false;  // AdamW: weight_decay (PyTorch's default there is 0.01) apart from the moments
};
class Adam : public Optimizer {
 public:
  Adam(std::vector<Tensor> parameters, const AdamOptions& options);
  void step() override;

 private:
  AdamOptions options_;
};

struct RmspropOptions {
  double lr = 1e-2, alpha = 0.99, eps = 1e-8, weight_decay = 0, momentum = 0;
  bool centered = false;
};
class Rmsprop : public Optimizer {
 public:
  Rmsprop(std::vector<Tensor> parameters, const RmspropOptions& options);
  void step() override;

 private:
  RmspropOptions options_;
};

struct AdagradOptions {
  double lr = 1e-2, lr_decay = 0, weight_decay = 0, initial_accumulator_value = 0, eps = 1e-10;
};
class Adagrad : public Optimizer {
 public:
  Adagrad(std::vector<Tensor> parameters, const AdagradOptions& options);
  void step() override;

 private:
  AdagradOptions options_;
};

struct LionOptions {
  double lr = 1e-4, beta1 = 0.9, beta2 = 0.99, weight_decay = 0;
};
class Lion : public Optimizer {
 public:
  Lion(std::vector<Tensor> parameters, const LionOptions& options);
  void step() override;

 private:
  LionOptions options_;
};

// sqrt of the sum of squares of all gradients, computed in double.
double grad_norm(const std::vector<Tensor>& parameters);
// Scales all gradients by max_norm / (norm + 1e-6) when the norm is larger; gives the norm before.
double clip_grad_norm(const std::vector<Tensor>& parameters, double max_norm);
void scale_grads(const std::vector<Tensor>& parameters, double factor);
// Puts every element of the gradients into -limit .. limit. ConfigError unless limit is positive.
void clip_grad_value(const std::vector<Tensor>& parameters, double limit);

}  // namespace tinytorch::optim
