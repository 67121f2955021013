// Reductions over dimensions. The kernel sees outer x count x inner; whatever is asked for is
// brought to that form by dropping, ordering and joining dimensions, with a copy only as the last
// resort.
#include "tinytorch/kernels/reduce.h"

#include <limits>

#include "tinytorch/ops/common.h"
#include "tinytorch/ops/reduction.h"

namespace tinytorch {

namespace {

Shape reduced_shape(const Tensor& x, const DimList& dims, bool keepdim) {
  Shape shape;
  for (int i = 0; i < x.dim(); ++i) {
    if (!dims.contains(i))
      shape.push_back(x.shape()[i]);
    else if (keepdim)
      shape.push_back(1);
  }
  return shape;
}

// One dimension that stands for a run of dimensions.
struct Run {
  int64_t size = 1, stride = 0;
};

// Joins the dimensions [begin, end) of `order` into one if they lie behind each other.
bool join(const Tensor& x, const int* order, int begin, int end, Run& run) {
  for (int k = end - 1; k >= begin; --k) {
    const int64_t size = x.shape()[order[k]], stride = x.strides()[order[k]];
    if (size == 1) continue;
    if (run.size == 1)
      run = {size, stride};
    else if (stride == run.stride * run.size)
      run.size *= size;
    else
      return false;
  }
  return true;
}

// x as outer x count x inner with the reduced dimensions in the middle; `out` gets the kept
// dimensions in their order. Of the kept dimensions those go into `inner` whose elements lie beside
// each other in memory, so that whole vectors of sums are read at once: the gradient of a bias,
// 2048 rows of 512, takes a tenth of the time that it takes column by column. Falls back to a copy
// with the reduced dimensions last.
template <class T>
kernels::ReduceArgs<T> reduce_args(const Tensor& x, const DimList& dims, const Tensor& out,
                                   Tensor& hold) {
  int order[kMaxDims], n = 0;
  for (int i = 0; i < x.dim(); ++i)
    if (!dims.contains(i)) order[n++] = i;
  const int kept = n;
  for (const int d : dims.span()) order[n++] = d;
  kernels::ReduceArgs<T> args;
  args.y = out.data<T>();
  Run count, outer, inner;
  bool found = false;
  if (join(x, order, kept, n, count)) {
    const bool runs = count.stride == 1 || count.size == 1;  // the reduced elements lie together
    for (int cut = kept; cut >= 0; --cut) {
      Run before, after;
      if (!join(x, order, 0, cut, before) || !join(x, order, cut, kept, after)) continue;
      if (found && !(after.size > 1 && after.stride == 1)) continue;
      outer = before, inner = after;
      found = true;
      if (runs) break;
    }
  }
  if (found && x.numel() != 0) {
    args.outer = outer.size, args.count = count.size, args.inner = inner.size;
    args.x_outer = outer.stride, args.x_count = count.stride, args.x_inner = inner.stride;
    hold = x;
    args.x = x.data<T>();
    return args;
  }
  const NoGrad no_grad;
  Layout l = permute_layout(x.layout(), {order, static_cast<size_t>(n)});
  hold = alias(x, l).contiguous();
  args.outer = out.numel(), args.inner = 1;
  args.count = 1;
  for (const int d : dims.span()) args.count *= x.shape()[d];
  args.x_outer = args.count, args.x_count = 1, args.x_inner = 1;
  args.x = hold.data<T>();
  return args;
}

// Calls fn(float{}), fn(double{}) or fn(int64_t{}).
template <class Fn>
void with_sum_type(DType dtype, Fn fn) {
  if (dtype == DType::kI64)
    fn(int64_t{});
  else
    with_float(dtype, "reduce", fn);
}

Tensor reduce_sum(const Tensor& x, const DimList& dims, bool keepdim) {
  Tensor out = empty(reduced_shape(x, dims, keepdim), x.dtype());
  with_sum_type(x.dtype(), [&](auto type) {
    Tensor hold;
    kernels::sum(reduce_args<decltype(type)>(x, dims, out, hold));
  });
  return out;
}

// Integers and bool are summed as i64; bf16 in f32.
Tensor sum_dims(const Tensor& given, const DimList& dims, bool keepdim) {
  if (given.dtype() == DType::kBF16)
    return sum_dims(given.to(DType::kF32), dims, keepdim).to(DType::kBF16);
  const Tensor x = is_floating(given.dtype()) ? given : given.to(DType::kI64);
  Tensor out = reduce_sum(x, dims, keepdim);
  if (needs_grad(x))
    set_gradient(
        "sum", out, {&x},
        [shape = x.shape(), dims, keepdim](GradContext& c) {
          c.set(0, gradients::sum(c.grad(), shape, dims.span(), keepdim));
        },
        Formula::kComposed);
  return out;
}

// For integers ~x, which unlike -x exists for all of them; either turns the order around.
Tensor reversed(const Tensor& x) {
  return is_floating(x.dtype()) ? neg(x) : -1 - x;
}

}  // namespace

DimList resolve_dims(const Tensor& x, std::span<const int64_t> dims, const char* op) {
  bool chosen[kMaxDims] = {};
  for (const int64_t d : dims) {
    const int i = normalize_dim(d, x.dim(), op);
    if (chosen[i]) raise<IndexError>("{}: dim {} is named twice.", op, d);
    chosen[i] = true;
  }
  DimList list;
  for (int i = 0; i < x.dim(); ++i)
    if (chosen[i] || dims.empty()) list.dims[list.count++] = i;
  return list;
}

int64_t count_of(const Tensor& x, const DimList& dims) {
  int64_t count = 1;
  for (const int d : dims.span()) count *= x.shape()[d];
  return count;
}

void require_floating(const Tensor& x, const char* op) {
  if (!is_floating(x.dtype()))
    raise<DTypeError>("{}: {} is not of a floating dtype. Hint: to(DType::kF32).", op, describe(x));
}

std::pair<Tensor, Tensor> extreme_dims(const Tensor& x, const DimList& dims, bool keepdim,
                                       Extreme which, const char* op) {
  const bool largest = which == Extreme::kLargest;
  for (const int d : dims.span())
    if (x.shape()[d] == 0)
      raise<ShapeError>("{}: dim {} of {} is empty: there is no {}.", op, d, describe(x),
                        largest ? "maximum" : "minimum");
  const DType dtype = is_floating(x.dtype()) ? x.dtype() : DType::kI64;
  const NoGrad no_grad;
  Tensor values = x.to(dtype == DType::kBF16 ? DType::kF32 : dtype);
  if (!largest) values = reversed(values);
  Tensor out = empty(reduced_shape(x, dims, keepdim), values.dtype());
  Tensor index = empty(out.shape(), DType::kI64);
  with_sum_type(values.dtype(), [&](auto type) {
    Tensor hold;
    auto args = reduce_args<decltype(type)>(values, dims, out, hold);
    args.index = index.data<int64_t>();
    if (out.numel() > 0) kernels::max(args);
  });
  return {(largest ? out : reversed(out)).to(x.dtype()), index};
}

void record_picked(const char* op, Tensor& out, const Tensor& x, const Tensor& index,
                   const DimList& dims, bool keepdim) {
  if (x.dim() == 0)
    return set_gradient(
        op, out, {&x}, [](GradContext& c) { c.set(0, c.grad()); }, Formula::kComposed);
  set_gradient(
      op, out, {&x},
      [index = Saved(index), shape = x.shape(), d = dims.dims[0], keepdim](GradContext& c) {
        // an indicator, so that it works for any layout
        Tensor place = index.get(c), g = c.grad();
        if (!keepdim) place = place.unsqueeze(d), g = g.unsqueeze(d);
        Shape along = Dims::filled(shape.rank(), 1);
        along[d] = shape[d];
        c.set(0, where(eq(place, arange(shape[d]).reshape(along)), g, scalar_tensor(0, g.dtype())));
      },
      Formula::kComposed);
}

void record_shared(const char* op, Tensor& out, const Tensor& x, const DimList& dims,
                   bool keepdim) {
  set_gradient(
      op, out, {&x},
      [x = Saved(x), y = Saved::output(out), dims, keepdim](GradContext& c) {
        const Tensor in = x.get(c), g = c.grad();
        const auto whole = [&](const Tensor& reduced) {
          return gradients::sum(reduced, in.shape(), dims.span(), keepdim);
        };
        // The elements that equal the result share its gradient; a NaN counts as equal to a NaN.
        const Tensor best = whole(y.get(c));
        const Tensor hit = where(eq(best, best), eq(in, best), ne(in, in));
        const Tensor count = reduce_sum(hit.to(in.dtype()), dims, keepdim);
        c.set(0, where(hit, whole(g / count), scalar_tensor(0, g.dtype())));
      },
      Formula::kComposed);
}

Tensor sum(const Tensor& x, std::span<const int64_t> dims, bool keepdim) {
  return sum_dims(x, resolve_dims(x, dims, "sum"), keepdim);
}

Tensor mean(const Tensor& x, std::span<const int64_t> dims, bool keepdim) {
  require_floating(x, "mean");
  if (x.dtype() == DType::kBF16)  // rounded once
    return mean(x.to(DType::kF32), dims, keepdim).to(DType::kBF16);
  const DimList list = resolve_dims(x, dims, "mean");
  return sum_dims(x, list, keepdim) / Scalar(static_cast<double>(count_of(x, list)));
}

Tensor var(const Tensor& x, std::span<const int64_t> dims, bool unbiased, bool keepdim) {
  const DimList list = resolve_dims(x, dims, "var");
  const int64_t count = count_of(x, list);
  Tensor out = empty(reduced_shape(x, list, keepdim), x.dtype());
  with_float(x.dtype(), "var", [&](auto type) {
    Tensor hold;
    const auto args = reduce_args<decltype(type)>(x, list, out, hold);
    if (count > 0 && out.numel() > 0) kernels::sum_squared_deviation(args);
  });
  const double divisor = static_cast<double>(count - (unbiased ? 1 : 0));
  if (count == 0) out.fill_(std::numeric_limits<double>::quiet_NaN());
  {
    const NoGrad no_grad;
    out = out / Scalar(divisor);  // 0/0 is NaN, as in PyTorch
  }
  if (needs_grad(x))
    set_gradient(
        "var", out, {&x},
        [x = Saved(x), list, keepdim, divisor](GradContext& c) {
          const Tensor in = x.get(c);
          Dims dims_list;
          for (const int d : list.span()) dims_list.push_back(d);
          const Tensor centred = in - mean(in, {dims_list.begin(), list.count}, true);
          c.set(0, gradients::sum(c.grad(), in.shape(), list.span(), keepdim) * centred *
                       Scalar(2 / divisor));
        },
        Formula::kComposed);
  return out;
}

std::pair<Tensor, Tensor> max(const Tensor& x, int64_t dim, bool keepdim) {
  const int64_t one[] = {dim};
  const DimList list = resolve_dims(x, one, "max");
  auto [out, index] = extreme_dims(x, list, keepdim, Extreme::kLargest, "max");
  if (needs_grad(x)) record_picked("max", out, x, index, list, keepdim);
  return {out, index};
}

Tensor max(const Tensor& x) {
  const DimList list = resolve_dims(x, {}, "max");
  Tensor out = extreme_dims(x, list, false, Extreme::kLargest, "max").first;
  if (needs_grad(x)) record_shared("max", out, x, list, false);
  return out;
}

Tensor argmax(const Tensor& x, int64_t dim, bool keepdim) {
  const int64_t one[] = {dim};
  return extreme_dims(x, resolve_dims(x, one, "argmax"), keepdim, Extreme::kLargest, "argmax")
      .second;
}

Tensor sum_to(const Tensor& x, const Shape& shape) {
  if (x.shape() == shape) return x;
  const int extra = x.dim() - shape.rank();
  DimList list;
  for (int i = 0; i < x.dim(); ++i)
    if (i < extra || (shape[i - extra] == 1 && x.shape()[i] != 1)) list.dims[list.count++] = i;
  const Tensor out = list.count > 0 ? sum_dims(x, list, true) : x;
  return out.shape() == shape ? out : out.reshape(shape);
}

Tensor Tensor::sum() const {
  return tinytorch::sum(*this);
}
Tensor Tensor::sum(std::initializer_list<int64_t> dims, bool keepdim) const {
  return tinytorch::sum(*this, {dims.begin(), dims.size()}, keepdim);
}
Tensor Tensor::mean() const {
  return tinytorch::mean(*this);
}
Tensor Tensor::mean(std::initializer_list<int64_t> dims, bool keepdim) const {
  return tinytorch::mean(*this, {dims.begin(), dims.size()}, keepdim);
}
Tensor Tensor::max(int64_t dim, bool keepdim) const {
  return tinytorch::max(*this, dim, keepdim).first;
}
Tensor Tensor::argmax(int64_t dim, bool keepdim) const {
  return tinytorch::argmax(*this, dim, keepdim);
}

// ---- the table

namespace {

using Inputs = const std::vector<Tensor>&;
using ReduceFn = Tensor (*)(const Tensor&, std::span<const int64_t>, bool);

template <ReduceFn fn>
std::vector<Sample> samples(SampleMaker& m) {
  const auto over = [](std::vector<int64_t> dims, bool keepdim) {
    return [dims = std::move(dims), keepdim](Inputs t) { return fn(t[0], dims, keepdim); };
  };
  return {{"all", {m.normal({3, 4})}, over({}, false)},
          {"last", {m.normal({3, 70})}, over({-1}, false)},
          {"first, keepdim", {m.normal({5, 4})}, over({0}, true)},
          {"middle", {m.normal({2, 3, 4})}, over({1}, false)},
          {"outer two of four", {m.normal({2, 3, 2, 2})}, over({0, 2}, false)},
          {"image",
           {m.normal({2, 3, 4, 2}).contiguous(MemoryFormat::kChannelsLast)},
           over({2, 3}, false)},
          {"scalar", {m.normal({})}, over({}, false)}};
}
Tensor var_biased(const Tensor& x, std::span<const int64_t> dims, bool keepdim) {
  return var(x, dims, false, keepdim);
}
std::vector<Sample> sum_samples(SampleMaker& m) {
  std::vector<Sample> list = samples<sum>(m);
  list.push_back({"empty", {m.normal({0, 3})}, [](Inputs t) { return sum(t[0]); }});
  list.push_back({"empty to zeros", {m.normal({0, 3})}, [](Inputs t) { return t[0].sum({0}); }});
  return list;
}
std::vector<Sample> var_samples(SampleMaker& m) {
  std::vector<Sample> list = samples<var_biased>(m);
  list.pop_back();  // of one value it is 0 with gradient 0
  list.push_back({"unbiased", {m.normal({4, 5})}, [](Inputs t) { return var(t[0]); }});
  return list;
}
std::vector<Sample> max_samples(SampleMaker& m) {
  return {{"all", {m.distinct({3, 4})}, [](Inputs t) { return max(t[0]); }},
          {"dim 1", {m.distinct({3, 5})}, [](Inputs t) { return max(t[0], 1).first; }},
          {"dim 0, keepdim", {m.distinct({3, 2, 2})}, [](Inputs t) {
             return max(t[0], 0, true).first;
           }}};
}
std::vector<Sample> argmax_samples(SampleMaker& m) {
  return {{"last", {m.distinct({4, 9})}, [](Inputs t) { return argmax(t[0], -1); }},
          {"dim 0, keepdim", {m.distinct({4, 3})}, [](Inputs t) { return argmax(t[0], 0, true); }}};
}
Cost cost(const Sample& s, const Tensor& out) {
  Cost c = streaming_cost(s, out);
  c.flops = static_cast<double>(s.inputs[0].numel());
  return c;
}
std::vector<ErrorCase> sum_errors() {
  return {
      {"dim", [] { zeros({2, 3}).sum({2}); }, "dim 2 is out of range for a tensor of 2 dimensions"},
      {"twice", [] { zeros({2, 3}).sum({1, -1}); }, "named twice"}};
}
std::vector<ErrorCase> mean_errors() {
  return {{"integers", [] { zeros({2}, DType::kI64).mean(); }, "is not of a floating dtype"}};
}
std::vector<ErrorCase> max_errors() {
  return {{"empty", [] { max(zeros({2, 0}), 1); }, "there is no maximum"}};
}

const OpInfo kTable[] = {
    {"sum", "sum(x, dims, keepdim)", "sum over dims; integers give i64", "g expanded", "nothing",
     "sum", sum_samples, cost, sum_errors},
    {"mean", "mean(x, dims, keepdim)", "sum / count", "g / count expanded", "nothing", "sum",
     samples<mean>, cost, mean_errors},
    {"var", "var(x, dims, unbiased, keepdim)", "sum (x - mean)^2 / (count - 1)",
     "2 g (x - mean) / (count - 1)", "x", "sum_squared_deviation", var_samples, cost, sum_errors},
    {"max", "max(x), max(x, dim, keepdim)", "largest value, and where it is",
     "g at the maximum; shared by equals in max(x)", "the index; for max(x): x", "max", max_samples,
     cost, max_errors},
    {"argmax", "argmax(x, dim, keepdim)", "index of the first largest value", "none: an index",
     "nothing", "max", argmax_samples, cost, max_errors},
};

}  // namespace

std::span<const OpInfo> reduce_ops() {
  return kTable;
}

}  // namespace tinytorch
