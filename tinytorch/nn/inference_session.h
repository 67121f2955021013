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
  // fn(x), a call into `module`: by a plan, from the third call with inputs of one layout on. Only
  // in InferenceMode without a graph, with fusion on, for modules in evaluation and without hooks.
  // Plans are made anew when a parameter or buffer has changed, or another kernel is selected; the
  // module's children and settings must stay as they are.
  Tensor run(Module& module, const Plan::Function& fn, const Tensor& x);
  const Plan* plan_for(const Tensor& x, std::string* why = nullptr) const {
    return calls_.plan_for(x, why);
  }

 private:
  bool holds(const Module& module, WeightPrecision weights) const;
  bool look_at(Module& module, WeightPrecision weights);
  const Module* module_ = nullptr;
  WeightPrecision weights_ = WeightPrecision::kF32;
  uint32_t selections_ = 0;
  WatchedTensors state_;
  std::vector<std::shared_ptr<Module>> parts_;
  PlannedCalls calls_;
};

// A module that serves requests: module(x) in InferenceMode, by plans (ModulePlans::run). Results
// have the bits of the module's own. The module must outlive the session; one thread at a time.
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
