// The accessors of tensors: with core/tensor_impl.h the only file that knows what a TensorImpl
// holds.
#include "tinytorch/core/tensor_impl.h"

#include "tinytorch/core/error.h"
#include "tinytorch/core/memory.h"

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

// Held once; its layout is still to be set. Inlined: a call here is 25 instructions of each
// operation.
[[gnu::always_inline]] inline Ref<TensorImpl> new_tensor(Storage storage, DType dtype) {
  auto* t = new TensorImpl(std::move(storage), dtype);
  t->refs.store(1, std::memory_order_relaxed);  // nobody else knows it: no atomic addition needed
  return Ref<TensorImpl>::adopt(t);
}

char* first_byte(const TensorImpl& t) {
  return static_cast<char*>(t.storage.data()) +
         t.layout.offset * static_cast<int64_t>(item_size(t.dtype));
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
  Ref<TensorImpl> t = new_tensor(std::move(storage), dtype);
  t->layout = layout;
  const Shape& shape = t->layout.shape;
  t->numel = shape.product();
  t->contiguous = is_contiguous(shape, layout.strides);
  t->channels_last = shape.rank() == 4 && t->numel > 0 &&
                     same_order(shape, layout.strides, channels_last_strides(shape));
  t->dense = t->contiguous || t->channels_last || dense_in_some_order(shape, layout.strides);
  return TensorImpl::handle(std::move(t));
}

namespace {

// Whether element i of x lies in memory where element i of a tensor like `first`, which is dense,
// does.
bool lies_like(const TensorImpl& x, const TensorImpl& first) {
  if (x.dtype != first.dtype || !(x.layout.shape == first.layout.shape)) return false;
  return (x.contiguous && first.contiguous) ||
         (x.dense && x.layout.strides == first.layout.strides);
}

[[gnu::always_inline]] inline Tensor dense_tensor_like(const TensorImpl& x, DType dtype,
                                                       DenseOperands& operands) {
  operands.numel = x.numel;
  operands.dtype = x.dtype;
  Ref<TensorImpl> out =
      new_tensor(Storage::allocate(static_cast<size_t>(x.numel) * item_size(dtype)), dtype);
  out->layout.shape = x.layout.shape;
  out->layout.strides = x.layout.strides;
  out->numel = x.numel;
  out->contiguous = x.contiguous;
  out->channels_last = x.channels_last;
  operands.data[0] = static_cast<char*>(out->storage.data());
  return TensorImpl::handle(std::move(out));
}

}  // namespace

Tensor dense_result(std::span<const Tensor* const> inputs, std::optional<DType> out_dtype,
                    DenseOperands& operands) {
  const TensorImpl& first = impl(inputs[0]->base());
  if (!first.dense) return {};
  for (size_t i = 0; i < inputs.size(); ++i) {
    const TensorImpl& x = impl(inputs[i]->base());
    if (i > 0 && !lies_like(x, first)) return {};
    operands.data[i + 1] = first_byte(x);
  }
  return dense_tensor_like(first, out_dtype.value_or(first.dtype), operands);
}

Tensor dense_result(const Tensor& a, const Tensor& b, DenseOperands& operands) {
  const TensorImpl &x = impl(a.base()), &y = impl(b.base());
  if (!x.dense || !lies_like(y, x)) return {};
  operands.data[1] = first_byte(x);
  operands.data[2] = first_byte(y);
  return dense_tensor_like(x, x.dtype, operands);
}

Tensor alias(const Tensor& x, const Layout& layout) {
  Tensor out = make_tensor(x.storage(), x.dtype(), layout);
  out.base()->become_view(x);
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
  address_given(t.storage);
  return first_byte(t);
}

void Tensor::set_data(const Tensor& other) {
  auto& t = static_cast<TensorImpl&>(checked_base());
  const TensorImpl& o = impl(other.base_.get());
  if (t.packed) t.drop_packed();
  t.storage = o.storage;
  t.layout = o.layout;
  t.numel = o.numel;
  t.dtype = o.dtype;
  t.contiguous = o.contiguous;
  t.channels_last = o.channels_last;
  t.dense = o.dense;
}

void TensorBase::destroy(TensorBase* base) {
  if (!base) __builtin_unreachable();  // Ref asked
  delete static_cast<TensorImpl*>(base);
}

}  // namespace tinytorch
