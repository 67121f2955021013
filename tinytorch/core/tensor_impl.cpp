// The accessors of tensors: with core/tensor_impl.h the only file that knows what a TensorImpl
// holds.
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
  t->storage = std::move(storage);
  t->layout = layout;
  t->dtype = dtype;
  const Shape& shape = t->layout.shape;
  t->numel = shape.product();
  t->contiguous = is_contiguous(shape, layout.strides);
  t->channels_last = shape.rank() == 4 && t->numel > 0 &&
                     same_order(shape, layout.strides, channels_last_strides(shape));
  t->dense = t->contiguous || t->channels_last || dense_in_some_order(shape, layout.strides);
  return Tensor(Ref<TensorBase>(t));
}

Tensor alias(const Tensor& x, const Layout& layout) {
  Tensor out = make_tensor(x.storage(), x.dtype(), layout);
  out.base()->is_view = true;
  return out;
}

const Shape& Tensor::shape() const {
  return impl(base_.get()).layout.shape;
}
const Strides& Tensor::strides() const {
  return impl(base_.get()).layout.strides;
}
DType Tensor::dtype() const {
  return impl(base_.get()).dtype;
}
const Storage& Tensor::storage() const {
  return impl(base_.get()).storage;
}
int64_t Tensor::storage_offset() const {
  return impl(base_.get()).layout.offset;
}
int64_t Tensor::numel() const {
  return impl(base_.get()).numel;
}
bool Tensor::is_contiguous() const {
  return impl(base_.get()).contiguous;
}
bool Tensor::is_channels_last() const {
  return impl(base_.get()).channels_last;
}
bool Tensor::is_dense() const {
  return impl(base_.get()).dense;
}
void* Tensor::raw_data() const {
  const TensorImpl& t = impl(base_.get());
  return static_cast<char*>(t.storage.data()) +
         t.layout.offset * static_cast<int64_t>(item_size(t.dtype));
}

void Tensor::set_data(const Tensor& other) {
  auto* t = static_cast<TensorImpl*>(base_.get());
  const TensorImpl& o = impl(other.base_.get());
  t->storage = o.storage;
  t->layout = o.layout;
  t->numel = o.numel;
  t->dtype = o.dtype;
  t->contiguous = o.contiguous;
  t->channels_last = o.channels_last;
  t->dense = o.dense;
}

void TensorBase::destroy(TensorBase* base) {
  delete static_cast<TensorImpl*>(base);
}

}  // namespace tinytorch
