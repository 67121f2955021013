#pragma once
#include <memory>
#include <vector>

#include "tinytorch/nn/module.h"
#include "tinytorch/ops/inference.h"
#include "tinytorch/ops/plan.h"

namespace tinytorch::nn {

// The plans (ops/plan.h) of calls into one module.
class ModulePlans {
 public:
  // fn(x), a call into `module`: by a plan, from the fourth call with inputs of one layout on. Only
  // in InferenceMode without a graph, with fusion on, for modules in evaluation and without hooks.
  // fn uses no tensors but x, those that it makes, the module's parameters and buffers, and
  // `state`, whose contents it may change; else there is no plan. Plans are made anew when a
  // parameter, a buffer or a child has been changed, replaced or registered, and when another
  // kernel is selected. What else decides what fn does must stay as it is: the settings of modules,
  // and what fn reads through pointers that it had before.
  Tensor run(Module& module, const Plan::Function& fn, const Tensor& x,
             const std::vector<Tensor>& state = {});
  const Plan* plan_for(const Tensor& x, std::string* why = nullptr) const {
    return calls_.plan_for(x, why);
  }

 private:
  bool hold(const Module& module, WeightPrecision weights) const;
  bool collect(const Module& module);
  WeightPrecision weights_ = WeightPrecision::kF32;
  uint32_t selections_ = 0;
  WatchedTensors known_;
  struct Part {
    const Module* module;  // lives as long as the parts above it have their revisions
    uint64_t revision;
  };
  std::vector<Part> parts_;  // the module, and all below it
  PlannedCalls calls_;
};

// A module that serves requests: module(x) in InferenceMode, by plans (see ModulePlans::run for
// what a forward must and must not do). Results have the bits of the module's own. The module must
// outlive the session; one thread at a time.
//   model->eval();
//   nn::InferenceSession session(*model);
//   const Tensor logits = session(images);
class InferenceSession {
 public:
  explicit InferenceSession(Module& module, WeightPrecision weights = WeightPrecision::kF32)
      : module_(module), weights_(weights) {}
  Tensor operator()(const Tensor& x);
  // The same of the rows of x by `rows` of them at a time: memory for these is enough, and one plan
  // serves them. For modules whose results have a row for each of x.
  Tensor by_rows(const Tensor& x, int64_t rows);
  const ModulePlans& plans() const { return plans_; }

 private:
  Module& module_;
  WeightPrecision weights_;
  ModulePlans plans_;
};

}  // namespace tinytorch::nn
