// The accessors over another layout of tensors.
#include "tinytorch/core/tensor_impl.h"

#include "tinytorch/core/error.h"

namespace tinytorch {

namespace {

[[noreturn, gnu::cold]] void undefined_tensor() {
  throw Error(
      "an undefined Tensor was used. Hint: it was default-constructed, or is the bias of a layer "
      "without one, or the gradient of a leaf that no backward reached; ask defined() first.");
}

const TensorImpl& impl(const TensorBase* base) {
  if (!base) [[unlikely]]
    undefined_tensor();
  return *static_cast<const TensorImpl*>(base);
}

// Same as is_contiguous, but against given strides.
bool same_order(const Shape& shape, const Strides& strides, const Strides& wanted) {
  for (int i = 0; i < shape.rank(); ++i)
    if (shape[i] > 1 && strides[i] != wanted[i]) return false;
  return true;
}

bool dense_in_some_order(const Shape& shape, const Strides& strides) {
  // From the smallest stride up, each dimension must begin where those before it end.
  bool used[kMaxDims] = {};
  int64_t expected = 1;
  for (int step = 0; step < shape.rank(); ++step) {
    int next = -1;
    for (int i = 0; i < shape.rank(); ++i)
      if (!used[i] && shape[i] != 1 && (next < 0 || strides[i] < strides[next])) next = i;
    if (next < 0) break;
    if (strides[next] != expected) return false;
    expected *= shape[next];
    used[next] = true;
  }
  return true;
}

}  // namespace

Tensor make_tensor(Storage storage, DType dtype, const Layout& layout) {
  auto* t = new TensorImpl;
  t->address =
      static_cast<char*>(storage.data()) + layout.offset * static_cast<int64_t>(item_size(dtype));
  t->block = std::move(storage);
  t->first = layout.offset;
  t->sizes = layout.shape;
  t->steps = layout.strides;
  t->element = dtype;
  const Shape& shape = layout.shape;
  if (is_contiguous(shape, layout.strides)) t->flags |= TensorImpl::kRowMajor;
  if (shape.rank() == 4 && shape.product() > 0 &&
      same_order(shape, layout.strides, channels_last_strides(shape)))
    t->flags |= TensorImpl::kChannelsInner;
  if (t->flags != 0 || dense_in_some_order(shape, layout.strides)) t->flags |= TensorImpl::kGapless;
  return Tensor(Ref<TensorBase>(t));
}

Tensor dense_result(std::span<const Tensor* const> inputs, std::optional<DType> out_dtype,
                    DenseOperands& operands) {
  const TensorImpl& first = impl(inputs[0]->base());
  if (!(first.flags & TensorImpl::kGapless)) return {};
  for (size_t i = 0; i < inputs.size(); ++i) {
    const TensorImpl& x = impl(inputs[i]->base());
    const bool same_order = (x.flags & first.flags & TensorImpl::kRowMajor) ||
                            ((x.flags & TensorImpl::kGapless) && x.steps == first.steps);
    if (x.element != first.element || !(x.sizes == first.sizes) || !same_order) return {};
    operands.data[i + 1] = x.address;
  }
  operands.numel = first.sizes.product();
  operands.dtype = first.element;
  auto* t = new TensorImpl;
  const Ref<TensorBase> owner(t);
  t->element = out_dtype.value_or(first.element);
  t->block = Storage::allocate(static_cast<size_t>(operands.numel) * item_size(t->element));
  t->address = operands.data[0] = static_cast<char*>(t->block.data());
  t->sizes = first.sizes;
  t->steps = first.steps;
  t->flags = first.flags;
  return TensorImpl::handle(owner);
}

Tensor dense_result(const Tensor& a, const Tensor& b, DenseOperands& operands) {
  const Tensor* inputs[] = {&a, &b};
  return dense_result(inputs, {}, operands);
}

Tensor alias(const Tensor& x, const Layout& layout) {
  Tensor out = make_tensor(x.storage(), x.dtype(), layout);
  out.base()->become_view(x);
  return out;
}

const Shape& Tensor::shape() const {
  return impl(base_.get()).sizes;
}
const Strides& Tensor::strides() const {
  return impl(base_.get()).steps;
}
DType Tensor::dtype() const {
  return impl(base_.get()).element;
}
const Storage& Tensor::storage() const {
  return impl(base_.get()).block;
}
int64_t Tensor::storage_offset() const {
  return impl(base_.get()).first;
}
int64_t Tensor::numel() const {
  return impl(base_.get()).sizes.product();
}
bool Tensor::is_contiguous() const {
  return (impl(base_.get()).flags & TensorImpl::kRowMajor) != 0;
}
bool Tensor::is_channels_last() const {
  return (impl(base_.get()).flags & TensorImpl::kChannelsInner) != 0;
}
bool Tensor::is_dense() const {
  return (impl(base_.get()).flags & TensorImpl::kGapless) != 0;
}
void* Tensor::raw_data() const {
  return impl(base_.get()).address;
}

void Tensor::set_data(const Tensor& other) {
  auto* t = static_cast<TensorImpl*>(base_.get());
  const TensorImpl& o = impl(other.base_.get());
  if (t->packed) t->drop_packed();
  t->flags = o.flags;
  t->element = o.element;
  t->address = o.address;
  t->first = o.first;
  t->steps = o.steps;
  t->sizes = o.sizes;
  t->block = o.block;
}

void TensorBase::destroy(TensorBase* base) {
  delete static_cast<TensorImpl*>(base);
}

}  // namespace tinytorch
