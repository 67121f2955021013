// What is asked before a tensor is changed in place.
#include <limits>

#include "tinytorch/core/autograd.h"
#include "tinytorch/core/autograd_impl.h"
#include "tinytorch/core/format.h"

namespace tinytorch {

namespace {

// For comparisons: nobody reads there. (Tensor::data is for those who do.)
const char* address_of(const Tensor& x) {
  return static_cast<const char*>(x.storage().data()) +
         x.storage_offset() * static_cast<int64_t>(item_size(x.dtype()));
}

// Whether two elements of x may lie in one place: then some dimension does not step past all that
// the dimensions with smaller strides reach.
bool may_overlap_itself(const Tensor& x) {
  if (x.is_dense()) return false;
  const Shape& shape = x.shape();
  const Strides& strides = x.strides();
  for (int i = 0; i < shape.rank(); ++i) {
    if (shape[i] == 1) continue;
    int64_t reached = 0;
    for (int j = 0; j < shape.rank(); ++j)
      if (strides[j] < strides[i] || (strides[j] == strides[i] && j < i))
        reached += (shape[j] - 1) * strides[j];
    if (reached >= strides[i]) return true;
  }
  return false;
}

// Whether a and b have no byte in common, seen modulo `period`: there dimensions whose strides are
// multiples of it stand still, and each tensor is an interval on a circle.
bool are_apart(const Tensor& a, const Tensor& b, int64_t period) {
  const auto interval = [period](const Tensor& x) {
    const Shape& shape = x.shape();
    const Strides& strides = x.strides();
    const auto item = static_cast<int64_t>(item_size(x.dtype()));
    int64_t bytes = item;
    for (int i = 0; i < shape.rank(); ++i) {
      const int64_t step = strides[i] * item;
      if (step < period || step % period != 0) bytes += (shape[i] - 1) * step;
    }
    return bytes;
  };
  int64_t from_a_to_b = (address_of(b) - address_of(a)) % period;
  if (from_a_to_b < 0) from_a_to_b += period;
  return from_a_to_b >= interval(a) && period - from_a_to_b >= interval(b);
}

// By addresses, not by storage: tensors over memory of NumPy's may share it without ours knowing.
// Says no for halves, columns, channels or every second row of one tensor; may say yes for other
// tensors that interleave without meeting.
bool may_share(const Tensor& a, const Tensor& b) {
  if (are_apart(a, b, std::numeric_limits<int64_t>::max())) return false;
  if (a.numel() == 0 || b.numel() == 0) return false;
  for (const Tensor* t : {&a, &b})
    for (const int64_t stride : t->strides())
      if (stride > 0 && are_apart(a, b, stride * static_cast<int64_t>(item_size(t->dtype()))))
        return false;
  return true;
}

// Each element is read where it is written, and by nobody else.
bool same_places(const Tensor& a, const Tensor& b) {
  if (address_of(a) != address_of(b) || a.dtype() != b.dtype() || a.numel() != b.numel())
    return false;
  return a.numel() == 1 || (a.shape() == b.shape() && (a.strides() == b.strides() ||
                                                       (a.is_contiguous() && b.is_contiguous())));
}

std::string described(const Tensor& x) {
  return format_text("{} {} (strides {}, offset {})", dtype_name(x.dtype()), x.shape().str(),
                     x.strides().str(), x.storage_offset());
}

}  // namespace

void begin_recorded_write(const Tensor& x, const Tensor& value, const char* op) {
  TensorBase* base = x.base();
  if (!base->is_view || x.requires_grad()) return;  // begin_in_place speaks of views in a graph
  if (x.storage().use_count() > 1)
    raise<GradError>(
        "{}: a value of shape {} requires a gradient and cannot be written into a view of shape "
        "{}: the view's base would not get it. Hint: write through the base (index_put; base[i] = "
        "value in Python), or build the result with cat or where.",
        op, value.shape().str(), x.shape().str());
  base->is_view = false;  // what it was taken from is gone
}

void begin_in_place(const Tensor& x, const char* op, const Tensor& source) {
  if (grad_enabled() && x.requires_grad()) {
    if (x.is_leaf())
      raise<GradError>(
          "{}: a leaf of shape {} that requires a gradient cannot be changed in place. Hint: do it "
          "under NoGrad (as optimizers do), or use the out-of-place form.",
          op, x.shape().str());
    if (x.base()->is_view)
      raise<GradError>(
          "{}: a view of shape {} whose base is part of a graph cannot be changed in place. Hint: "
          "use the out-of-place form, or clone() first.",
          op, x.shape().str());
  }
  if (may_overlap_itself(x))
    raise<ShapeError>(
        "{}: several elements of {} lie in one place, so it cannot be changed in place. Hint: "
        "clone() it first.",
        op, described(x));
  if (source.defined() && may_share(x, source) && !same_places(x, source))
    raise<ShapeError>(
        "{}: {} is changed while {} is read from the same memory, elsewhere in it. Hint: clone() "
        "the second first.",
        op, described(x), described(source));
  TensorBase* base = x.base();
  const bool current = base->is_view && base->viewed_version == x.version();
  x.storage().bump_version();
  if (current) base->viewed_version = x.version();  // a view's own change leaves it as good
}

}  // namespace tinytorch
