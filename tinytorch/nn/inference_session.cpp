#include "tinytorch/nn/inference_session.h"

#include <algorithm>

#include "tinytorch/core/format.h"
#include "tinytorch/kernels/registry.h"

namespace tinytorch::nn {

// Parts come before what is below them: who is still what it was still owns its children.
bool ModulePlans::hold(const Module& module, WeightPrecision weights) const {
  return !parts_.empty() && parts_[0].module == &module && weights_ == weights &&
         selections_ == kernels::kernel_selections() &&
         std::all_of(parts_.begin(), parts_.end(),
                     [](const Part& p) {
                       return p.module->revision() == p.revision && !p.module->training() &&
                              !p.module->has_hooks();
                     }) &&
         known_.unchanged();
}

// The module and all below it; false when one of them is in training or has a hook.
bool ModulePlans::collect(const Module& module) {
  if (module.training() || module.has_hooks()) return false;
  parts_.push_back({&module, module.revision()});
  for (const auto& [name, child] : module.children())
    if (!collect(*child)) return false;
  return true;
}

Tensor ModulePlans::run(Module& module, const Plan::Function& fn, const Tensor& x,
                        const std::vector<Tensor>& state) {
  const auto weights = InferenceMode::current();
  if (!weights || grad_enabled() || !fusion_enabled()) return fn(x);
  if (!hold(module, *weights)) {
    calls_.forget();
    parts_.clear();
    if (!collect(module)) {
      parts_.clear();
      return fn(x);
    }
    std::vector<Tensor> constants;
    for (const auto& [name, tensor] : module.state_dict()) constants.push_back(tensor);
    known_ = WatchedTensors(constants, state);
    weights_ = *weights, selections_ = kernels::kernel_selections();
  }
  return calls_(fn, x, known_);
}

Tensor InferenceSession::operator()(const Tensor& x) {
  const InferenceMode inference(weights_);
  return plans_.run(module_, [this](const Tensor& input) { return module_(input); }, x);
}

Tensor InferenceSession::by_rows(const Tensor& x, int64_t rows) {
  if (rows < 1) raise<ConfigError>("by_rows: {} rows at a time must be at least 1.", rows);
  if (x.dim() == 0 || x.size(0) <= rows) return (*this)(x);
  const NoGrad no_grad;
  Tensor out;
  for (int64_t begin = 0; begin < x.size(0); begin += rows) {
    const int64_t n = std::min(rows, x.size(0) - begin);
    const Tensor y = (*this)(x.narrow(0, begin, n));
    if (y.dim() == 0 || y.size(0) != n)
      raise<ShapeError>("by_rows: {} rows of input give {}; the first sizes must agree.", n,
                        y.shape().str());
    if (!out.defined()) {
      Shape shape = y.shape();
      shape[0] = x.size(0);
      out = empty(shape, y.dtype());
    }
    out.narrow(0, begin, n).copy_(y);
  }
  return out;
}

}  // namespace tinytorch::nn
