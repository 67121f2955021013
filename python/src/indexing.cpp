// x[...] with PyTorch's meanings: ints, slices, None and ... give views; integer tensors, lists and
// bool masks choose elements. What is chosen is a composition of our operations, so it has a
// gradient. Assignment writes in place; while a gradient is recorded it goes through index_put.
#include <algorithm>
#include <cstring>

#include "python/src/binding.h"
#include "tinytorch/ops/indexing.h"
#include "tinytorch/ops/ops.h"

namespace tinytorch::python {

namespace {

// The index after its ints, slices, None and ... have been applied as views.
struct Chosen {
  Tensor view;
  std::vector<std::pair<int, Tensor>> indices;  // dim of view, i64 index; in order of the dims
};

// The places where a mask is true: one list of coordinates for each of its dimensions.
std::vector<Tensor> places_of(const Tensor& mask) {
  const Tensor dense = mask.contiguous();
  const bool* p = dense.data<bool>();
  std::vector<std::vector<int64_t>> coordinates(static_cast<size_t>(mask.dim()));
  for (int64_t i = 0; i < dense.numel(); ++i) {
    if (!p[i]) continue;
    int64_t rest = i;
    for (int d = mask.dim(); d-- > 0;) {
      coordinates[static_cast<size_t>(d)].push_back(rest % mask.shape()[d]);
      rest /= mask.shape()[d];
    }
  }
  std::vector<Tensor> places;
  for (const auto& c : coordinates)
    places.push_back(from_vector(c, {static_cast<int64_t>(c.size())}));
  return places;
}

// (An array has an index as well, should it hold one number; a number of NumPy's is no sequence.)
bool is_mask_or_index(py::handle item) {
  return is_truth(item) || py::isinstance<Tensor>(item) || PyList_Check(item.ptr()) ||
         PyTuple_Check(item.ptr()) ||
         (PySequence_Check(item.ptr()) && py::hasattr(item, "__array_interface__"));
}

std::vector<py::object> items_of(py::handle index) {
  std::vector<py::object> items;
  if (!PyTuple_Check(index.ptr())) {
    items.push_back(py::reinterpret_borrow<py::object>(index));
    return items;
  }
  for (py::handle item : index) items.push_back(py::reinterpret_borrow<py::object>(item));
  return items;
}

// Lists and arrays become tensors; so do no others.
Tensor index_tensor(py::handle item) {
  Tensor t = py::isinstance<Tensor>(item) ? item.cast<Tensor>() : tensor_from(item, {});
  if (t.dtype() == DType::kBool) return t;
  if (t.numel() == 0 && !py::isinstance<Tensor>(item)) t = t.to(DType::kI64);  // []
  if (t.dtype() != DType::kI64 && t.dtype() != DType::kI32)
    throw DTypeError(std::string("index: a tensor that chooses elements is int64, int32 or bool, "
                                 "not ") +
                     dtype_name(t.dtype()) + ".");
  return t.to(DType::kI64).contiguous();
}

class Walk {
 public:
  explicit Walk(const Tensor& x) { chosen_.view = x; }

  Chosen run(py::handle index) {
    std::vector<py::object> items = items_of(index);
    std::vector<std::optional<Tensor>> tensors;  // of the items that choose
    int consumed = 0;
    for (const py::object& item : items) {
      tensors.emplace_back();
      if (is_mask_or_index(item)) tensors.back() = index_tensor(item);
      if (item.is_none() || item.is(py::ellipsis())) continue;
      const bool mask = tensors.back() && tensors.back()->dtype() == DType::kBool;
      consumed += mask ? tensors.back()->dim() : 1;
    }
    const int rank = chosen_.view.dim();
    if (consumed > rank)
      throw IndexError("index: " + std::to_string(consumed) + " indices for a tensor of shape " +
                       chosen_.view.shape().str() + ".");
    for (size_t i = 0; i < items.size(); ++i) {
      if (items[i].is(py::ellipsis()))
        dim_ += rank - consumed;
      else if (tensors[i])
        choose(*tensors[i]);
      else
        see(items[i]);
    }
    return std::move(chosen_);
  }

 private:
  void see(const py::object& item) {
    Tensor& view = chosen_.view;
    if (item.is_none()) {
      view = view.unsqueeze(dim_++);
    } else if (PySlice_Check(item.ptr())) {
      Py_ssize_t start, stop, step;
      if (PySlice_Unpack(item.ptr(), &start, &stop, &step) < 0) throw py::error_already_set();
      if (step < 1) throw ConfigError("index: the step of a slice must be positive.");
      PySlice_AdjustIndices(view.shape()[dim_], &start, &stop, step);
      if (start != 0 || stop != view.shape()[dim_] || step != 1)
        view = view.slice(dim_, start, std::max(start, stop), step);
      ++dim_;
    } else if (!PyIndex_Check(item.ptr())) {
      throw DTypeError("index: " + py::repr(item).cast<std::string>() +
                       " is no int, slice, None, ..., list or tensor.");
    } else {
      view = view.select(dim_, int_from(item));
    }
  }

