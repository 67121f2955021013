#pragma once
#include <functional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "tinytorch/core/tensor.h"

namespace tinytorch::optim {

// Parameters that are changed by the same options: weight decay for matrices and none for biases, a
// smaller rate for the first layers. A parameter stands in one group.
template <class Options>
struct ParamGroup {
  std::vector<Tensor> parameters;
  Options options;
};

// Changes parameters by their gradients. A step runs over one table of chunks of all parameters of
// a group, in one parallel region; parameters without a gradient (frozen ones, say) are left alone
// and their step count with them. A parameter with gaps in memory is changed through a dense copy.
// ShapeError, before anything has changed, when a parameter's data was replaced by another size.
class Optimizer {
 public:
  virtual ~Optimizer() = default;
  Optimizer(const Optimizer&) = delete;
  Optimizer& operator=(const Optimizer&) = delete;

  virtual void step() = 0;
  void zero_grad();  // drops the gradients; their memory serves the next backward
  // The rate of the first group. Setting it keeps the ratios: every group's rate is multiplied by
  // lr over the first group's rate at the start, as PyTorch's schedules do.
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
  // Groups one behind the other: their parameters and rates. state_names: the state tensors that
  // each parameter has, made at its first step and filled with state_start.
  Optimizer(const std::vector<std::vector<Tensor>>& groups, const std::vector<double>& rates,
            std::vector<std::string> state_names, double state_start = 0);
  // Counts the steps up and hands out the chunks of all parameters of one group, one dtype and one
  // step count: run(std::vector<kernels::ParamChunk<T>>, step, group). One call a group, as a rule.
  template <class Run>
  void for_each_table(Run run);
  // The same one by one, without a graph, for optimizers that are written in tensor operations.
  struct Update {
    Tensor parameter, gradient;  // the parameter is to be changed in place
    std::span<Tensor> state;     // in the order of state_names
    int64_t step;                // from 1
    size_t group;
  };
  void for_each_parameter(const std::function<void(const Update&)>& update);
  double group_lr(size_t group) const { return lr_ * rate_ratios_[group]; }

 private:
  void check_fit() const;         // gradients and states against their parameters
  Tensor begin_update(size_t i);  // counts up, makes the state; undefined without a gradient
  std::vector<Tensor> parameters_;
  std::vector<size_t> group_of_;  // of each parameter
  std::vector<double> rate_ratios_;
  double lr_;
  std::vector<std::string> state_names_;
  double state_start_;
  std::vector<std::vector<Tensor>> state_;  // [parameter][state]
  std::vector<int64_t> steps_;              // of each parameter
};

// An optimizer that keeps the options of each group.
template <class Options>
class GroupedOptimizer : public Optimizer {
 public:
  const Options& options(size_t group = 0) const { return options_[group]; }

 protected:
  GroupedOptimizer(const std::vector<ParamGroup<Options>>& groups,
                   std::vector<std::string> state_names, double state_start = 0)
      : Optimizer(each(groups, &ParamGroup<Options>::parameters),
                  each(each(groups, &ParamGroup<Options>::options), &Options::lr),
                  std::move(state_names), state_start),
        options_(each(groups, &ParamGroup<Options>::options)) {}

 private:
  template <class T, class Member>
  static std::vector<Member> each(const std::vector<T>& list, Member T::* member) {
    std::vector<Member> out;
    out.reserve(list.size());
    for (const T& item : list) out.push_back(item.*member);
    return out;
  }
  std::vector<Options> options_;
};

struct SgdOptions {
  double lr = 1e-3, momentum = 0, weight_decay = 0;
  bool nesterov = false;
};
// Defaults and formulas are PyTorch's (dampening 0): kernels/optim.h.
class Sgd : public GroupedOptimizer<SgdOptions> {
 public:
  explicit Sgd(const std::vector<ParamGroup<SgdOptions>>& groups);
  Sgd(std::vector<Tensor> parameters, const SgdOptions& options)
      : Sgd({{std::move(parameters), options}}) {}
  void step() override;
};

struct AdamOptions {
  double lr = 1e-3, beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weight_decay = 0;
  bool decoupled =
      false;  // AdamW: weight_decay (PyTorch's default there is 0.01) apart from the moments
};
class Adam : public GroupedOptimizer<AdamOptions> {
 public:
  explicit Adam(const std::vector<ParamGroup<AdamOptions>>& groups);
  Adam(std::vector<Tensor> parameters, const AdamOptions& options)
      : Adam({{std::move(parameters), options}}) {}
  void step() override;
};

struct RmspropOptions {
  double lr = 1e-2, alpha = 0.99, eps = 1e-8, weight_decay = 0, momentum = 0;
  bool centered = false;
};
class Rmsprop : public GroupedOptimizer<RmspropOptions> {
 public:
  explicit Rmsprop(const std::vector<ParamGroup<RmspropOptions>>& groups);
  Rmsprop(std::vector<Tensor> parameters, const RmspropOptions& options)
      : Rmsprop({{std::move(parameters), options}}) {}
  void step() override;
};

struct AdagradOptions {
  double lr = 1e-2, lr_decay = 0, weight_decay = 0, initial_accumulator_value = 0, eps = 1e-10;
};
class Adagrad : public GroupedOptimizer<AdagradOptions> {
 public:
  explicit Adagrad(const std::vector<ParamGroup<AdagradOptions>>& groups);
  Adagrad(std::vector<Tensor> parameters, const AdagradOptions& options)
      : Adagrad({{std::move(parameters), options}}) {}
  void step() override;
};

struct LionOptions {
  double lr = 1e-4, beta1 = 0.9, beta2 = 0.99, weight_decay = 0;
};
class Lion : public GroupedOptimizer<LionOptions> {
 public:
  explicit Lion(const std::vector<ParamGroup<LionOptions>>& groups);
  Lion(std::vector<Tensor> parameters, const LionOptions& options)
      : Lion({{std::move(parameters), options}}) {}
  void step() override;
};

// sqrt of the sum of squares of all gradients, computed in double.
double grad_norm(const std::vector<Tensor>& parameters);
// Scales all gradients by max_norm / (norm + 1e-6) when the norm is larger; gives the norm before.
double clip_grad_norm(const std::vector<Tensor>& parameters, double max_norm);
void scale_grads(const std::vector<Tensor>& parameters, double factor);
// Puts every element of the gradients into -limit .. limit. ConfigError unless limit is positive.
void clip_grad_value(const std::vector<Tensor>& parameters, double limit);

}  // namespace tinytorch::optim
