// Choosing elements by index or mask.
#include "tinytorch/ops/index_rows.h"

#include "tinytorch/kernels/index.h"

namespace tinytorch {

Tensor as_index(const Tensor& index, const char* op) {
  if (index.dtype() != DType::kI64 && index.dtype() != DType::kI32)
    raise<DTypeError>("{}: the index {} must be i64 or i32. Hint: to(DType::kI64).", op,
                      describe(index));
  return index.to(DType::kI64).contiguous();
}

namespace {

// The check is a call that plans repeat: the next indices are others.
struct RangeArgs {
  const int64_t* index;
  int64_t count, size;
  const char* op;
  DType dtype;  // of the indexed tensor, as its shape and dim
  Shape shape;
  int dim;
  void clear_unused() { shape.clear_unused(); }
};
void check(const RangeArgs& a) {
  const int64_t bad = kernels::first_out_of_range(a.index, a.count, a.size);
  if (bad >= 0)
    raise<IndexError>("{}: index {} (entry {}) is out of range: dim {} of {} {} has {} entries.",
                      a.op, a.index[bad], bad, a.dim, dtype_name(a.dtype), a.shape.str(), a.size);
}

}  // namespace

void check_range(const Tensor& index, int64_t size, const char* op, const Tensor& x, int dim) {
  kernels::call(
      check, RangeArgs{index.data<int64_t>(), index.numel(), size, op, x.dtype(), x.shape(), dim});
}

Tensor places(const Tensor& index, const Shape& shape, int dim) {
  const Strides steps = contiguous_strides(shape);
  Tensor flat = empty({index.numel()}, DType::kI64);
  const int64_t* from = index.data<int64_t>();
  int64_t* to = flat.data<int64_t>();
  Dims at = Dims::filled(shape.rank(), 0);
  for (int64_t k = 0; k < index.numel(); ++k) {
    int64_t place = 0;
    for (int i = 0; i < shape.rank(); ++i) place += (i == dim ? from[k] : at[i]) * steps[i];
    to[k] = place;
    for (int i = shape.rank() - 1; i >= 0; --i) {
      if (++at[i] < index.shape()[i]) break;
      at[i] = 0;
    }
  }
  return flat;
}

Tensor take_rows(const char* name, const Tensor& table, const Tensor& index,
                 const Shape& index_shape) {
  const Tensor dense = [&] {
    const NoGrad no_grad;
    return table.contiguous();
  }();
  Shape shape = index_shape;
  for (int i = 1; i < table.dim(); ++i) shape.push_back(table.shape()[i]);
  const int64_t rows = table.shape()[0], cols = rows ? table.numel() / rows : 0;
  Tensor out = empty(shape, table.dtype());
  const auto row_bytes = cols * static_cast<int64_t>(item_size(table.dtype()));
  if (out.numel() > 0)
    kernels::gather_rows({index.numel(), row_bytes, dense.raw_data(), row_bytes,
                          index.data<int64_t>(), out.raw_data()});
  if (needs_grad(table))
    set_gradient(
        name, out, {&table},
        [name, index = Saved(index), s = table.shape()](GradContext& c) {
          c.set(0, add_rows(name, c.grad(), index.get(c), s));
        },
        Formula::kComposed);
  return out;
}

namespace {

// Without a kernel: integers have no gradient, and nobody waits for them.
Tensor add_integer_rows(const char* name, const Tensor& rows, const Tensor& index,
                        const Shape& table) {
  Tensor out = zeros(table, rows.dtype());
  const int64_t cols = table[0] ? out.numel() / table[0] : 0;
  const auto run = [&](auto type) {
    using T = decltype(type);
    for (int64_t i = 0; i < index.numel(); ++i) {
      T* to = out.data<T>() + index.data<int64_t>()[i] * cols;
      for (int64_t c = 0; c < cols; ++c)
        to[c] = static_cast<T>(to[c] + rows.data<T>()[i * cols + c]);
    }
  };
  if (rows.dtype() == DType::kI64)
    run(int64_t{});
  else if (rows.dtype() == DType::kI32)
    run(int32_t{});
  else
    raise<DTypeError>("{}: no kernel for {}. Hint: to(DType::kI64).", name,
                      dtype_name(rows.dtype()));
  return out;
}

}  // namespace

Tensor add_rows(const char* name, const Tensor& rows, const Tensor& index, const Shape& table) {
  const Tensor dense = [&] {
    const NoGrad no_grad;
    return rows.contiguous();
  }();
  if (!is_floating(rows.dtype())) return add_integer_rows(name, dense, index, table);
  Tensor out = empty(table, rows.dtype());
  with_float(rows.dtype(), name, [&](auto type) {
    using T = decltype(type);
    kernels::ScatterAddRowsArgs<T> args;
    args.count = index.numel(), args.table_rows = table[0];
    args.cols = table[0] ? out.numel() / table[0] : 0;
    args.rows = dense.data<T>(), args.index = index.data<int64_t>(), args.out = out.data<T>();
    kernels::scatter_add_rows(args);
  });
  if (needs_grad(rows))
    set_gradient(
        name, out, {&rows},
        [name, index = Saved(index), s = rows.shape()](GradContext& c) {
          c.set(0, take_rows(name, c.grad(), index.get(c), {index.get(c).numel()}).reshape(s));
        },
        Formula::kComposed);
  return out;
}

Tensor embedding(const Tensor& weight, const Tensor& index) {
  if (weight.dim() != 2)
    raise<ShapeError>("embedding: the weight {} must be (entries, features).", describe(weight));
  const Tensor i = as_index(index, "embedding");
  check_range(i, weight.shape()[0], "embedding", weight, 0);
  return take_rows("embedding", weight, i, index.shape());
}

Tensor index_select(const Tensor& x, int64_t dim, const Tensor& index) {
  const int d = normalize_dim(dim, x.dim(), "index_select");
  if (x.dim() == 0 || index.dim() > 1)
    raise<ShapeError>("index_select: {} needs a dimension, the index {} must be 1-d.", describe(x),
                      describe(index));
  const Tensor i = as_index(index, "index_select").reshape({index.numel()});
  check_range(i, x.shape()[d], "index_select", x, d);
  if (d == 0) return take_rows("index_select", x, i, i.shape());
  return take_rows("index_select", x.transpose(0, d), i, i.shape()).transpose(0, d);
}

Tensor gather(const Tensor& x, int64_t dim, const Tensor& index) {
  const int d = normalize_dim(dim, x.dim(), "gather");
  const Tensor chosen = as_index(index, "gather");
  bool fits = x.dim() == index.dim();
  for (int i = 0; fits && i < x.dim(); ++i) fits = i == d || index.shape()[i] <= x.shape()[i];
  if (!fits)
    raise<ShapeError>(
        "gather: the index {} must have the dimensions of {}, none but dim {} larger.",
        describe(index), describe(x), d);
  if (x.dim() == 0) return gather(x.reshape({1}), 0, index.reshape({1})).reshape({});
  check_range(chosen, x.shape()[d], "gather", x, d);
  return take_rows("gather", x.reshape({x.numel()}), places(chosen, x.shape(), d), index.shape());
}

Tensor masked_fill(const Tensor& x, const Tensor& mask, Scalar value) {
  if (mask.dtype() != DType::kBool)
    raise<DTypeError>("masked_fill: the mask {} must be bool. Hint: a comparison gives one.",
                      describe(mask));
  if (broadcast_shapes(x.shape(), mask.shape(), "masked_fill") != x.shape())
    raise<ShapeError>("masked_fill: the mask {} is larger than {}.", describe(mask), describe(x));
  return where(mask, scalar_tensor(value, x.dtype()), x);
}

Tensor Tensor::index_select(int64_t d, const Tensor& index) const {
  return tinytorch::index_select(*this, d, index);
}
Tensor Tensor::gather(int64_t d, const Tensor& index) const {
  return tinytorch::gather(*this, d, index);
}
Tensor Tensor::masked_fill(const Tensor& mask, Scalar value) const {
  return tinytorch::masked_fill(*this, mask, value);
}

// ---- the table

namespace {

using Inputs = const std::vector<Tensor>&;
std::vector<Sample> embedding_samples(SampleMaker& m) {
  const auto run = [](Inputs t) { return embedding(t[0], t[1]); };
  return {{"2x3 of 5x4", {m.normal({5, 4}), m.indices({2, 3}, 5)}, run},
          {"repeated rows", {m.normal({2, 3}), m.indices({9}, 2)}, run},
          {"none", {m.normal({5, 4}), m.indices({0}, 5)}, run}};
}
std::vector<Sample> index_select_samples(SampleMaker& m) {
  const auto along = [](int64_t d) {
    return [d](Inputs t) { return index_select(t[0], d, t[1]); };
  };
  return {{"dim 0", {m.normal({5, 2}), m.indices({3}, 5)}, along(0)},
          {"last dim", {m.normal({2, 3, 4}), m.indices({6}, 4)}, along(-1)}};
}
std::vector<Sample> gather_samples(SampleMaker& m) {
  const auto along = [](int64_t d) { return [d](Inputs t) { return gather(t[0], d, t[1]); }; };
  return {{"dim 1", {m.normal({3, 4}), m.indices({3, 2}, 4)}, along(1)},
          {"dim 0, smaller index", {m.normal({3, 4}), m.indices({5, 2}, 3)}, along(0)},
          {"3-d", {m.normal({2, 3, 4}), m.indices({2, 2, 4}, 3)}, along(1)}};
}
std::vector<Sample> masked_fill_samples(SampleMaker& m) {
  const auto run = [](Inputs t) { return masked_fill(t[0], t[1], -2.5); };
  return {{"same shape", {m.normal({3, 4}), m.mask({3, 4})}, run},
          {"broadcast mask", {m.normal({2, 3, 4}), m.mask({4})}, run}};
}
Cost cost(const Sample& s, const Tensor& out) {
  return streaming_cost(s, out, 0);
}
std::vector<ErrorCase> embedding_errors() {
  return {{"range", [] { embedding(zeros({3, 2}), from_vector<int64_t>({0, 3}, {2})); },
           "index 3 (entry 1) is out of range: dim 0 of f32 [3, 2] has 3 entries"},
          {"dtype", [] { embedding(zeros({3, 2}), zeros({2})); }, "must be i64 or i32"}};
}
std::vector<ErrorCase> index_select_errors() {
  return {{"range", [] { index_select(zeros({3, 2}), 1, from_vector<int64_t>({-1}, {1})); },
           "index -1 (entry 0)"}};
}
std::vector<ErrorCase> gather_errors() {
  return {{"rank", [] { gather(zeros({3, 2}), 0, zeros({2}, DType::kI64)); },
           "must have the dimensions of"}};
}
std::vector<ErrorCase> masked_fill_errors() {
  return {{"mask dtype", [] { masked_fill(zeros({2}), zeros({2}), 1); }, "must be bool"}};
}

const OpInfo kTable[] = {
    {"embedding", "embedding(weight, index)", "weight[index[i], :]",
     "rows of g added into their entries", "index", "gather_rows scatter_add_rows",
     embedding_samples, cost, embedding_errors},
    {"index_select", "index_select(x, dim, index)", "the slices index[i] of dim",
     "slices of g added back", "index", "gather_rows scatter_add_rows", index_select_samples, cost,
     index_select_errors},
    {"gather", "gather(x, dim, index)", "out[i][j] = x[i][index[i][j]] (dim 1)",
     "g added where it was read", "index", "gather_rows scatter_add_rows", gather_samples, cost,
     gather_errors},
    {"masked_fill", "masked_fill(x, mask, value)", "value where mask, else x",
     "0 where mask, else g", "mask", "pointwise", masked_fill_samples, cost, masked_fill_errors},
};

}  // namespace

std::span<const OpInfo> index_ops() {
  return kTable;
}

}  // namespace tinytorch
