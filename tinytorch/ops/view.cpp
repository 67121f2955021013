// Views: the same memory under another layout. They never copy; each records how its gradient goes
// back to the layout of its input.
#include <algorithm>

#include "tinytorch/core/autograd.h"
#include "tinytorch/core/format.h"
#include "tinytorch/ops/core_gradients.h"
#include "tinytorch/ops/op.h"
#include "tinytorch/ops/ops.h"

namespace tinytorch {

namespace {

// Replaces one -1 by what is left of numel.
Shape resolve_shape(const Tensor& x, const Shape& asked, const char* op) {
  Shape shape = asked;
  int unknown = -1;
  int64_t known = 1;
  for (int i = 0; i < shape.rank(); ++i) {
    if (shape[i] == -1 && unknown < 0)
      unknown = i;
    else if (shape[i] < 0)
      raise<ShapeError>("{}: {} is no shape: only one size may be -1.", op, asked.str());
    else
      known *= shape[i];
  }
  if (unknown >= 0 && known > 0 && x.numel() % known == 0) shape[unknown] = x.numel() / known;
  if ((unknown >= 0 && shape[unknown] < 0) || shape.product() != x.numel())
    raise<ShapeError>("{}: shape {} does not hold the {} elements of {} {}.", op, asked.str(),
                      x.numel(), dtype_name(x.dtype()), x.shape().str());
  return shape;
}

Tensor record_view(const char* name, const Tensor& x, Tensor out) {
  if (needs_grad(x))
    set_gradient(
        name, out, {&x},
        [shape = x.shape()](GradContext& c) { c.set(0, gradients::view(c.grad(), shape)); },
        Formula::kComposed);
  return out;
}

// Every step-th of dimension dim, from start on.
struct Range {
  int dim;
  int64_t start, length, step;
  Layout of(const Layout& layout) const { return narrow_layout(layout, dim, start, length, step); }
};

// Slices with the gradient of what was cut off being zero: out and back are each other's gradients.
Tensor put_back(const Tensor& g, const Shape& shape, const Range& range);
Tensor strided_narrow(const char* name, const Tensor& x, const Range& range) {
  Tensor out = alias(x, range.of(x.layout()));
  if (needs_grad(x))
    set_gradient(
        name, out, {&x},
        [shape = x.shape(), range](GradContext& c) { c.set(0, put_back(c.grad(), shape, range)); },
        Formula::kComposed);
  return out;
}
Tensor put_back(const Tensor& g, const Shape& shape, const Range& range) {
  Tensor dx = zeros(shape, g.dtype());
  {
    const NoGrad no_grad;
    alias(dx, range.of(dx.layout())).copy_(g);
  }
  if (needs_grad(g))
    set_gradient(
        "slice_backward", dx, {&g},
        [range](GradContext& c) { c.set(0, strided_narrow("slice", c.grad(), range)); },
        Formula::kComposed);
  return dx;
}

}  // namespace

Tensor permute_dims(const Tensor& x, std::span<const int> dims) {
  Tensor out = alias(x, permute_layout(x.layout(), dims));
  if (needs_grad(x)) {
    int inverse[kMaxDims] = {};
    for (size_t i = 0; i < dims.size(); ++i) inverse[dims[i]] = static_cast<int>(i);
    Dims back;
    for (size_t i = 0; i < dims.size(); ++i) back.push_back(inverse[i]);
    set_gradient(
        "permute", out, {&x},
        [back](GradContext& c) {
          int order[kMaxDims];
          for (int i = 0; i < back.rank(); ++i) order[i] = static_cast<int>(back[i]);
          c.set(0, permute_dims(c.grad(), {order, static_cast<size_t>(back.rank())}));
        },
        Formula::kComposed);
  }
  return out;
}

Tensor Tensor::view(const Shape& asked) const {
  const Shape to = resolve_shape(*this, asked, "view");
  const std::optional<Layout> l = reshape_layout(layout(), to);
  if (!l)
    raise<ShapeError>(
        "view: a tensor of shape {} and strides {} cannot be seen as {} without a copy. Hint: "
        "reshape() copies when it must.",
        shape().str(), strides().str(), to.str());
  return record_view("view", *this, alias(*this, *l));
}

Tensor Tensor::reshape(const Shape& asked) const {
  const Shape to = resolve_shape(*this, asked, "reshape");
  if (const std::optional<Layout> l = reshape_layout(layout(), to))
    return record_view("reshape", *this, alias(*this, *l));
  const Tensor dense = contiguous();
  return record_view("reshape", dense,
                     alias(dense, {to, contiguous_strides(to), dense.storage_offset()}));
}

Tensor Tensor::flatten(int64_t start, int64_t end) const {
  const int from = normalize_dim(start, dim(), "flatten"),
            to = normalize_dim(end, dim(), "flatten");
  if (dim() == 0) return reshape({1});
  if (from > to) raise<IndexError>("flatten: dim {} lies behind dim {}.", start, end);
  Shape s;
  for (int i = 0; i < dim(); ++i) {
    if (i > from && i <= to)
      s[s.rank() - 1] *= shape()[i];
    else
      s.push_back(shape()[i]);
  }
  return reshape(s);
}

Tensor Tensor::transpose(int64_t a, int64_t b) const {
  int order[kMaxDims];
  for (int i = 0; i < dim(); ++i) order[i] = i;
  if (dim() > 0)
    std::swap(order[normalize_dim(a, dim(), "transpose")],
              order[normalize_dim(b, dim(), "transpose")]);
  return permute_dims(*this, {order, static_cast<size_t>(dim())});
}

Tensor Tensor::t() const {
  if (dim() > 2)
    raise<ShapeError>("t: needs at most 2 dimensions, got {}. Hint: transpose(-2, -1).",
                      shape().str());
  return dim() < 2 ? transpose(0, 0) : transpose(0, 1);
}

Tensor Tensor::permute(std::initializer_list<int64_t> dims) const {
  int order[kMaxDims];
  bool seen[kMaxDims] = {};
  if (static_cast<int>(dims.size()) != dim())
    raise<ShapeError>("permute: {} dims given for a tensor of shape {}.", dims.size(),
                      shape().str());
  int n = 0;
  for (const int64_t d : dims) {
    order[n] = normalize_dim(d, dim(), "permute");
    if (seen[order[n]]) raise<IndexError>("permute: dim {} is named twice.", d);
    seen[order[n++]] = true;
  }
  return permute_dims(*this, {order, dims.size()});
}

Tensor Tensor::narrow(int64_t dimension, int64_t start, int64_t length) const {
  const int d = normalize_dim(dimension, dim(), "narrow");
  if (dim() == 0) raise<IndexError>("narrow: a scalar has no dimension to cut.");
  const int64_t n = shape()[d], from = start < 0 ? start + n : start;
  if (from < 0 || from > n || length < 0 || length > n - from)
    raise<IndexError>("narrow: start {} and length {} leave dim {} of {}.", start, length, d,
                      shape().str());
  return strided_narrow("narrow", *this, {d, from, length, 1});
}

Tensor Tensor::slice(int64_t dimension, int64_t start, int64_t end, int64_t step) const {
  const int d = normalize_dim(dimension, dim(), "slice");
  if (dim() == 0) raise<IndexError>("slice: a scalar has no dimension to cut.");
  if (step <= 0) raise<IndexError>("slice: step {} must be positive.", step);
  const int64_t n = shape()[d];
  const int64_t from = std::clamp<int64_t>(start < 0 ? start + n : start, 0, n);
  const int64_t to = std::clamp<int64_t>(end < 0 ? end + n : end, from, n);
  const int64_t length = to > from ? (to - from - 1) / step + 1 : 0;
  return strided_narrow("slice", *this, {d, from, length, length > 1 ? step : 1});
}

Tensor Tensor::select(int64_t dimension, int64_t index) const {
  const int d = normalize_dim(dimension, dim(), "select");
  if (dim() == 0) raise<IndexError>("select: a scalar cannot be indexed.");
  const int64_t n = shape()[d];
  if (index < -n || index >= n)
    raise<IndexError>("select: index {} is out of range for dim {} of {}.", index, d,
                      shape().str());
  return strided_narrow("select", *this, {d, index < 0 ? index + n : index, 1, 1}).squeeze(d);
}

Tensor Tensor::expand(const Shape& asked) const {
  Shape to = asked;
  const int extra = to.rank() - dim();
  for (int i = 0; i < to.rank(); ++i) {
    const int64_t n = i >= extra && extra >= 0 ? shape()[i - extra] : -1;
    if (to[i] == -1 && n >= 0) to[i] = n;
    if (extra < 0 || to[i] < 0 || (n >= 0 && n != 1 && n != to[i]))
      raise<ShapeError>(
          "expand: {} does not expand to {}: dim {} is {}. Hint: only sizes of 1 grow, and new "
          "dimensions come at the left.",
          shape().str(), asked.str(), i, n);
  }
  if (to.rank() == 0 && dim() > 0)
    raise<ShapeError>("expand: {} does not expand to a scalar.", shape().str());
  int64_t count = 1;
  for (int i = 0; i < to.rank(); ++i)
    if (__builtin_mul_overflow(count, to[i], &count))
      raise<ShapeError>("expand: shape {} has too many elements.", to.str());
  Tensor out = alias(*this, expand_layout(layout(), to));
  if (needs_grad(*this))
    set_gradient(
        "expand", out, {this},
        [s = shape()](GradContext& c) { c.set(0, gradients::expand(c.grad(), s)); },
        Formula::kComposed);
  return out;
}

Tensor Tensor::unsqueeze(int64_t dimension) const {
  const int d = normalize_dim(dimension, dim() + 1, "unsqueeze");
  Layout l = layout();
  l.strides.insert(d, d < dim() ? shape()[d] * strides()[d] : 1);
  l.shape.insert(d, 1);
  return record_view("unsqueeze", *this, alias(*this, l));
}

Tensor Tensor::squeeze(int64_t dimension) const {
  const int d = normalize_dim(dimension, dim(), "squeeze");
  Layout l = layout();
  if (dim() > 0 && l.shape[d] == 1) {
    l.shape.erase(d);
    l.strides.erase(d);
  }
  return record_view("squeeze", *this, alias(*this, l));
}

Tensor Tensor::squeeze() const {
  Layout l = layout();
  for (int i = dim() - 1; i >= 0; --i)
    if (l.shape[i] == 1) {
      l.shape.erase(i);
      l.strides.erase(i);
    }
  return record_view("squeeze", *this, alias(*this, l));
}

// ---- the table

namespace {

Cost no_cost(const Sample&, const Tensor&) {
  return {};
}

template <class F>
Sample one(SampleMaker& m, std::string label, const Shape& shape, F run) {
  return {std::move(label), {m.normal(shape)}, [run](const std::vector<Tensor>& in) {
            return run(in[0]);
          }};
}

std::vector<Sample> reshape_samples(SampleMaker& m) {
  return {one(m, "2x6 to 3x4", {2, 6}, [](const Tensor& x) { return x.reshape({3, -1}); }),
          one(m, "of a transpose", {3, 4}, [](const Tensor& x) { return x.t().reshape({2, 6}); }),
          one(m, "flatten 1..2", {2, 3, 2}, [](const Tensor& x) { return x.flatten(1, 2); }),
          one(m, "unsqueeze", {2, 3}, [](const Tensor& x) { return x.unsqueeze(1); }),
          one(m, "squeeze", {2, 1, 3, 1}, [](const Tensor& x) { return x.squeeze(); }),
          one(m, "empty", {0, 3}, [](const Tensor& x) { return x.reshape({3, 0}); }),
          one(m, "scalar", {}, [](const Tensor& x) { return x.reshape({1, 1}); })};
}
std::vector<Sample> permute_samples(SampleMaker& m) {
  return {one(m, "2x3x4 to 4x2x3", {2, 3, 4}, [](const Tensor& x) { return x.permute({2, 0, 1}); }),
          one(m, "transpose", {2, 3, 4}, [](const Tensor& x) { return x.transpose(0, -1); }),
          one(m, "t", {3, 2}, [](const Tensor& x) { return x.t(); })};
}
std::vector<Sample> slice_samples(SampleMaker& m) {
  return {one(m, "1:6:2 of 7", {7, 2}, [](const Tensor& x) { return x.slice(0, 1, 6, 2); }),
          one(m, "narrow", {3, 5}, [](const Tensor& x) { return x.narrow(1, 2, 3); }),
          one(m, "select", {3, 5}, [](const Tensor& x) { return x.select(1, -1); }),
          one(m, "empty", {3, 2}, [](const Tensor& x) { return x.slice(0, 2, 1); })};
}
std::vector<Sample> expand_samples(SampleMaker& m) {
  return {one(m, "1x3 to 4x2x3", {1, 3}, [](const Tensor& x) { return x.expand({4, 2, 3}); }),
          one(m, "scalar", {}, [](const Tensor& x) { return x.expand({2, 2}); })};
}
std::vector<ErrorCase> reshape_errors() {
  return {{"wrong size", [] { zeros({2, 3}).reshape({4}); }, "does not hold the 6 elements"},
          {"two unknown", [] { zeros({2, 3}).reshape({-1, -1}); }, "only one size may be -1"},
          {"view of a transpose", [] { zeros({2, 3}).t().view({6}); }, "without a copy"}};
}
std::vector<ErrorCase> permute_errors() {
  return {{"twice", [] { zeros({2, 3}).permute({0, 0}); }, "named twice"},
          {"too few", [] { zeros({2, 3}).permute({0}); }, "1 dims given"}};
}
std::vector<ErrorCase> slice_errors() {
  return {
      {"past the end", [] { zeros({2, 3}).narrow(1, 2, 2); }, "leave dim 1 of [2, 3]"},
      {"index", [] { zeros({2, 3}).select(0, 2); }, "index 2 is out of range for dim 0 of [2, 3]"}};
}
std::vector<ErrorCase> expand_errors() {
  return {{"not 1", [] { zeros({2, 3}).expand({4, 3}); },
           "[2, 3] does not expand to [4, 3]: dim 0 is 2"}};
}

const OpInfo kTable[] = {
    {"reshape", "x.reshape(shape), view, flatten, squeeze, unsqueeze",
     "the same elements in row-major order", "reshape of g", "nothing", "", reshape_samples,
     no_cost, reshape_errors},
    {"permute", "x.permute(dims), transpose, t", "dimension i of the result is dims[i] of x",
     "g permuted back", "nothing", "", permute_samples, no_cost, permute_errors},
    {"slice", "x.slice(dim, start, end, step), narrow, select",
     "elements start, start+step, ... of dim", "g where it was taken, 0 elsewhere", "nothing", "",
     slice_samples, no_cost, slice_errors},
    {"expand", "x.expand(shape)", "sizes of 1 repeated without a copy",
     "g summed over what was repeated", "nothing", "", expand_samples, no_cost, expand_errors},
};

}  // namespace

std::span<const OpInfo> view_ops() {
  return kTable;
}

}  // namespace tinytorch
