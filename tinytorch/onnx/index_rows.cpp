// Picking and writing by index.
#include "tinytorch/onnx/node.h"
#include "tinytorch/ops/math.h"
#include "tinytorch/ops/ops.h"
#include "tinytorch/ops/sort.h"

namespace tinytorch::onnx {

namespace {

// Indices count from the end when negative. Those out of range stay as they are, for the error of
// the operation that reads them names the index as the file has it.
Tensor from_front(const Tensor& index, int64_t size) {
  const Tensor wide = index.to(DType::kI64);
  return where(logical_and(lt(wide, 0), ge(wide, -size)), wide + size, wide);
}

// x.shape without axis, with the index's shape in its place.
Tensors gather_of(const Node& n) {
  const Tensor& x = n.in(0);
  const int axis = axis_of(n, n.integer("axis", 0), x.dim());
  const Tensor index = from_front(n.in(1), x.size(axis));
  Shape shape;
  for (int d = 0; d < axis; ++d) shape.push_back(x.shape()[d]);
  for (const int64_t size : index.shape()) shape.push_back(size);
  for (int d = axis + 1; d < x.dim(); ++d) shape.push_back(x.shape()[d]);
  return {index_select(x, axis, index.reshape({index.numel()})).reshape(shape)};
}

Tensors gather_elements(const Node& n) {
  const Tensor& x = n.in(0);
  const int axis = axis_of(n, n.integer("axis", 0), x.dim());
  return {gather(x, axis, from_front(n.in(1), x.size(axis)))};
}

// The number of the row that index tuples (..., k) name among the rows of x's first k dimensions.
Tensor row_numbers(const Tensor& index, std::span<const int64_t> sizes) {
  Tensor row = zeros(index.select(-1, 0).shape(), DType::kI64);
  for (size_t i = 0; i < sizes.size(); ++i) {
    const Tensor at = from_front(index.select(-1, static_cast<int64_t>(i)), sizes[i]);
    if (at.numel() > 0 && (max(neg(at)).item_as_int() > 0 || max(at).item_as_int() >= sizes[i]))
      raise<IndexError>("an index of dim {} is out of range for {}", i, sizes[i]);
    row = row * sizes[i] + at;
  }
  return row;
}

Tensors gather_nd(const Node& n) {
  const Tensor &x = n.in(0), &index = n.in(1);
  const int64_t batch = n.integer("batch_dims", 0);
  if (index.dim() < 1 || batch < 0 || batch >= index.dim() || batch + index.size(-1) > x.dim() ||
      index.size(-1) < 1)
    raise<ShapeError>("indices {} with {} batch dimensions do not fit {}", index.shape().str(),
                      batch, x.shape().str());
  const auto depth = static_cast<int>(batch + index.size(-1));
  // The batch's own numbers come first: rows of all leading dimensions.
  Shape out, rows_shape;
  int64_t batches = 1;
  for (int d = 0; d < batch; ++d) {
    if (index.shape()[d] != x.shape()[d])
      raise<ShapeError>("dim {} of {} and {} differ", d, index.shape().str(), x.shape().str());
    batches *= x.shape()[d];
  }
  for (int d = 0; d + 1 < index.dim(); ++d) out.push_back(index.shape()[d]);
  int64_t inner = 1;
  for (int d = static_cast<int>(batch); d < depth; ++d) inner *= x.shape()[d];
  rows_shape.push_back(batches * inner);
  for (int d = depth; d < x.dim(); ++d) {
    out.push_back(x.shape()[d]);
    rows_shape.push_back(x.shape()[d]);
  }
  Tensor rows = row_numbers(index, std::span<const int64_t>(x.shape().begin() + batch,
                                                            static_cast<size_t>(depth - batch)));
  if (batches > 0 && rows.numel() > 0)
    rows = rows.reshape({batches, rows.numel() / batches}) + arange(batches).unsqueeze(1) * inner;
  return {index_select(x.reshape(rows_shape), 0, rows.reshape({rows.numel()})).reshape(out)};
}

// Writes or combines in order, so that the last of equal indices wins.
template <class Combine>
void scatter_rows(const Tensor& y, const Numbers& rows, const Tensor& updates, Combine combine) {
  for (size_t i = 0; i < rows.size(); ++i) {
    Tensor to = y.select(0, rows[i]);
    to.copy_(combine(to, updates.select(0, static_cast<int64_t>(i))));
  }
}

using Combine = Tensor (*)(const Tensor&, const Tensor&);
Combine combination(const Node& n) {
  const std::string name = n.text("reduction", "none");
  if (name == "none") return [](const Tensor&, const Tensor& b) { return b; };
  if (name == "add") return [](const Tensor& a, const Tensor& b) { return a + b; };
  if (name == "mul") return [](const Tensor& a, const Tensor& b) { return a * b; };
  if (name == "max") return maximum;
  if (name == "min") return minimum;
  raise<Unsupported>("reduction {}: we do not have it", name);
}

Tensors scatter_nd(const Node& n) {
  const Tensor &x = n.in(0), &index = n.in(1), &updates = n.in(2);
  if (index.dim() < 1 || index.size(-1) < 1 || index.size(-1) > x.dim())
    raise<ShapeError>("indices {} do not fit {}", index.shape().str(), x.shape().str());
  const auto depth = static_cast<int>(index.size(-1));
  Shape expected, rows_shape{1};
  for (int d = 0; d + 1 < index.dim(); ++d) expected.push_back(index.shape()[d]);
  for (int d = 0; d < depth; ++d) rows_shape[0] *= x.shape()[d];
  for (int d = depth; d < x.dim(); ++d) {
    expected.push_back(x.shape()[d]);
    rows_shape.push_back(x.shape()[d]);
  }
  if (!(updates.shape() == expected))
    raise<ShapeError>("updates {} must be {}", updates.shape().str(), expected.str());
  const Tensor rows = row_numbers(index, {x.shape().begin(), static_cast<size_t>(depth)});
  const Tensor y = x.contiguous().clone();
  Shape flat = rows_shape;
  flat[0] = rows.numel();
  scatter_rows(y.view(rows_shape), to_vector<int64_t>(rows.reshape({rows.numel()})),
               updates.reshape(flat), combination(n));
  return {y};
}

// y[.., index[p], ..] = updates[p] for every place p, with the axis's index replaced.
Tensors scatter_elements(const Node& n) {
  const Tensor &x = n.in(0), &updates = n.in(2);
  const int axis = axis_of(n, n.integer("axis", 0), x.dim());
  const Tensor index = from_front(n.in(1), x.size(axis));
  if (!(updates.shape() == index.shape()) || index.dim() != x.dim())
    raise<ShapeError>("indices {} and updates {} do not fit {}", index.shape().str(),
                      updates.shape().str(), x.shape().str());
  const Tensor y = x.contiguous().clone();
  Tensor row = zeros(index.shape(), DType::kI64);
  for (int d = 0; d < x.dim(); ++d) {
    Shape one = Shape::filled(x.dim(), 1);
    one[d] = index.shape()[d];
    const Tensor at = d == axis ? index : arange(one[d]).reshape(one);
    if (index.numel() > 0 &&
        (max(neg(at)).item_as_int() > 0 || max(at).item_as_int() >= x.shape()[d]))
      raise<IndexError>("an index of dim {} is out of range for {}", d, x.shape().str());
    row = row * x.shape()[d] + at;
  }
  scatter_rows(y.view({y.numel()}), to_vector<int64_t>(row), updates.reshape({updates.numel()}),
               combination(n));
  return {y};
}

Tensors one_hot(const Node& n) {
  const Tensor &index = n.in(0), &values = n.in(2);
  const auto depth = n.whole(1, 0);
  if (values.numel() != 2) raise<IoError>("values {} are not two", values.shape().str());
  if (depth < 0 || depth > (int64_t{1} << 31)) raise<IoError>("depth {}", depth);
  const int axis = axis_of(n, n.integer("axis", -1), index.dim() + 1);
  const Tensor flat = values.reshape({2});
  Shape classes = Shape::filled(index.dim() + 1, 1);
  classes[axis] = depth;
  const Tensor hit = eq(from_front(index, depth).unsqueeze(axis), arange(depth).reshape(classes));
  return {where(hit, flat[1], flat[0])};
}

// The places where x is not 0, one column each.
Tensors non_zero(const Node& n) {
  const Tensor flags = ne(n.in(0), 0).contiguous();
  const bool* flag = flags.data<bool>();
  Numbers hits;
  for (int64_t i = 0; i < flags.numel(); ++i)
    if (flag[i]) hits.push_back(i);
  const auto count = static_cast<int64_t>(hits.size());
  const Tensor y = empty({flags.dim(), count}, DType::kI64);
  int64_t* to = y.data<int64_t>();
  for (int64_t k = 0; k < count; ++k) {
    int64_t rest = hits[static_cast<size_t>(k)];
    for (int d = flags.dim(); d-- > 0;) {
      to[d * count + k] = rest % flags.shape()[d];
      rest /= flags.shape()[d];
    }
  }
  return {y};
}

Tensors compress(const Node& n) {
  const bool flat = !n.given("axis");
  const Tensor x = flat ? n.in(0).reshape({n.in(0).numel()}) : n.in(0);
  const int axis = flat ? 0 : axis_of(n, n.integer("axis", 0), x.dim());
  const std::vector<bool> keep = [&] {
    const Tensor flags = n.in(1).to(DType::kBool).contiguous();
    return std::vector<bool>(flags.data<bool>(), flags.data<bool>() + flags.numel());
  }();
  Numbers index;
  for (size_t i = 0; i < keep.size(); ++i)
    if (keep[i]) index.push_back(static_cast<int64_t>(i));
  return {index_select(x, axis, from_vector(index, {static_cast<int64_t>(index.size())}))};
}

// The first lengths[b] of each batch entry, turned round.
Tensors reverse_sequence(const Node& n) {
  const Tensor& x = n.in(0);
  if (x.dim() < 2) raise<ShapeError>("{} has no batch and time", x.shape().str());
  const int time = axis_of(n, n.integer("time_axis", 0), x.dim());
  const int batch = axis_of(n, n.integer("batch_axis", 1), x.dim());
  const Numbers lengths = n.numbers(1);
  if (static_cast<int64_t>(lengths.size()) != x.size(batch) || time == batch)
    raise<ShapeError>("{} lengths for {}", lengths.size(), x.shape().str());
  Tensors parts;
  for (size_t b = 0; b < lengths.size(); ++b) {
    if (lengths[b] < 0 || lengths[b] > x.size(time)) raise<IoError>("a length of {}", lengths[b]);
    Numbers index;
    for (int64_t t = 0; t < x.size(time); ++t)
      index.push_back(t < lengths[b] ? lengths[b] - 1 - t : t);
    parts.push_back(index_select(x.narrow(batch, static_cast<int64_t>(b), 1), time,
                                 from_vector(index, {x.size(time)})));
  }
  return {parts.empty() ? x : cat(parts, batch)};
}

Tensors top_k(const Node& n) {
  const Tensor& x = n.in(0);
  const int axis = axis_of(n, n.integer("axis", -1), x.dim());
  auto [values, index] = topk(x, n.whole(1, 0), axis, n.integer("largest", 1) != 0);
  return {values, index};
}

const OpRow kRows[] = {
    {"TopK", 10, top_k},
    {"Gather", 1, gather_of},
    {"GatherElements", 11, gather_elements},
    {"GatherND", 11, gather_nd},
    {"Scatter", 9, scatter_elements},
    {"ScatterElements", 11, scatter_elements},
    {"ScatterND", 11, scatter_nd},
    {"OneHot", 9, one_hot},
    {"NonZero", 9, non_zero},
    {"Compress", 9, compress},
    {"ReverseSequence", 10, reverse_sequence},
};

}  // namespace

std::span<const OpRow> index_rows() {
  return kRows;
}

}  // namespace tinytorch::onnx
