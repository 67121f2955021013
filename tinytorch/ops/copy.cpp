// Copies and conversions: the operations that make a new memory of the same values.
#include "tinytorch/core/autograd.h"
#include "tinytorch/core/format.h"
#include "tinytorch/kernels/walk.h"
#include "tinytorch/ops/op.h"
#include "tinytorch/ops/ops.h"

namespace tinytorch {

namespace {

void copy_elements(const Tensor& from, const Tensor& to) {
  kernels::CopyArgs args;
  args.shape = to.shape();
  args.x = from.raw_data();
  args.x_dtype = from.dtype();
  args.x_stride = from.strides();
  args.y = to.raw_data();
  args.y_dtype = to.dtype();
  args.y_stride = to.strides();
  kernels::copy(args);
}

}  // namespace

Tensor Tensor::contiguous(MemoryFormat format) const {
  if (format == MemoryFormat::kContiguous ? is_contiguous() : is_channels_last()) return *this;
  Tensor out = empty(shape(), dtype(), format);
  copy_elements(*this, out);
  if (needs_grad(*this))
    set_gradient(
        "contiguous", out, {this}, [](GradContext& c) { c.set(0, c.grad()); }, Formula::kComposed);
  return out;
}

Tensor Tensor::clone() const {
  Tensor out = empty_like(*this);
  copy_elements(*this, out);
  if (needs_grad(*this))
    set_gradient(
        "clone", out, {this}, [](GradContext& c) { c.set(0, c.grad()); }, Formula::kComposed);
  return out;
}

Tensor Tensor::to(DType target) && {
  if (target == dtype()) return std::move(*this);
  return std::as_const(*this).to(target);
}

Tensor Tensor::to(DType target) const& {
  if (target == dtype()) return *this;
  Tensor out = empty_like(*this, target);
  copy_elements(*this, out);
  if (is_floating(target) && needs_grad(*this))
    set_gradient(
        "to", out, {this}, [from = dtype()](GradContext& c) { c.set(0, c.grad().to(from)); },
        Formula::kComposed);
  return out;
}

Tensor& Tensor::copy_(const Tensor& source) {
  if (grad_enabled() && source.requires_grad() && checked_base().is_view)
    raise<GradError>(
        "copy_: a source of shape {} that requires a gradient cannot be copied into a view. Hint: "
        "build the result with cat or where, or detach() the source.",
        source.shape().str());
  const Shape joint = broadcast_shapes(shape(), source.shape(), "copy_");
  if (joint != shape())
    raise<ShapeError>("copy_: source {} does not fit into {}.", source.shape().str(),
                      shape().str());
  begin_in_place(*this, "copy_", source);
  copy_elements(alias(source, expand_layout(source.layout(), shape())), *this);
  if (needs_grad(*this, source))
    set_gradient(
        "copy_", *this, {&source},
        [s = source.shape(), d = source.dtype()](GradContext& c) {
          c.set(0, sum_to(c.grad(), s).to(d));
        },
        Formula::kComposed);
  return *this;
}

Tensor& Tensor::fill_(Scalar value) {
  begin_in_place(*this, "fill_");
  const Tensor one = full({}, value, dtype());
  copy_elements(alias(one, expand_layout(one.layout(), shape())), *this);
  if (needs_grad(*this)) set_gradient("fill_", *this, {}, [](GradContext&) {}, Formula::kComposed);
  return *this;
}

// ---- the table

namespace {

std::vector<Sample> copy_samples(SampleMaker& m) {
  const auto transposed = [](const std::vector<Tensor>& in) { return in[0].t().contiguous(); };
  const auto last = [](const std::vector<Tensor>& in) {
    return in[0].contiguous(MemoryFormat::kChannelsLast);
  };
  const auto clone = [](const std::vector<Tensor>& in) { return in[0].clone(); };
  return {{"of a transpose", {m.normal({5, 3})}, transposed},
          {"channels_last", {m.normal({2, 3, 4, 5})}, last},
          {"clone", {m.normal({4})}, clone},
          {"empty", {m.normal({0, 2})}, clone}};
}
std::vector<ErrorCase> copy_errors() {
  return {{"too large", [] { zeros({2}).copy_(zeros({3})); }, "do not broadcast"},
          {"would grow", [] { zeros({1}).copy_(zeros({3})); }, "source [3] does not fit into [1]"},
          {"into an expanded tensor", [] { zeros({1}).expand({4}).copy_(zeros({4})); },
           "copy_: several elements of f32 [4] (strides [0], offset 0) lie in one place"},
          {"not an image", [] { zeros({2, 3}).contiguous(MemoryFormat::kChannelsLast); },
           "channels_last needs 4 dimensions"}};
}
Cost copy_cost(const Sample& s, const Tensor& out) {
  return streaming_cost(s, out, 0);
}

const OpInfo kTable[] = {
    {"contiguous", "x.contiguous(format), clone, to, copy_", "the values in new memory", "g",
     "nothing", "copy", copy_samples, copy_cost, copy_errors},
};

}  // namespace

std::span<const OpInfo> copy_ops() {
  return kTable;
}

}  // namespace tinytorch
