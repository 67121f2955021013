// The operations of ops/rearrange.h and indexing.h, under PyTorch's names.
#include "tinytorch/ops/rearrange.h"

#include "python/src/binding.h"
#include "tinytorch/ops/indexing.h"

namespace tinytorch::python {

namespace {

using Sizes = Tensor (*)(const Tensor&, std::span<const int64_t>);
// Methods that take numbers one by one or as one tuple.
const std::pair<const char*, Sizes> kOfNumbers[] = {
    {"flip", [](const Tensor& x, std::span<const int64_t> d) { return flip(x, d); }},
    {"repeat", [](const Tensor& x, std::span<const int64_t> t) { return repeat(x, t); }},
};

}  // namespace

void bind_rearrange(Api& api) {
  for (const auto& [name, f] : kOfNumbers)
    api.tensor.def(name, [f = f](const Tensor& x, const py::args& args) {
      const std::vector<int64_t> numbers = to_list(args);
      const Compute compute;
      return f(x, numbers);
    });
  api.function(
      "flip",
      +[](const Tensor& x, const DimList& d) { return flip(x, std::span<const int64_t>(d.dims)); },
      py::arg("input"), py::arg("dims"));
  api.both(
      "roll",
      +[](const Tensor& x, const DimList& shifts, const DimList& dims) {
        return roll(x, std::span<const int64_t>(shifts.dims), std::span<const int64_t>(dims.dims));
      },
      py::arg("shifts"), py::arg("dims") = py::none());
  api.method("unfold", &unfold, py::arg("dimension"), py::arg("size"), py::arg("step"));
  api.both("tril", &tril, py::arg("diagonal") = 0);
  api.both("triu", &triu, py::arg("diagonal") = 0);
  api.both("scatter_add", &scatter_add, py::arg("dim"), py::arg("index"), py::arg("src"));
  api.both("masked_select", &masked_select, py::arg("mask"));
  api.both("index_put", &index_put, py::arg("indices"), py::arg("values"),
           py::arg("accumulate") = false);
}

}  // namespace tinytorch::python
