// A tensor's place in the autograd graph.
#include "tinytorch/core/autograd_impl.h"
#include "tinytorch/core/format.h"

namespace tinytorch {

TensorBase& Tensor::checked_base() const {
  if (!base_) [[unlikely]]
    static_cast<void>(shape());  // raises, as every accessor does
  return *base_;
}

bool Tensor::is_leaf() const {
  const TensorBase& base = checked_base();
  return !base.requires_grad || !base.grad_fn || is_leaf_node(base.grad_fn);
}

Tensor& Tensor::set_requires_grad(bool on) {
  if (!is_leaf())
    raise<GradError>(
        "set_requires_grad: this tensor of shape {} is the result of {}, not a leaf. Hint: "
        "detach() "
        "it first.",
        shape().str(), base_->grad_fn->name());
  if (on && !is_floating(dtype()))
    raise<GradError>(
        "set_requires_grad: a tensor of dtype {} has no gradient. Hint: to(DType::kF32).",
        dtype_name(dtype()));
  base_->requires_grad = on;
  return *this;
}

Tensor Tensor::grad() const {
  TensorBase* grad = checked_base().grad;
  return grad ? GraphAccess::handle(grad) : Tensor();
}

void Tensor::set_grad(const Tensor& g) {
  if (g.defined() && (g.shape() != shape() || g.dtype() != dtype()))
    raise<ShapeError>("set_grad: a gradient {} {} does not fit the tensor {} {}.",
                      dtype_name(g.dtype()), g.shape().str(), dtype_name(dtype()), shape().str());
  GraphAccess::set_grad(&checked_base(), g);
}

Tensor& Tensor::adopt_graph(const Tensor& result) {
  GraphAccess::set_node(base_.get(), Ref<Node>(GraphAccess::node_of(result)),
                        result.base_->output_nr);
  return *this;
}

Tensor Tensor::detach() const {
  Tensor out = alias(*this, layout());
  out.base_->is_view = false;  // a change of it is no change of this tensor's graph
  return out;
}

// Note: views and in-place changes. A view's node leads to the node that its base had when the view
// was taken. Once a recorded in-place change has given the base another node, the view's values
// have the change in them and its node has not. PyTorch gives such a view a new node; here using it
// is an error. A leaf's node never changes, so its views stay good whatever is done under NoGrad.
void TensorBase::become_view(const Tensor& of) {
  is_view = true;
  const TensorBase& base = *of.base();
  const bool of_leaf = base.is_view ? base.viewed_version == kAnyVersion : of.is_leaf();
  viewed_version = of_leaf ? kAnyVersion : of.version();
}

void GraphAccess::check_view(const Tensor& t) {
  const TensorBase& base = *t.base_;
  const uint32_t taken = base.viewed_version;
  if (taken == TensorBase::kAnyVersion || taken == t.version() || t.is_leaf()) return;
  raise<GradError>(
      "a view of shape {}, made by {} at version {} of its base, is used at version {}: its "
      "gradient would miss the changes in place between. Hint: take the view after the change, or "
      "use the out-of-place form of what changed the base.",
      t.shape().str(), base.grad_fn->name(), taken, t.version());
}

void Tensor::register_hook(std::function<Tensor(const Tensor&)> hook) const {
  if (!requires_grad())
    raise<GradError>("register_hook: this tensor of shape {} requires no gradient.", shape().str());
  GraphAccess::gradient_node(*this)->hooks.emplace_back(base_->output_nr, std::move(hook));
}

}  // namespace tinytorch
