// Elements in other places, by index_select, cat, expand and views.
#include "tinytorch/ops/rearrange.h"

#include <algorithm>
#include <limits>

#include "tinytorch/core/memory.h"
#include "tinytorch/ops/common.h"

namespace tinytorch {

namespace {

// Along dim, element i of the result is element from(i).
template <class From>
Tensor reindexed(const Tensor& x, int dim, From from) {
  Tensor index = empty({x.size(dim)}, DType::kI64);
  for (int64_t i = 0; i < index.numel(); ++i) index.data<int64_t>()[i] = from(i);
  pin(index.storage());
  return index_select(x, dim, index);
}

std::vector<int> distinct_dims(const char* op, const Tensor& x, std::span<const int64_t> dims) {
  std::vector<int> out;
  for (const int64_t dim : dims) {
    const int d = normalize_dim(dim, x.dim(), op);
    if (std::find(out.begin(), out.end(), d) != out.end())
      raise<IndexError>("{}: dim {} is named twice.", op, dim);
    out.push_back(d);
  }
  return out;
}

// x as something to rearrange: never x itself, so that the result can be changed in place.
Tensor copied(const Tensor& x, const Tensor& result) {
  return result.is_same(x) ? result.clone() : result;
}

}  // namespace

Tensor flip(const Tensor& x, std::span<const int64_t> dims) {
  Tensor out = x;
  for (const int d : distinct_dims("flip", x, dims)) {
    if (x.dim() == 0) break;
    const int64_t n = x.size(d);
    out = reindexed(out, d, [n](int64_t i) { return n - 1 - i; });
  }
  return copied(x, out);
}

Tensor roll(const Tensor& x, std::span<const int64_t> shifts, std::span<const int64_t> dims) {
  if (dims.empty() && shifts.size() == 1) {
    const std::array<int64_t, 1> first = {0};
    return roll(x.reshape({x.numel()}), shifts, first).reshape(x.shape());
  }
  if (shifts.empty())
    raise<ConfigError>(
        "roll: no shifts. Hint: one for each dim, or a single one without dims, which rolls {} as "
        "one row.",
        describe(x));
  if (shifts.size() != dims.size())
    raise<ConfigError>("roll: {} shifts for {} dims. Hint: one for each.", shifts.size(),
                       dims.size());
  Tensor out = x;
  for (size_t k = 0; k < dims.size(); ++k) {  // a dim may come twice: its shifts add up
    const int d = normalize_dim(dims[k], x.dim(), "roll");
    if (x.dim() == 0 || x.size(d) == 0) continue;
    const int64_t n = x.size(d), shift = ((shifts[k] % n) + n) % n;
    out = reindexed(out, d, [n, shift](int64_t i) { return (i + n - shift) % n; });
  }
  return copied(x, out);
}

Tensor repeat(const Tensor& x, std::span<const int64_t> times) {
  if (static_cast<int>(times.size()) < x.dim() || times.size() > kMaxDims ||
      std::any_of(times.begin(), times.end(), [](int64_t n) { return n < 0; }))
    raise<ShapeError>(
        "repeat: [{}] must have a number of 0 or more for each dimension of {}, and may have more "
        "in front.",
        joined(times), describe(x));
  Tensor out = x;
  while (out.dim() < static_cast<int>(times.size())) out = out.unsqueeze(0);
  for (int d = 0; d < out.dim(); ++d) {
    const int64_t n = times[static_cast<size_t>(d)];
    if (n == 1) continue;
    if (n > 0 && out.size(d) > std::numeric_limits<int64_t>::max() / n)
      raise<ShapeError>("repeat: {} times dim {} of {} is too large.", n, d, describe(out));
    Shape shape = out.shape();
    int64_t outer = 1, inner = 1;  // three dimensions, so that x may have as many as there can be
    for (int i = 0; i < out.dim(); ++i) (i < d ? outer : inner) *= shape[i];
    shape[d] *= n;
    out = out.reshape({outer, 1, inner}).expand({outer, n, inner}).reshape(shape);
  }
  return copied(x,
                out.is_same(x) || out.storage().data() != x.storage().data() ? out : out.clone());
}

Tensor unfold(const Tensor& x, int64_t dim, int64_t size, int64_t step) {
  const int d = normalize_dim(dim, x.dim(), "unfold");
  const int64_t n = x.dim() == 0 ? 1 : x.size(d);
  if (size < 0 || size > n || step < 1)
    raise<ShapeError>("unfold: windows of {} with step {} do not fit dim {} of {}.", size, step, d,
                      describe(x));
  if (x.dim() == 0) return x.unsqueeze(0).slice(0, 0, size);
  const int64_t windows = (n - size) / step + 1;
  // Window w holds element w step + i: gathering them has a gradient that adds overlaps up.
  Tensor index = empty({windows * size}, DType::kI64);
  for (int64_t w = 0; w < windows; ++w)
    for (int64_t i = 0; i < size; ++i) index.data<int64_t>()[w * size + i] = w * step + i;
  pin(index.storage());
  Shape split = x.shape();
  split[d] = windows;
  split.insert(d + 1, size);
  const Tensor parts = index_select(x, d, index).reshape(split);
  std::vector<int> order;
  for (int i = 0; i < parts.dim(); ++i)
    if (i != d + 1) order.push_back(i);
  order.push_back(d + 1);
  return permute_dims(parts, order);
}

namespace {

Tensor triangle(const char* op, const Tensor& x, int64_t diagonal, bool lower) {
  if (x.dim() < 2) raise<ShapeError>("{}: {} must have two dimensions at least.", op, describe(x));
  const int64_t rows = x.size(-2), cols = x.size(-1);
  Tensor drop = empty({rows, cols}, DType::kBool);
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < cols; ++j)
      drop.data<bool>()[i * cols + j] = lower ? j - i > diagonal : j - i < diagonal;
  pin(drop.storage());
  return masked_fill(x, drop, 0);
}

}  // namespace

