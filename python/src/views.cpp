// Views and joins: other shapes over the same memory, and tensors put together.
#include "python/src/binding.h"
#include "tinytorch/ops/ops.h"

namespace tinytorch::python {

namespace {

Tensor permute_by(const Tensor& x, const std::vector<int64_t>& dims) {
  // Tensor::permute takes a list that is written out.
  const int64_t* d = dims.data();
  switch (dims.size()) {
    case 0:
      return x.permute({});
    case 1:
      return x.permute({d[0]});
    case 2:
      return x.permute({d[0], d[1]});
    case 3:
      return x.permute({d[0], d[1], d[2]});
    case 4:
      return x.permute({d[0], d[1], d[2], d[3]});
    case 5:
      return x.permute({d[0], d[1], d[2], d[3], d[4]});
    case 6:
      return x.permute({d[0], d[1], d[2], d[3], d[4], d[5]});
    case 7:
      return x.permute({d[0], d[1], d[2], d[3], d[4], d[5], d[6]});
    case 8:
      return x.permute({d[0], d[1], d[2], d[3], d[4], d[5], d[6], d[7]});
    default:
      throw ShapeError("permute: more than 8 dimensions.");
  }
}

std::vector<Tensor> unbind(const Tensor& x, int64_t dim) {
  std::vector<Tensor> slices;
  for (int64_t i = 0; i < x.size(dim); ++i) slices.push_back(x.select(dim, i));
  return slices;
}

std::vector<Tensor> chunk(const Tensor& x, int64_t chunks, int64_t dim) {
  if (chunks < 1) throw ConfigError("chunk: " + std::to_string(chunks) + " chunks; at least 1.");
  const int64_t n = x.size(dim);
  return split(x, std::max<int64_t>((n + chunks - 1) / chunks, 1), dim);
}

std::vector<Tensor> split_by(const Tensor& x, const DimList& sizes, int64_t dim) {
  std::vector<Tensor> parts;
  int64_t at = 0;
  for (const int64_t n : sizes.dims) {
    parts.push_back(x.narrow(dim, at, n));
    at += n;
  }
  if (at != x.size(dim))
    throw ShapeError("split: the sizes add up to " + std::to_string(at) + ", the dimension has " +
                     std::to_string(x.size(dim)) + ".");
  return parts;
}

Tensor permute_sizes(const Tensor& x, const Shape& dims) {
  return permute_by(x, {dims.begin(), dims.end()});
}

// Methods that take sizes one by one or as one tuple.
using OfSizes = Tensor (*)(const Tensor&, const Shape&);
const std::pair<const char*, OfSizes> kOfSizes[] = {
    {"view", [](const Tensor& x, const Shape& s) { return x.view(s); }},
    {"reshape", [](const Tensor& x, const Shape& s) { return x.reshape(s); }},
    {"expand", [](const Tensor& x, const Shape& s) { return x.expand(s); }},
    {"permute", permute_sizes},
};

}  // namespace

void bind_views(Api& api) {
  TensorClass& c = api.tensor;
  for (const auto& [name, f] : kOfSizes)
    c.def(name, [f = f](const Tensor& x, const py::args& args) {
      const Shape shape = sizes_from(args);
      const Compute compute;
      return f(x, shape);
    });
  api.function(
      "reshape", +[](const Tensor& x, const Shape& s) { return x.reshape(s); }, py::arg("input"),
      py::arg("shape"));
  api.function("permute", &permute_sizes, py::arg("input"), py::arg("dims"));
  api.method(
      "view_as", +[](const Tensor& x, const Tensor& o) { return x.view(o.shape()); },
      py::arg("other"));
  api.method(
      "reshape_as", +[](const Tensor& x, const Tensor& o) { return x.reshape(o.shape()); },
      py::arg("other"));
  api.method(
      "expand_as", +[](const Tensor& x, const Tensor& o) { return x.expand(o.shape()); },
      py::arg("other"));
  api.both(
      "flatten", +[](const Tensor& x, int64_t a, int64_t b) { return x.flatten(a, b); },
      py::arg("start_dim") = 0, py::arg("end_dim") = -1);
  api.both(
      "transpose", +[](const Tensor& x, int64_t a, int64_t b) { return x.transpose(a, b); },
      py::arg("dim0"), py::arg("dim1"));
  api.both("t", +[](const Tensor& x) { return x.t(); });
  c.def_property_readonly("T", [](const Tensor& x) {
    const Compute compute;
    std::vector<int64_t> dims;
    for (int i = x.dim(); i-- > 0;) dims.push_back(i);
    return permute_by(x, dims);
  });
  c.def_property_readonly("mT", [](const Tensor& x) {
    const Compute compute;
    return x.transpose(-2, -1);
  });
  api.both(
      "narrow",
      +[](const Tensor& x, int64_t d, int64_t start, int64_t n) { return x.narrow(d, start, n); },
      py::arg("dim"), py::arg("start"), py::arg("length"));
  api.both(
      "select", +[](const Tensor& x, int64_t d, int64_t i) { return x.select(d, i); },
      py::arg("dim"), py::arg("index"));
  api.both("unsqueeze", +[](const Tensor& x, int64_t d) { return x.unsqueeze(d); }, py::arg("dim"));
  api.both(
      "squeeze",
      +[](const Tensor& x, std::optional<int64_t> d) { return d ? x.squeeze(*d) : x.squeeze(); },
      py::arg("dim") = py::none());
  api.both("unbind", &unbind, py::arg("dim") = 0);
  api.both("chunk", &chunk, py::arg("chunks"), py::arg("dim") = 0);
  api.both(
      "split", +[](const Tensor& x, int64_t n, int64_t dim) { return split(x, n, dim); },
      py::arg("split_size"), py::arg("dim") = 0);
  api.both("split", &split_by, py::arg("split_size"), py::arg("dim") = 0);
  for (const char* name : {"cat", "concat"})
    api.function(
        name, +[](const std::vector<Tensor>& t, int64_t d) { return cat(t, d); },
        py::arg("tensors"), py::arg("dim") = 0);
  api.function(
      "stack", +[](const std::vector<Tensor>& t, int64_t d) { return stack(t, d); },
      py::arg("tensors"), py::arg("dim") = 0);
}

}  // namespace tinytorch::python
