// The operations of ops/math.h, statistics.h, einsum.h and sort.h, under PyTorch's names.
#include "python/src/binding.h"
#include "tinytorch/ops/einsum.h"
#include "tinytorch/ops/math.h"
#include "tinytorch/ops/ops.h"
#include "tinytorch/ops/sort.h"
#include "tinytorch/ops/statistics.h"

namespace tinytorch::python {

namespace {

// The other truth; of integers all bits: -1 - x, without a sign 255 - x.
Tensor invert(const Tensor& x) {
  if (is_floating(x.dtype()))
    throw DTypeError(std::string("~: a tensor of dtype ") + dtype_name(x.dtype()) +
                     " has no bits to turn round; there are bool and integers.");
  if (x.dtype() == DType::kBool) return logical_not(x);
  return Scalar(x.dtype() == DType::kU8 ? 255 : -1) - x;
}

const std::pair<const char*, Tensor (*)(const Tensor&)> kUnary[] = {
    {"abs", abs},
    {"sign", sign},
    {"sin", sin},
    {"cos", cos},
    {"erf", erf},
    {"reciprocal", reciprocal},
    {"log1p", log1p},
    {"expm1", expm1},
    {"logical_not", logical_not},
    {"selu", selu},
    {"mish", mish},
    {"hardsigmoid", hardsigmoid},
    {"__abs__", abs},
    {"__invert__", invert},
    {"bitwise_not", invert},
    {"hardswish", hardswish},
};

Tensor pow_any(const Tensor& x, const Operand& e) {
  return e.is_tensor() ? pow(x, e.tensor) : pow(x, e.scalar);
}
Tensor maximum_any(const Tensor& a, const Operand& b) {
  return maximum(a, b.beside(a));
}
Tensor minimum_any(const Tensor& a, const Operand& b) {
  return minimum(a, b.beside(a));
}
Tensor and_any(const Tensor& a, const Operand& b) {
  return logical_and(a, b.beside(a));
}
Tensor or_any(const Tensor& a, const Operand& b) {
  return logical_or(a, b.beside(a));
}
Tensor xor_any(const Tensor& a, const Operand& b) {
  return logical_xor(a, b.beside(a));
}
const std::pair<const char*, Tensor (*)(const Tensor&, const Operand&)> kBinary[] = {
    {"pow", pow_any},         {"maximum", maximum_any}, {"minimum", minimum_any},
    {"logical_and", and_any}, {"logical_or", or_any},   {"logical_xor", xor_any},
};

// & | ^ of truths; of integers PyTorch's work on bits, which we lack.
template <Tensor (*F)(const Tensor&, const Operand&)>
Tensor of_truths(const Tensor& a, const Operand& b) {
  if (a.dtype() != DType::kBool || (b.is_tensor() && b.tensor.dtype() != DType::kBool))
    throw DTypeError(
        "& | ^: both sides must be bool; operations on bits are missing. Hint: "
        "logical_and(), or compare first.");
  return F(a, b);
}
const std::pair<const char*, Tensor (*)(const Tensor&, const Operand&)> kOfTruths[] = {
    {"__and__", of_truths<and_any>}, {"__or__", of_truths<or_any>},
    {"__xor__", of_truths<xor_any>}, {"__rand__", of_truths<and_any>},
    {"__ror__", of_truths<or_any>},  {"__rxor__", of_truths<xor_any>},
};

void bind_elements(Api& api) {
  for (const auto& [name, f] : kUnary) {
    if (name[0] == '_')
      api.method(name, f);
    else
      api.both(name, f);
  }
  for (const auto& [name, f] : kBinary) api.both(name, f, py::arg("other"));
  TensorClass& c = api.tensor;
  const auto guard = py::call_guard<Compute>();
  c.def("__pow__", &pow_any, py::is_operator(), guard);
  c.def(
      "__rpow__",
      [](const Tensor& x, const Operand& base) {
        return base.is_tensor() ? pow(base.tensor, x) : pow(base.scalar, x);
      },
      py::is_operator(), guard);
  for (const auto& [name, f] : kOfTruths) c.def(name, f, py::is_operator(), guard);
}

using Reduce = Tensor (*)(const Tensor&, const DimList&, bool);
const std::pair<const char*, Reduce> kReduce[] = {
    {"amax", [](const Tensor& x, const DimList& d,
                bool k) { return amax(x, std::span<const int64_t>(d.dims), k); }},
    {"amin", [](const Tensor& x, const DimList& d,
                bool k) { return amin(x, std::span<const int64_t>(d.dims), k); }},
    {"logsumexp", [](const Tensor& x, const DimList& d,
                     bool k) { return logsumexp(x, std::span<const int64_t>(d.dims), k); }},
    // Truths: whether one or all elements are not 0.
    {"any",
     [](const Tensor& x, const DimList& d, bool k) {
       if (x.numel() == 0) return gt(sum(ne(x, 0), std::span<const int64_t>(d.dims), k), 0);
       return amax(ne(x, 0).to(DType::kU8), std::span<const int64_t>(d.dims), k).to(DType::kBool);
     }},
    {"all",
     [](const Tensor& x, const DimList& d, bool k) {
       if (x.numel() == 0) return eq(sum(eq(x, 0), std::span<const int64_t>(d.dims), k), 0);
       return amin(ne(x, 0).to(DType::kU8), std::span<const int64_t>(d.dims), k).to(DType::kBool);
     }},
};

void bind_reductions(Api& api) {
  for (const auto& [name, f] : kReduce) api.reduction(name, f, py::arg("keepdim") = false);
  api.both(
      "std",
      +[](const Tensor& x, bool unbiased) {
        return tinytorch::std(x, std::span<const int64_t>(), unbiased, false);
      },
      py::arg("unbiased").noconvert());
  api.reduction(
      "std",
      +[](const Tensor& x, const DimList& d, bool unbiased, bool keepdim) {
        return tinytorch::std(x, std::span<const int64_t>(d.dims), unbiased, keepdim);
      },
      py::arg("unbiased") = true, py::arg("keepdim") = false);
  api.both(
      "norm",
      +[](const Tensor& x, double p, const DimList& d, bool keepdim) {
        return norm(x, p, std::span<const int64_t>(d.dims), keepdim);
      },
      py::arg("p") = 2.0, py::arg("dim") = py::none(), py::arg("keepdim") = false);
  api.reduction(
      "prod",
      +[](const Tensor& x, std::optional<int64_t> dim, bool keepdim) {
        return dim ? prod(x, *dim, keepdim) : prod(x);
      },
      py::arg("keepdim") = false);
  api.both("cumsum", +[](const Tensor& x, int64_t dim) { return cumsum(x, dim); }, py::arg("dim"));
  api.reduction(
      "argmin",
      +[](const Tensor& x, std::optional<int64_t> dim, bool keepdim) {
        return dim ? argmin(x, *dim, keepdim) : argmin(x);
      },
      py::arg("keepdim") = false);
}

void bind_orders(Api& api) {
  const auto sort_of = [](const Tensor& x, int64_t dim, bool descending) {
    std::pair<Tensor, Tensor> found;
    {
      const Compute compute;
      found = sort(x, dim, descending);
    }
    return values_and_indices(std::move(found));
  };
  api.tensor.def("sort", sort_of, py::arg("dim") = -1, py::arg("descending") = false);
  api.module.def("sort", sort_of, py::arg("input"), py::arg("dim") = -1,
                 py::arg("descending") = false);
  const auto topk_of = [](const Tensor& x, int64_t k, int64_t dim, bool largest, bool sorted) {
    std::pair<Tensor, Tensor> found;
    {
      const Compute compute;
      found = topk(x, k, dim, largest, sorted);
    }
    return values_and_indices(std::move(found));
  };
  api.tensor.def("topk", topk_of, py::arg("k"), py::arg("dim") = -1, py::arg("largest") = true,
                 py::arg("sorted") = true);
  api.module.def("topk", topk_of, py::arg("input"), py::arg("k"), py::arg("dim") = -1,
                 py::arg("largest") = true, py::arg("sorted") = true);
  api.both("argsort", &argsort, py::arg("dim") = -1, py::arg("descending") = false);
  api.both("outer", &outer, py::arg("vec2"));
  api.module.def("einsum", [](const std::string& equation, const py::args& args) {
    std::vector<Tensor> operands;
    const bool listed = args.size() == 1 && !py::isinstance<Tensor>(args[0]);
    const auto given = listed ? py::reinterpret_borrow<py::sequence>(args[0]) : py::sequence(args);
    for (size_t i = 0; i < given.size(); ++i)
      operands.push_back(py::object(given[i]).cast<Tensor>());
    const Compute compute;
    return einsum(equation, std::span<const Tensor>(operands));
  });
}

}  // namespace

void bind_more_math(Api& api) {
  bind_elements(api);
  bind_reductions(api);
  bind_orders(api);
}

}  // namespace tinytorch::python
