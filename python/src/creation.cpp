// New tensors. Sizes come one by one or as a tuple; dtype and requires_grad by keyword.
#include "python/src/binding.h"
#include "tinytorch/core/random.h"
#include "tinytorch/ops/ops.h"

namespace tinytorch::python {

namespace {

using Dtype = std::optional<DType>;

Tensor finished(Tensor x, bool requires_grad) {
  if (requires_grad) x.set_requires_grad();
  return x;
}

// f(sizes..., dtype, requires_grad, device): devices are accepted for the sake of programs that say
// "cpu".
template <Tensor (*F)(const Shape&, DType)>
Tensor of_sizes(const py::args& args, Dtype dtype, bool requires_grad, py::handle) {
  const Shape shape = sizes_from(args);
  const Exclusive guard;
  return finished(F(shape, dtype.value_or(DType::kF32)), requires_grad);
}
// f_like(x, dtype, requires_grad)
template <Tensor (*F)(const Shape&, DType)>
Tensor like(const Tensor& x, Dtype dtype, bool requires_grad) {
  const Exclusive guard;
  return finished(F(x.shape(), dtype.value_or(x.dtype())), requires_grad);
}
template <Tensor (*F)(const Shape&, DType)>
Tensor new_of(const Tensor& x, const py::args& args, Dtype dtype, bool requires_grad) {
  return finished(F(sizes_from(args), dtype.value_or(x.dtype())), requires_grad);
}

template <Tensor (*F)(const Shape&, DType)>
void bind_filled(Api& api, const std::string& name) {
  api.module.def(name.c_str(), &of_sizes<F>, py::arg("dtype") = py::none(),
                 py::arg("requires_grad") = false, py::arg("device") = py::none());
  api.module.def((name + "_like").c_str(), &like<F>, py::arg("input"), py::kw_only(),
                 py::arg("dtype") = py::none(), py::arg("requires_grad") = false);
}
template <Tensor (*F)(const Shape&, DType)>
void bind_new(Api& api, const char* name) {
  api.tensor.def(name, &new_of<F>, py::arg("dtype") = py::none(), py::arg("requires_grad") = false);
}

Tensor empty_of(const Shape& s, DType d) {
  return empty(s, d);
}
Tensor rand_of(const Shape& s, DType d) {
  return rand(s, d);
}
Tensor randn_of(const Shape& s, DType d) {
  return randn(s, d);
}

Tensor full_of(const Shape& shape, const Operand& fill, Dtype dtype, bool requires_grad) {
  const Scalar value = fill.is_tensor() ? Scalar(fill.tensor.item()) : fill.scalar;
  DType own = fill.truth ? DType::kBool : value.is_floating ? DType::kF32 : DType::kI64;
  if (fill.is_tensor()) own = fill.tensor.dtype();
  return finished(full(shape, value, dtype.value_or(own)), requires_grad);
}

// arange(end), arange(start, end), arange(start, end, step): i64 unless a number has a fraction.
Tensor arange_of(Scalar a, std::optional<Scalar> b, Scalar step, Dtype dtype, bool requires_grad) {
  const Scalar start = b ? a : Scalar(0), end = b ? *b : a;
  const bool floating = start.is_floating || end.is_floating || step.is_floating;
  const DType own = dtype.value_or(floating ? DType::kF32 : DType::kI64);
  int64_t span = 0;
  if (!floating && own == DType::kI64 && step.integer != 0 &&
      !__builtin_sub_overflow(end.integer, start.integer, &span)) {
    // In integers: a double has not all of them.
    const int64_t s = step.integer, whole = span / s;
    const int64_t count = whole + (span % s != 0 && (span < 0) == (s < 0) ? 1 : 0);
    const Tensor x = arange(std::max<int64_t>(count, 0));
    return finished(x * step + start, requires_grad);
  }
  return finished(arange(start.value, end.value, step.value, own), requires_grad);
}

Tensor linspace(double start, double end, int64_t steps, Dtype dtype, bool requires_grad) {
  if (steps < 0) throw ConfigError("linspace: steps must not be negative.");
  Tensor x = arange(steps).to(DType::kF64);
  if (steps > 1) x = x * ((end - start) / static_cast<double>(steps - 1));
  return finished((x + start).to(dtype.value_or(DType::kF32)), requires_grad);
}

Tensor randint_of(int64_t low, int64_t high, const Shape& shape, Dtype dtype) {
  const Tensor x = randint(low, high, shape);
  return dtype ? x.to(*dtype) : x;
}

Tensor permuted(int64_t n) {
  return from_vector(permutation(n, default_generator()), {n});
}

}  // namespace

void bind_creation(Api& api) {
  py::module_& m = api.module;
  bind_filled<empty_of>(api, "empty");
  bind_filled<zeros>(api, "zeros");
  bind_filled<ones>(api, "ones");
  bind_filled<rand_of>(api, "rand");
  bind_filled<randn_of>(api, "randn");
  bind_new<empty_of>(api, "new_empty");
  bind_new<zeros>(api, "new_zeros");
  bind_new<ones>(api, "new_ones");
  const auto dtype = py::arg("dtype") = py::none();
  const auto leaf = py::arg("requires_grad") = false;
  m.def("full", &full_of, py::arg("size"), py::arg("fill_value"), py::kw_only(), dtype, leaf);
  m.def(
      "full_like",
      [](const Tensor& x, const Operand& value, Dtype d, bool requires_grad) {
        return full_of(x.shape(), value, d.value_or(x.dtype()), requires_grad);
      },
      py::arg("input"), py::arg("fill_value"), py::kw_only(), dtype, leaf);
  m.def("arange", &arange_of, py::arg("start"), py::arg("end") = py::none(), py::arg("step") = 1,
        py::kw_only(), dtype, leaf);
  m.def("linspace", &linspace, py::arg("start"), py::arg("end"), py::arg("steps"), py::kw_only(),
        dtype, leaf);
  m.def(
      "eye", [](int64_t n, Dtype d) { return eye(n, d.value_or(DType::kF32)); }, py::arg("n"),
      py::kw_only(), dtype);
  m.def("randint", &randint_of, py::arg("low"), py::arg("high"), py::arg("size"), py::kw_only(),
        dtype, py::call_guard<Exclusive>());
  m.def(
      "randint",
      [](int64_t high, const Shape& shape, Dtype d) { return randint_of(0, high, shape, d); },
      py::arg("high"), py::arg("size"), py::kw_only(), dtype, py::call_guard<Exclusive>());
  m.def("randperm", &permuted, py::arg("n"), py::call_guard<Exclusive>());
}

}  // namespace tinytorch::python
