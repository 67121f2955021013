#include "tinytorch/nn/inference_session.h"

#include <algorithm>

#include "tinytorch/core/format.h"
#include "tinytorch/kernels/registry.h"

namespace tinytorch::nn {

namespace {

// The modules below; false when one of them, or m itself, is in training or has a hook.
bool collect(const Module& m, std::vector<std::shared_ptr<Module>>& parts) {
  if (m.training() || m.has_hooks()) return false;
  for (const auto& [name, child] : m.children()) {
    parts.push_back(child);
    if (!collect(*child, parts)) return false;
  }
  return true;
}

}  // namespace

bool ModulePlans::holds(const Module& module, WeightPrecision weights) const {
  if (module_ != &module || weights_ != weights || selections_ != kernels::kernel_selections() ||
      module.training() || module.has_hooks())
    return false;
  return state_.unchanged() && std::none_of(parts_.begin(), parts_.end(), [](const auto& part) {
           return part->training() || part->has_hooks();
         });
}

bool ModulePlans::look_at(Module& module, WeightPrecision weights) {
  module_ = nullptr;
  calls_.forget();
  parts_.clear();
  if (!collect(module, parts_)) return false;
  std::vector<Tensor> tensors;
  for (const auto& [name, tensor] : module.state_dict()) tensors.push_back(tensor);
  state_ = WatchedTensors(tensors);
  module_ = &module, weights_ = weights, selections_ = kernels::kernel_selections();
  return true;
}

Tensor ModulePlans::run(Module& module, const Plan::Function& fn, const Tensor& x) {
  const auto weights = InferenceMode::current();
  if (!weights || grad_enabled() || !fusion_enabled()) return fn(x);
  if (!holds(module, *weights) && !look_at(module, *weights)) return fn(x);
  return calls_(fn, x);
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
