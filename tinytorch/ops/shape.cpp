// Joining and cutting: cat, stack, split, pad. Copies into or views of parts of a larger tensor.
#include <algorithm>

#include "tinytorch/ops/common.h"

namespace tinytorch {

namespace {

Tensor part(const Tensor& x, int dim, int64_t start, int64_t length) {
  return alias(x, narrow_layout(x.layout(), dim, start, length, 1));
}

}  // namespace

Tensor cat(std::span<const Tensor> tensors, int64_t dim) {
  if (tensors.empty()) raise<ShapeError>("cat: no tensors given.");
  const int d = normalize_dim(dim, tensors[0].dim(), "cat");
  if (tensors[0].dim() == 0)
    raise<ShapeError>("cat: scalars have no dimension to join. Hint: stack.");
  Shape shape = tensors[0].shape();
  DType dtype = tensors[0].dtype();
  shape[d] = 0;
  for (const Tensor& t : tensors) {
    Shape wanted = t.shape();
    if (t.dim() == shape.rank()) wanted[d] = shape[d];
    if (wanted != shape)
      raise<ShapeError>(
          "cat: {} does not fit {} along dim {}: all other sizes must be equal. Hint: stack() "
          "makes a new dimension; dim chooses another.",
          describe(t), describe(tensors[0]), d);
    shape[d] += t.shape()[d];
    dtype = promote(dtype, t.dtype());
  }
  Tensor out = empty(shape, dtype);
  int64_t at = 0;
  bool recording = false;
  {
    const NoGrad no_grad;
    for (const Tensor& t : tensors) {
      part(out, d, at, t.shape()[d]).copy_(t);
      at += t.shape()[d];
    }
  }
  for (const Tensor& t : tensors) recording |= needs_grad(t);
  if (!recording) return out;
  std::vector<const Tensor*> inputs;
  std::vector<std::pair<int64_t, DType>> sizes;
  for (const Tensor& t : tensors) {
    inputs.push_back(&t);
    sizes.emplace_back(t.shape()[d], t.dtype());
  }
  Tensor* outputs[] = {&out};
  set_gradient(
      "cat", std::span<Tensor* const>(outputs), std::span<const Tensor* const>(inputs),
      [d, sizes](GradContext& c) {
        int64_t start = 0;
        for (size_t i = 0; i < sizes.size(); ++i) {
          if (c.needs(static_cast<int>(i)))
            c.set(static_cast<int>(i),
                  c.grad().narrow(d, start, sizes[i].first).to(sizes[i].second));
          start += sizes[i].first;
        }
      },
      Formula::kComposed);
  return out;
}

Tensor stack(std::span<const Tensor> tensors, int64_t dim) {
  std::vector<Tensor> raised;
  for (const Tensor& t : tensors) {
    if (t.shape() != tensors[0].shape())
      raise<ShapeError>("stack: {} and {} must have the same shape.", describe(tensors[0]),
                        describe(t));
    raised.push_back(t.unsqueeze(dim));
  }
  return cat(raised, tensors.empty() ? 0 : normalize_dim(dim, tensors[0].dim() + 1, "stack"));
}

std::vector<Tensor> split(const Tensor& x, int64_t size, int64_t dim) {
  const int d = normalize_dim(dim, x.dim(), "split");
  if (size <= 0 || x.dim() == 0)
    raise<ShapeError>("split: {} cannot be cut into parts of {}.", describe(x), size);
  std::vector<Tensor> parts;
  for (int64_t at = 0; at < std::max<int64_t>(x.shape()[d], 1); at += size)
    parts.push_back(x.narrow(d, at, std::min(size, x.shape()[d] - at)));
  return parts;
}

Tensor pad(const Tensor& x, std::span<const int64_t> amounts, Scalar value) {
  if (amounts.size() % 2 != 0 || static_cast<int>(amounts.size() / 2) > x.dim())
    raise<ShapeError>(
        "pad: {} amounts for {}: two for each padded dimension, last dimension first.",
        amounts.size(), describe(x));
  Tensor source = x;  // negative amounts first cut x, so only growing is left
  Shape shape = x.shape();
  Dims before = Dims::filled(x.dim(), 0);
  for (size_t i = 0; i < amounts.size() / 2; ++i) {
    const int d = x.dim() - 1 - static_cast<int>(i);
    const int64_t left = amounts[2 * i], right = amounts[2 * i + 1];
    if (shape[d] + std::min<int64_t>(left, 0) + std::min<int64_t>(right, 0) < 0)
      raise<ShapeError>("pad: cutting {} and {} leaves nothing of dim {} of {}.", -left, -right, d,
                        describe(x));
    source = source.narrow(d, std::max<int64_t>(-left, 0),
                           shape[d] + std::min<int64_t>(left, 0) + std::min<int64_t>(right, 0));
    shape[d] += left + right;
    before[d] = std::max<int64_t>(left, 0);
  }
  Tensor out = full(shape, value, x.dtype());
  Layout inner = out.layout();
  for (int d = 0; d < x.dim(); ++d)
    inner = narrow_layout(inner, d, before[d], source.shape()[d], 1);
  {
    const NoGrad no_grad;
    alias(out, inner).copy_(source);
  }
  if (needs_grad(source))
    set_gradient(
        "pad", out, {&source},
        [before, s = source.shape()](GradContext& c) {
          Tensor g = c.grad();
          for (int d = 0; d < s.rank(); ++d) g = g.narrow(d, before[d], s[d]);
          c.set(0, g);
        },
        Formula::kComposed);
  return out;
}

// ---- the table

namespace {

using Inputs = const std::vector<Tensor>&;
std::vector<Sample> cat_samples(SampleMaker& m) {
  return {{"dim 0", {m.normal({2, 3}), m.normal({1, 3})}, [](Inputs t) { return cat(t, 0); }},
          {"dim -1, three",
           {m.normal({2, 1}), m.normal({2, 2}), m.normal({2, 3})},
           [](Inputs t) { return cat(t, -1); }},
          {"with an empty one", {m.normal({2, 3}), m.normal({0, 3})}, [](Inputs t) {
             return cat(t, 0);
           }}};
}
std::vector<Sample> stack_samples(SampleMaker& m) {
  return {{"dim 0", {m.normal({2, 3}), m.normal({2, 3})}, [](Inputs t) { return stack(t, 0); }},
          {"last",
           {m.normal({2}), m.normal({2}), m.normal({2})},
           [](Inputs t) { return stack(t, -1); }},
          {"scalars", {m.normal({}), m.normal({})}, [](Inputs t) { return stack(t, 0); }}};
}
std::vector<Sample> split_samples(SampleMaker& m) {
  return {{"5 by 2, second", {m.normal({5, 2})}, [](Inputs t) { return split(t[0], 2)[1]; }},
          {"short last part", {m.normal({2, 5})}, [](Inputs t) { return split(t[0], 2, 1)[2]; }}};
}
std::vector<Sample> pad_samples(SampleMaker& m) {
  return {{"last dim", {m.normal({2, 3})}, [](Inputs t) { return pad(t[0], {1, 2}); }},
          {"two dims, value",
           {m.normal({2, 2, 3})},
           [](Inputs t) { return pad(t[0], {1, 0, 0, 2}, 7.0); }},
          {"cutting", {m.normal({3, 4})}, [](Inputs t) { return pad(t[0], {-1, 1, 2, -2}); }}};
}
Cost cost(const Sample& s, const Tensor& out) {
  return streaming_cost(s, out, 0);
}
std::vector<ErrorCase> cat_errors() {
  return {{"sizes", [] { cat({zeros({2, 3}), zeros({2, 2})}, 0); },
           "does not fit f32 [2, 3] along dim 0"},
          {"none", [] { cat(std::span<const Tensor>{}); }, "no tensors"}};
}
std::vector<ErrorCase> stack_errors() {
  return {{"shapes", [] { stack({zeros({2}), zeros({3})}); }, "must have the same shape"}};
}
std::vector<ErrorCase> split_errors() {
  return {{"size 0", [] { split(zeros({2}), 0); }, "parts of 0"}};
}
std::vector<ErrorCase> pad_errors() {
  return {{"odd", [] { pad(zeros({2}), {1}); }, "two for each padded dimension"},
          {"too much", [] { pad(zeros({2}), {-2, -1}); }, "leaves nothing"}};
}

const OpInfo kTable[] = {
    {"cat", "cat(tensors, dim)", "the tensors behind each other along dim", "the parts of g",
     "nothing", "copy", cat_samples, cost, cat_errors},
    {"stack", "stack(tensors, dim)", "the tensors along a new dimension", "the parts of g",
     "nothing", "copy", stack_samples, cost, stack_errors},
    {"split", "split(x, size, dim)", "views of size elements along dim", "g where it was taken",
     "nothing", "", split_samples, cost, split_errors},
    {"pad", "pad(x, amounts, value)", "x with constant borders", "the inner part of g", "nothing",
     "copy", pad_samples, cost, pad_errors},
};

}  // namespace

std::span<const OpInfo> shape_ops() {
  return kTable;
}

}  // namespace tinytorch
