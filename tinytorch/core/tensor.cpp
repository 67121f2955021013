// The layout of tensors, and the accessors over it. This file and core/tensor_impl.h are the only
// ones that know what a TensorImpl holds.
#include "tinytorch/core/tensor.h"

#include <algorithm>

#include "tinytorch/core/format.h"
#include "tinytorch/core/tensor_impl.h"

namespace tinytorch {

// tito:begin 1.0
// tito:end 1.0

Strides contiguous_strides(const Shape& shape) {
  // tito:begin 1.5
  Strides strides = Dims::filled(shape.rank(), 1);
  for (int i = shape.rank() - 2; i >= 0; --i)
    strides[i] = strides[i + 1] * std::max<int64_t>(shape[i + 1], 1);
  return strides;
  // tito:end 1.5
}

int64_t offset_of(const Layout& layout, std::span<const int64_t> index) {
  // tito:begin 1.6
  int64_t offset = layout.offset;
  for (size_t i = 0; i < index.size(); ++i)
    offset += index[i] * layout.strides[static_cast<int>(i)];
  return offset;
  // tito:end 1.6
}

bool is_contiguous(const Shape& shape, const Strides& strides) {
  // tito:begin 1.7
  int64_t expected = 1;  // the stride that leaves no gap
  for (int i = shape.rank() - 1; i >= 0; --i) {
    if (shape[i] == 0) return true;
    if (shape[i] != 1 && strides[i] != expected) return false;
    expected *= shape[i];
  }
  return true;
  // tito:end 1.7
}

std::optional<Layout> reshape_layout(const Layout& x, const Shape& shape) {
  // tito:begin 1.8
  if (shape.product() == 0) return Layout{shape, contiguous_strides(shape), x.offset};
  // Walk both shapes from the right. A run of old dimensions that lie behind each other in memory
  // (stride[i] == stride[i+1] * size[i+1]) may be cut anew; a cut across two runs needs a copy.
  Layout out{shape, Dims::filled(shape.rank(), 1), x.offset};
  int to = shape.rank() - 1;
  int from = x.shape.rank() - 1;
  while (from >= 0) {
    int64_t run = x.shape[from];
    const int64_t unit = x.strides[from];
    while (from > 0 && (x.shape[from - 1] == 1 || x.strides[from - 1] == unit * run))
      run *= x.shape[--from];
    --from;
    int64_t filled = 1;
    while (to >= 0 && (filled < run || shape[to] == 1)) {
      out.strides[to] = unit * filled;
      filled *= shape[to--];
    }
    if (filled != run) return std::nullopt;
  }
  return out;
  // tito:end 1.8
}

Layout permute_layout(const Layout& x, std::span<const int> dims) {
  // tito:begin 1.9
  Layout out{{}, {}, x.offset};
  for (const int d : dims) {
    out.shape.push_back(x.shape[d]);
    out.strides.push_back(x.strides[d]);
  }
  return out;
  // tito:end 1.9
}

Layout narrow_layout(const Layout& x, int dim, int64_t start, int64_t length, int64_t step) {
  // tito:begin 1.10
  Layout out = x;
  out.offset += start * x.strides[dim];
  out.shape[dim] = length;
  out.strides[dim] *= step;
  return out;
  // tito:end 1.10
}

Layout expand_layout(const Layout& x, const Shape& shape) {
  // tito:begin 1.11
  Layout out{shape, Dims::filled(shape.rank(), 0), x.offset};
  const int extra = shape.rank() - x.shape.rank();
  for (int i = 0; i < x.shape.rank(); ++i)
    if (x.shape[i] == shape[i + extra]) out.strides[i + extra] = x.strides[i];
  return out;
  // tito:end 1.11
}

Strides channels_last_strides(const Shape& s) {
  return {s[1] * s[2] * s[3], 1, s[3] * s[1], s[1]};
}

namespace {

const TensorImpl& impl(const TensorBase* base) {
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