Tensor tril(const Tensor& x, int64_t diagonal) {
  return triangle("tril", x, diagonal, true);
}
Tensor triu(const Tensor& x, int64_t diagonal) {
  return triangle("triu", x, diagonal, false);
}

// ---- the table

namespace {

using Inputs = const std::vector<Tensor>&;
using List = std::vector<int64_t>;

std::vector<Sample> flip_samples(SampleMaker& m) {
  const auto run = [](const List& dims) { return [dims](Inputs t) { return flip(t[0], dims); }; };
  return {{"last", {m.normal({3, 4})}, run({-1})},
          {"both", {m.normal({3, 4})}, run({0, 1})},
          {"none", {m.normal({3})}, run({})},
          {"empty", {m.normal({0, 3})}, run({1, 0})}};
}
std::vector<ErrorCase> flip_errors() {
  return {{"twice", [] { flip(zeros({2, 3}), {0, -2}); }, "flip: dim -2 is named twice"},
          {"range", [] { flip(zeros({2, 3}), {2}); }, "flip: dim 2 is out of range"}};
}
std::vector<Sample> roll_samples(SampleMaker& m) {
  const auto run = [](const List& shifts, const List& dims) {
    return [=](Inputs t) { return roll(t[0], shifts, dims); };
  };
  return {{"by 2", {m.normal({3, 5})}, run({2}, {1})},
          {"back and forth", {m.normal({3, 5})}, run({-1, 7}, {0, 1})},
          {"as one row", {m.normal({2, 3})}, run({2}, {})},
          {"empty", {m.normal({0, 3})}, run({1}, {0})}};
}
std::vector<ErrorCase> roll_errors() {
  return {
      {"counts", [] { roll(zeros({2, 3}), {1, 2}, {0}); }, "roll: 2 shifts for 1 dims"},
      {"no shifts", [] { roll(zeros({2, 3}), {}); }, "roll: no shifts. Hint: one for each dim"}};
}
std::vector<Sample> repeat_samples(SampleMaker& m) {
  const auto run = [](const List& times) { return [=](Inputs t) { return repeat(t[0], times); }; };
  return {{"2 by 3", {m.normal({2, 3})}, run({2, 3})},
          {"more dims", {m.normal({3})}, run({2, 1, 2})},
          {"once", {m.normal({2, 2})}, run({1, 1})},
          {"never", {m.normal({2, 2})}, run({1, 0})},
          {"scalar", {m.normal({})}, run({3})},
          {"8-d", {m.normal({1, 2, 1, 1, 3, 1, 1, 2})}, run({2, 1, 1, 1, 2, 1, 1, 3})}};
}
std::vector<ErrorCase> repeat_errors() {
  return {{"too few", [] { repeat(zeros({2, 3}), {2}); },
           "repeat: [2] must have a number of 0 or more for each dimension of f32 [2, 3]"},
          {"negative", [] { repeat(zeros({2}), {-1}); }, "repeat: [-1]"},
          {"too large", [] { repeat(zeros({4}), {std::numeric_limits<int64_t>::max()}); },
           "times dim 0 of f32 [4] is too large"}};
}
std::vector<Sample> unfold_samples(SampleMaker& m) {
  const auto run = [](int64_t dim, int64_t size, int64_t step) {
    return [=](Inputs t) { return unfold(t[0], dim, size, step); };
  };
  return {{"overlapping", {m.normal({7})}, run(0, 3, 2)},
          {"side by side", {m.normal({2, 6})}, run(1, 2, 2)},
          {"first of 3-d", {m.normal({5, 2, 3})}, run(0, 2, 1)},
          {"with gaps", {m.normal({2, 7})}, run(-1, 2, 3)}};
}
std::vector<ErrorCase> unfold_errors() {
  return {{"size", [] { unfold(zeros({2, 3}), 1, 4, 1); },
           "unfold: windows of 4 with step 1 do not fit dim 1 of f32 [2, 3]"},
          {"step", [] { unfold(zeros({3}), 0, 2, 0); }, "with step 0"}};
}
template <Tensor (*fn)(const Tensor&, int64_t)>
std::vector<Sample> triangle_samples(SampleMaker& m) {
  const auto run = [](int64_t diagonal) { return [=](Inputs t) { return fn(t[0], diagonal); }; };
  return {{"square", {m.normal({4, 4})}, run(0)},
          {"above", {m.normal({3, 5})}, run(1)},
          {"batch, below", {m.normal({2, 4, 3})}, run(-1)},
          {"far out", {m.normal({2, 2})}, run(9)}};
}
template <Tensor (*fn)(const Tensor&, int64_t)>
std::vector<ErrorCase> triangle_errors() {
  return {{"vector", [] { fn(zeros({3}), 0); }, "f32 [3] must have two dimensions at least"}};
}
Cost cost(const Sample& s, const Tensor& out) {
  return streaming_cost(s, out, 0);
}

const OpInfo kTable[] = {
    {"flip", "flip(x, dims)", "reversed along dims", "flip(g, dims)", "indices",
     "gather_rows scatter_add_rows", flip_samples, cost, flip_errors},
    {"roll", "roll(x, shifts, dims)", "out[i] = x[i - shift], around the end", "g rolled back",
     "indices", "gather_rows scatter_add_rows", roll_samples, cost, roll_errors},
    {"repeat", "repeat(x, times)", "copies of x side by side", "the sum over the copies", "nothing",
     "", repeat_samples, cost, repeat_errors},
    {"unfold", "unfold(x, dim, size, step)", "windows along dim as a last dimension",
     "g added up where windows overlap", "indices", "gather_rows scatter_add_rows", unfold_samples,
     cost, unfold_errors, 1e-6, true, "a copy, not a view"},
    {"tril", "tril(x, diagonal)", "x on and below the diagonal, else 0", "tril(g, diagonal)",
     "the mask", "pointwise", triangle_samples<tril>, cost, triangle_errors<tril>},
    {"triu", "triu(x, diagonal)", "x on and above the diagonal, else 0", "triu(g, diagonal)",
     "the mask", "pointwise", triangle_samples<triu>, cost, triangle_errors<triu>},
};

}  // namespace

std::span<const OpInfo> rearrange_ops() {
  return kTable;
}

}  // namespace tinytorch
