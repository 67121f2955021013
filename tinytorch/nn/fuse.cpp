#include "tinytorch/nn/fuse.h"

#include <typeinfo>

#include "tinytorch/nn/activation.h"
#include "tinytorch/nn/conv.h"
#include "tinytorch/nn/linear.h"
#include "tinytorch/nn/norm.h"

namespace tinytorch::nn {

namespace {

// m as an M; null for every other class: one derived from M may have a forward of its own.
template <class M>
M* exactly(Module& m) {
  return typeid(m) == typeid(M) ? static_cast<M*>(&m) : nullptr;
}

Fused activation_of(Module& m) {
  if (m.has_hooks()) return Fused::kNone;
  if (exactly<ReLU>(m)) return Fused::kRelu;
  if (const auto* gelu = exactly<GELU>(m))
    return gelu->form == GeluForm::kErf ? Fused::kGelu : Fused::kGeluTanh;
  return Fused::kNone;
}

// Applies m with `activation` in one kernel; undefined when m cannot.
Tensor apply_with(Module& m, const Tensor& x, Fused activation) {
  if (auto* linear = exactly<Linear>(m)) return linear->forward(x, activation);
  if (auto* conv = exactly<Conv2d>(m))
    return activation == Fused::kRelu ? conv->forward(x, activation) : Tensor();
  if (auto* norm = exactly<BatchNorm2d>(m))
    return activation == Fused::kRelu ? norm->forward(x, {}, activation) : Tensor();
  return {};
}

// Convolution, ReLU and 2x2 pooling as one pass, when children i .. i + 2 are that; else undefined.
Tensor convolve_and_pool(
    const std::vector<std::pair<std::string, std::shared_ptr<Module>>>& children, size_t i,
    const Tensor& x) {
  if (i + 2 >= children.size()) return {};
  auto* conv = exactly<Conv2d>(*children[i].second);
  Module& pool = *children[i + 2].second;
  const auto* max_pool = exactly<MaxPool2d>(pool);
  if (!conv || !max_pool || conv->has_hooks() || pool.has_hooks()) return {};
  if (activation_of(*children[i + 1].second) != Fused::kRelu || !max_pool->halves()) return {};
  return conv->forward_pooled(x, Fused::kRelu);
}

}  // namespace

Tensor run_fused(const Sequential& modules, const Tensor& x) {
  Tensor out = x;
  const auto children = modules.children();
  for (size_t i = 0; i < children.size(); ++i) {
    Module& m = *children[i].second;
    const Fused next =
        i + 1 < children.size() ? activation_of(*children[i + 1].second) : Fused::kNone;
    Tensor fused;
    size_t behind = 1;  // children that the fused kernel covers beside m
    if (next != Fused::kNone && !m.has_hooks()) {
      try {
        fused = convolve_and_pool(children, i, out);
        if (fused.defined())
          behind = 2;
        else
          fused = apply_with(m, out, next);
      } catch (Error& error) {
        error.add_module(children[i].first);
        throw;
      }
    }
    if (fused.defined()) {
      out = std::move(fused);
      i += behind;
    } else {
      out = m(out);
    }
  }
  return out;
}

}  // namespace tinytorch::nn
