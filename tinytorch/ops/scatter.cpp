// Writing to places that tensors name, and reading where a mask says so.
#include <algorithm>

#include "tinytorch/ops/index_rows.h"
#include "tinytorch/ops/indexing.h"

namespace tinytorch {

Tensor scatter_add(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& src) {
  const int d = normalize_dim(dim, x.dim(), "scatter_add");
  const Tensor chosen = as_index(index, "scatter_add");
  require_same_dtype(x, src, "scatter_add");
  bool fits = x.dim() == index.dim() && src.dim() == index.dim();
  for (int i = 0; fits && i < x.dim(); ++i)
    fits = (i == d || index.shape()[i] <= x.shape()[i]) && index.shape()[i] <= src.shape()[i];
  if (!fits)
    raise<ShapeError>(
        "scatter_add: the index {} must have the dimensions of {} and of the source {}, none "
        "larger "
        "than the source's, none but dim {} larger than the first's.",
        describe(index), describe(x), describe(src), d);
  if (x.dim() == 0)
    return scatter_add(x.reshape({1}), 0, index.reshape({1}), src.reshape({1})).reshape({});
  check_range(chosen, x.shape()[d], "scatter_add", x, d);
  Tensor part = src;  // what index covers
  for (int i = 0; i < src.dim(); ++i)
    if (index.shape()[i] < src.shape()[i]) part = part.narrow(i, 0, index.shape()[i]);
  const Tensor added = add_rows("scatter_add", part.reshape({part.numel()}),
                                places(chosen, x.shape(), d), {x.numel()});
  return x + added.reshape(x.shape());
}

Tensor masked_select(const Tensor& x, const Tensor& mask) {
  if (mask.dtype() != DType::kBool)
    raise<DTypeError>("masked_select: the mask {} must be bool. Hint: a comparison gives one.",
                      describe(mask));
  const Shape shape = broadcast_shapes(x.shape(), mask.shape(), "masked_select");
  const Tensor flags = mask.expand(shape).contiguous();
  const bool* flag = flags.data<bool>();
  const int64_t count = std::count(flag, flag + flags.numel(), true);
  Tensor chosen = empty({count}, DType::kI64);
  int64_t* to = chosen.data<int64_t>();
  for (int64_t i = 0; i < flags.numel(); ++i)
    if (flag[i]) *to++ = i;
  return take_rows("masked_select", x.expand(shape).reshape({flags.numel()}), chosen, {count});
}

Tensor index_put(const Tensor& x, const std::vector<Tensor>& indices, const Tensor& values,
                 bool accumulate) {
  const auto count = static_cast<int>(indices.size());
  if (count < 1 || count > x.dim())
    raise<ShapeError>("index_put: {} indices for {}. Hint: one for each of the first dimensions.",
                      count, describe(x));
  require_same_dtype(x, values, "index_put");
  Shape where = indices[0].shape();  // of the places
  for (const Tensor& index : indices) where = broadcast_shapes(where, index.shape(), "index_put");
  Shape table = {1}, wanted = where;  // x as rows; the shape of the values
  for (int i = 0; i < x.dim(); ++i) {
    if (i < count) {
      table[0] *= x.shape()[i];
    } else {
      table.push_back(x.shape()[i]);
      wanted.push_back(x.shape()[i]);
    }
  }
  if (broadcast_shapes(values.shape(), wanted, "index_put") != wanted)
    raise<ShapeError>("index_put: the values {} do not fit into the places, which are {}.",
                      describe(values), wanted.str());
  Tensor rows = zeros({where.product()}, DType::kI64);  // each place's row of the table
  int64_t* row = rows.data<int64_t>();
  for (int i = 0; i < count; ++i) {
    const Tensor index =
        as_index(indices[static_cast<size_t>(i)], "index_put").expand(where).contiguous();
    check_range(index, x.shape()[i], "index_put", x, i);
    for (int64_t p = 0; p < rows.numel(); ++p)
      row[p] = row[p] * x.shape()[i] + index.data<int64_t>()[p];
  }
  Shape listed = table;
  listed[0] = rows.numel();
  const Tensor list = values.expand(wanted).reshape(listed), all = x.reshape(table);
  if (accumulate) return (all + add_rows("index_put", list, rows, table)).reshape(x.shape());
  // Each row is its own or that of the last place that names it, chosen from both behind each
  // other.
  Tensor chosen = empty({table[0]}, DType::kI64);
  int64_t* from = chosen.data<int64_t>();
  for (int64_t i = 0; i < table[0]; ++i) from[i] = rows.numel() + i;
  for (int64_t p = 0; p < rows.numel(); ++p) from[row[p]] = p;
  return take_rows("index_put", cat({list, all}), chosen, {table[0]}).reshape(x.shape());
}

// ---- the table

namespace {

using Inputs = const std::vector<Tensor>&;
std::vector<Sample> scatter_add_samples(SampleMaker& m) {
  const auto along = [](int64_t d) {
    return [d](Inputs t) { return scatter_add(t[0], d, t[1], t[2]); };
  };
  return {{"dim 0", {m.normal({3, 4}), m.indices({5, 4}, 3), m.normal({5, 4})}, along(0)},
          {"dim 1, larger source",
           {m.normal({3, 4}), m.indices({2, 6}, 4), m.normal({3, 7})},
           along(1)},
          {"3-d", {m.normal({2, 3, 2}), m.indices({2, 4, 2}, 3), m.normal({2, 4, 2})}, along(-2)},
          {"one place", {m.normal({3}), m.indices({9}, 1), m.normal({9})}, along(0)},
          {"nothing", {m.normal({3}), m.indices({0}, 3), m.normal({0})}, along(0)}};
}
std::vector<ErrorCase> scatter_add_errors() {
  return {{"range", [] { scatter_add(zeros({2}), 0, from_vector<int64_t>({2}, {1}), zeros({1})); },
           "scatter_add: index 2 (entry 0) is out of range: dim 0 of f32 [2] has 2 entries"},
          {"source", [] { scatter_add(zeros({4}), 0, zeros({3}, DType::kI64), zeros({2})); },
           "and of the source f32 [2]"},
          {"dtype",
           [] { scatter_add(zeros({4}), 0, zeros({3}, DType::kI64), zeros({3}, DType::kF64)); },
           "different dtypes"}};
}
std::vector<Sample> masked_select_samples(SampleMaker& m) {
  const auto run = [](Inputs t) { return masked_select(t[0], t[1]); };
  return {{"same shape", {m.normal({3, 4}), m.mask({3, 4})}, run},
          {"broadcast mask", {m.normal({2, 3}), m.mask({3})}, run},
          {"broadcast input", {m.normal({4}), m.mask({3, 4})}, run},
          {"empty", {m.normal({0}), m.mask({0})}, run}};
}
std::vector<ErrorCase> masked_select_errors() {
  return {
      {"dtype", [] { masked_select(zeros({2}), zeros({2})); }, "must be bool"},
      {"shape", [] { masked_select(zeros({2}), zeros({3}, DType::kBool)); }, "do not broadcast"}};
}
std::vector<Sample> index_put_samples(SampleMaker& m) {
  const auto one = [](bool add) {
    return [add](Inputs t) { return index_put(t[0], {t[1]}, t[2], add); };
  };
  const auto two = [](bool add) {
    return [add](Inputs t) { return index_put(t[0], {t[1], t[2]}, t[3], add); };
  };
  const Tensor distinct = from_vector<int64_t>({3, 0, 2}, {3});
  return {{"rows", {m.normal({4, 2}), distinct, m.normal({3, 2})}, one(false)},
          {"rows, one value", {m.normal({4, 2}), distinct, m.normal({})}, one(false)},
          {"elements", {m.normal({4, 5}), distinct, m.indices({3}, 5), m.normal({3})}, two(false)},
          {"a block",
           {m.normal({4, 5}), from_vector<int64_t>({1, 3}, {2, 1}),
            from_vector<int64_t>({0, 4, 2}, {3}), m.normal({2, 3})},
           two(false)},
          {"added", {m.normal({3, 2}), m.indices({6}, 3), m.normal({6, 2})}, one(true)},
          {"elements added",
           {m.normal({3, 2}), m.indices({7}, 3), m.indices({7}, 2), m.normal({7})},
           two(true)}};
}
std::vector<ErrorCase> index_put_errors() {
  const auto index = [] { return from_vector<int64_t>({0, 2}, {2}); };
  return {
      {"range", [=] { index_put(zeros({2, 3}), {index()}, zeros({3})); },
       "index_put: index 2 (entry 1) is out of range"},
      {"values", [=] { index_put(zeros({3, 2}), {index()}, zeros({3, 2})); }, "do not broadcast"},
      {"none", [] { index_put(zeros({3, 2}), {}, zeros({2})); }, "index_put: 0 indices for"}};
}
Cost cost(const Sample& s, const Tensor& out) {
  return streaming_cost(s, out, 1);
}

const OpInfo kTable[] = {
    {"scatter_add", "scatter_add(x, dim, index, src)", "x[index[i][j]][j] += src[i][j] (dim 0)",
     "g; for src gather(g, dim, index)", "index", "scatter_add_rows pointwise", scatter_add_samples,
     cost, scatter_add_errors, 1e-6, true,
     "sums in the order of index: the same bits for any number of threads"},
    {"masked_select", "masked_select(x, mask)", "the elements where mask is true, as a vector",
     "g where mask was true, else 0", "the places", "gather_rows scatter_add_rows",
     masked_select_samples, cost, masked_select_errors},
    {"index_put", "index_put(x, {indices...}, values, accumulate)",
     "x with values written (or added) at indices",
     "g where x stayed (or all of it); for values g at their places", "the places",
     "gather_rows scatter_add_rows", index_put_samples, cost, index_put_errors, 1e-6, true,
     "no negative indices; of equal places the last counts"},
};

}  // namespace

std::span<const OpInfo> scatter_ops() {
  return kTable;
}

}  // namespace tinytorch