  void choose(const Tensor& index) {
    if (index.dtype() != DType::kBool) {
      chosen_.indices.emplace_back(dim_++, index);
      return;
    }
    if (index.dim() == 0) {  // all or nothing: a new dimension of size 1, of which it takes 1 or 0
      chosen_.view = chosen_.view.unsqueeze(dim_);
      const std::vector<int64_t> place(index.item() != 0 ? 1 : 0, 0);
      chosen_.indices.emplace_back(dim_++, from_vector(place, {std::ssize(place)}));
      return;
    }
    for (int d = 0; d < index.dim(); ++d)
      if (index.shape()[d] != chosen_.view.shape()[dim_ + d])
        throw IndexError("index: the mask " + index.shape().str() + " does not fit " +
                         chosen_.view.shape().str() + ": dim " + std::to_string(d) + " is " +
                         std::to_string(index.shape()[d]) + ", not " +
                         std::to_string(chosen_.view.shape()[dim_ + d]) + ".");
    for (Tensor& places : places_of(index)) chosen_.indices.emplace_back(dim_++, std::move(places));
  }

  Chosen chosen_;
  int dim_ = 0;
};

// The indices broadcast against each other, as coordinates that are in range.
struct Coordinates {
  Shape shape;
  std::vector<std::vector<int64_t>> of_dim;  // one list for each indexed dim
};

Coordinates coordinates_of(const Chosen& chosen) {
  Coordinates c;
  for (const auto& [dim, index] : chosen.indices)
    c.shape = broadcast_shapes(c.shape, index.shape(), "index");
  for (const auto& [dim, index] : chosen.indices) {
    const int64_t n = chosen.view.shape()[dim];
    c.of_dim.push_back(to_vector<int64_t>(index.expand(c.shape)));
    for (int64_t& i : c.of_dim.back()) {
      if (i < -n || i >= n)
        throw IndexError("index: " + std::to_string(i) + " is out of range: dim " +
                         std::to_string(dim) + " of " + chosen.view.shape().str() + " has " +
                         std::to_string(n) + " entries.");
      if (i < 0) i += n;
    }
  }
  return c;
}

Tensor permuted(const Tensor& x, const std::vector<int64_t>& order) {
  Tensor out = x;
  // By transpositions: Tensor::permute takes a list that is written out.
  std::vector<int64_t> now(order.size());
  for (size_t i = 0; i < now.size(); ++i) now[i] = static_cast<int64_t>(i);
  for (size_t i = 0; i < order.size(); ++i) {
    const auto from =
        static_cast<size_t>(std::find(now.begin(), now.end(), order[i]) - now.begin());
    if (from == i) continue;
    out = out.transpose(static_cast<int64_t>(i), static_cast<int64_t>(from));
    std::swap(now[i], now[from]);
  }
  return out;
}

// The indexed dims of the view first, then the others.
std::vector<int64_t> indexed_first(const Chosen& chosen) {
  std::vector<int64_t> order;
  for (const auto& [dim, index] : chosen.indices) order.push_back(dim);
  for (int64_t d = 0; d < chosen.view.dim(); ++d)
    if (std::find(order.begin(), order.end(), d) == order.end()) order.push_back(d);
  return order;
}

// Where the chosen dims stand in the result: at the place of the first index when the indices stand
// side by side, else in front.
int64_t place_in_result(const Chosen& chosen) {
  const auto& indices = chosen.indices;
  for (size_t i = 1; i < indices.size(); ++i)
    if (indices[i].first != indices[i - 1].first + 1) return 0;
  return indices[0].first;
}

// For a result with `chosen` dims first and then `rest`: which dim stands where in the end.
std::vector<int64_t> final_order(int64_t chosen, int64_t rest, int64_t place) {
  std::vector<int64_t> order;
  for (int64_t d = 0; d < place; ++d) order.push_back(chosen + d);
  for (int64_t d = 0; d < chosen; ++d) order.push_back(d);
  for (int64_t d = place; d < rest; ++d) order.push_back(chosen + d);
  return order;
}

Tensor take(const Chosen& chosen) {
  const Coordinates c = coordinates_of(chosen);
  const Tensor front = permuted(chosen.view, indexed_first(chosen));
  const auto count = static_cast<int>(chosen.indices.size());
  Shape table = {1}, result = c.shape;
  for (int d = 0; d < count; ++d) table[0] *= front.shape()[d];
  for (int d = count; d < front.dim(); ++d) {
    table.push_back(front.shape()[d]);
    result.push_back(front.shape()[d]);
  }
  std::vector<int64_t> rows(static_cast<size_t>(c.shape.product()), 0);
  for (int d = 0; d < count; ++d)
    for (size_t i = 0; i < rows.size(); ++i)
      rows[i] = rows[i] * front.shape()[d] + c.of_dim[static_cast<size_t>(d)][i];
  const auto n = static_cast<int64_t>(rows.size());
  const Tensor out = index_select(front.reshape(table), 0, from_vector(rows, {n})).reshape(result);
  return permuted(out, final_order(c.shape.rank(), front.dim() - count, place_in_result(chosen)));
}

// Values may have sizes of 1 in front that their place has not: x[1] = ones(1, 3).
Tensor fitted(Tensor value, int rank) {
  while (value.dim() > rank && value.shape()[0] == 1) value = value.select(0, 0);
  return value;
}

// Writes `value`, broadcast, to the chosen elements.
void put(const Chosen& chosen, const Tensor& value) {
  const Coordinates c = coordinates_of(chosen);
  const Tensor to = permuted(chosen.view, indexed_first(chosen));
  const auto count = static_cast<int>(chosen.indices.size());
  const int rest = to.dim() - count;
  Shape shape = c.shape;
  for (int d = count; d < to.dim(); ++d) shape.push_back(to.shape()[d]);
  const auto order = final_order(c.shape.rank(), rest, place_in_result(chosen));
  Shape outer;
  for (const int64_t d : order) outer.push_back(shape[static_cast<int>(d)]);
  std::vector<int64_t> back(order.size());  // the inverse of order
  for (size_t i = 0; i < order.size(); ++i)
    back[static_cast<size_t>(order[i])] = static_cast<int64_t>(i);
  Tensor from =
      permuted(fitted(value.to(to.dtype()), outer.rank()).expand(outer), back).contiguous();
  // x[[1, 0]] = x: all is read before anything is written.
  if (from.storage().data() == to.storage().data()) from = from.clone();
  begin_in_place(chosen.view, "index_put_");
  const size_t bytes = item_size(to.dtype());
  const auto* source = static_cast<const char*>(from.raw_data());
  auto* target = static_cast<char*>(to.raw_data());
  const auto step = [&](int d) { return to.strides()[d] * static_cast<int64_t>(bytes); };
  int64_t row = 1;  // elements for one tuple of coordinates
  for (int d = count; d < to.dim(); ++d) row *= to.shape()[d];
  for (int64_t i = 0; i < c.shape.product(); ++i) {
    char* start = target;
    for (int d = 0; d < count; ++d)
      start += c.of_dim[static_cast<size_t>(d)][static_cast<size_t>(i)] * step(d);
    Dims at = Dims::filled(rest, 0);
    for (int64_t k = 0; k < row; ++k, source += bytes) {
      char* place = start;
      for (int d = 0; d < rest; ++d) place += at[d] * step(count + d);
      std::memcpy(place, source, bytes);
      for (int d = rest; d-- > 0;) {
        if (++at[d] < to.shape()[count + d]) break;
        at[d] = 0;
      }
    }
  }
}

Tensor get_item(const Tensor& x, py::handle index) {
  const Chosen chosen = Walk(x).run(index);
  const Compute compute;
  if (!chosen.indices.empty()) return take(chosen);
  // x[:] is a view as well, with a place of its own in the graph.
  return chosen.view.is_same(x) ? x.view(x.shape()) : chosen.view;
}

void set_item(const Tensor& x, py::handle index, py::handle value) {
  Chosen chosen = Walk(x.detach()).run(index);
  const std::optional<Scalar> scalar =
      py::isinstance<Tensor>(value) ? std::nullopt : scalar_from(value);
  Tensor source;
  if (!scalar)
    source = py::isinstance<Tensor>(value) ? value.cast<Tensor>() : tensor_from(value, {});
  const bool recorded = needs_grad(x) || (source.defined() && needs_grad(source));
  // Where the chosen elements stand in x, in row-major order: the index applied to their numbers.
  Tensor places;
  if (recorded) places = get_item(arange(x.numel()).reshape(x.shape()), index);
  const Compute compute;
  if (recorded) {
    if (scalar) source = scalar_tensor(*scalar, x.dtype());
    // x becomes a copy with other elements, and its place in the graph is that copy's.
    const Tensor row = x.reshape({x.numel()});
    const Tensor values = fitted(source.to(x.dtype()), places.dim()).expand(places.shape());
    Tensor(x).copy_(index_put(row, {places}, values).reshape(x.shape()));
    return;
  }
  if (chosen.indices.empty()) {
    if (scalar)
      chosen.view.fill_(*scalar);
    else
      chosen.view.copy_(fitted(source, chosen.view.dim()));
    return;
  }
  if (scalar) source = scalar_tensor(*scalar, x.dtype());
  put(chosen, source);
}

}  // namespace

void bind_indexing(Api& api) {
  api.tensor.def("__getitem__", &get_item);
  api.tensor.def("__setitem__", &set_item);
  api.module.def("_places", &places_of, py::arg("mask"));
  api.tensor.def("__iter__", [](const Tensor& x) {
    if (x.dim() == 0) throw DTypeError("a 0-d tensor has no elements to go through");
    py::list slices;
    for (int64_t i = 0; i < x.shape()[0]; ++i) slices.append(py::cast(x.select(0, i)));
    return py::iter(slices);
  });
}

}  // namespace tinytorch::python
