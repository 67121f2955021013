// Operations on elements, comparisons, reductions, products: functions and methods of one name, and
// the operators.
#include "tinytorch/ops/math.h"
#include "python/src/binding.h"
#include "tinytorch/ops/ops.h"
#include "tinytorch/ops/statistics.h"

namespace tinytorch::python {

namespace {

using Unary = Tensor (*)(const Tensor&);
using Binary = Tensor (*)(const Tensor&, const Operand&);

Tensor neg_of(const Tensor& x) {
  if (x.dtype() == DType::kBool)
    throw DTypeError("neg: a bool tensor has no negative. Hint: ~x, or logical_not(x).");
  return neg(x);
}
const std::pair<const char*, Unary> kUnary[] = {
    {"neg", neg_of}, {"exp", exp},         {"log", log},   {"sqrt", sqrt},     {"rsqrt", rsqrt},
    {"tanh", tanh},  {"sigmoid", sigmoid}, {"relu", relu}, {"square", square},
};

const Tensor& factor_of(const Operand& o) {
  if (!o.is_tensor()) throw py::type_error("@: both sides are tensors or arrays, not numbers.");
  return o.tensor;
}
Tensor sub_any(const Tensor& a, const Operand& b) {
  return b.is_tensor() ? a - b.tensor : a - b.scalar;
}
Tensor rsub_any(const Tensor& a, const Operand& b) {
  return b.is_tensor() ? b.tensor - a : b.scalar - a;
}
Tensor add_any(const Tensor& a, const Operand& b) {
  return b.is_tensor() ? a + b.tensor : a + b.scalar;
}
Tensor mul_any(const Tensor& a, const Operand& b) {
  return b.is_tensor() ? a * b.tensor : a * b.scalar;
}
Tensor div_any(const Tensor& a, const Operand& b) {
  return b.is_tensor() ? a / b.tensor : a / b.scalar;
}
Tensor rdiv_any(const Tensor& a, const Operand& b) {
  return b.is_tensor() ? b.tensor / a : b.scalar / a;
}
#define TINYTORCH_COMPARISON(name)                                \
  Tensor name##_any(const Tensor& a, const Operand& b) {          \
    return b.is_tensor() ? name(a, b.tensor) : name(a, b.scalar); \
  }
TINYTORCH_COMPARISON(eq)
TINYTORCH_COMPARISON(ne)
TINYTORCH_COMPARISON(lt)
TINYTORCH_COMPARISON(le)
TINYTORCH_COMPARISON(gt)
TINYTORCH_COMPARISON(ge)
#undef TINYTORCH_COMPARISON

const std::pair<const char*, Binary> kBinary[] = {
    {"mul", mul_any},      {"div", div_any},    {"eq", eq_any},           {"ne", ne_any},
    {"lt", lt_any},        {"le", le_any},      {"gt", gt_any},           {"ge", ge_any},
    {"multiply", mul_any}, {"divide", div_any}, {"true_divide", div_any},
};

const std::pair<const char*, Binary> kOperators[] = {
    {"__add__", add_any},     {"__radd__", add_any},      {"__sub__", sub_any},
    {"__rsub__", rsub_any},   {"__mul__", mul_any},       {"__rmul__", mul_any},
    {"__truediv__", div_any}, {"__rtruediv__", rdiv_any}, {"__eq__", eq_any},
    {"__ne__", ne_any},       {"__lt__", lt_any},         {"__le__", le_any},
    {"__gt__", gt_any},       {"__ge__", ge_any},
};

// In place: changes the tensor behind `self` and gives self back.
using InPlace = void (*)(Tensor&, const Operand&);
const std::pair<const char*, InPlace> kInPlace[] = {
    {"mul_",
     [](Tensor& x, const Operand& o) { o.is_tensor() ? x.mul_(o.tensor) : x.mul_(o.scalar); }},
    {"div_", [](Tensor& x, const Operand& o) { x.div_(o.beside(x)); }},
    {"copy_", [](Tensor& x, const Operand& o) { x.copy_(o.beside(x)); }},
    {"fill_",
     [](Tensor& x, const Operand& o) {
       x.fill_(o.is_tensor() ? Scalar(o.tensor.item()) : o.scalar);
     }},
};
void add_in_place(Tensor& x, const Operand& o) {
  o.is_tensor() ? x.add_(o.tensor) : x.add_(o.scalar);
}
void sub_in_place(Tensor& x, const Operand& o) {
  x.sub_(o.beside(x));
}

template <class F>
py::object change(py::object self, F f) {
  Tensor& x = self.cast<Tensor&>();
  {
    const Compute compute;
    f(x);
  }
  return self;
}

void bind_in_place(TensorClass& c) {
  for (const auto& [name, f] : kInPlace)
    c.def(
        name,
        [f = f](py::object self, const Operand& o) {
          return change(self, [&](Tensor& x) { f(x, o); });
        },
        py::arg("other"));
  const std::pair<const char*, InPlace> operators[] = {{"__iadd__", add_in_place},
                                                       {"__isub__", sub_in_place},
                                                       {"__imul__", kInPlace[0].second},
                                                       {"__itruediv__", kInPlace[1].second}};
  for (const auto& [name, f] : operators)
    c.def(
        name,
        [f = f](py::object self, const Operand& o) {
          return change(self, [&](Tensor& x) { f(x, o); });
        },
        py::is_operator());
  c.def(
      "add_",
      [](py::object self, const Operand& o, Scalar alpha) {
        return change(self, [&](Tensor& x) { x.add_(o.beside(x), alpha); });
      },
      py::arg("other"), py::arg("alpha") = 1);
  c.def(
      "sub_",
      [](py::object self, const Operand& o, Scalar alpha) {
        const Scalar minus = alpha.is_floating ? Scalar(-alpha.value) : Scalar(-alpha.integer);
        return change(self, [&](Tensor& x) { x.add_(o.beside(x), minus); });
      },
      py::arg("other"), py::arg("alpha") = 1);
  c.def("zero_", [](py::object self) { return change(self, [](Tensor& x) { x.zero_(); }); });
}

void bind_elements(Api& api) {
  for (const auto& [name, f] : kUnary) api.both(name, f);
  for (const auto& [name, f] : kBinary) api.both(name, f, py::arg("other"));
  for (const auto& [name, f] : kOperators)
    api.tensor.def(name, f, py::is_operator(), py::call_guard<Compute>());
  api.method("__neg__", &neg_of);
  api.tensor.def("__pos__", [](py::object self) { return self; });
  api.method(
      "__matmul__", +[](const Tensor& a, const Operand& b) { return matmul(a, factor_of(b)); },
      py::is_operator());
  api.method(
      "__rmatmul__", +[](const Tensor& b, const Operand& a) { return matmul(factor_of(a), b); },
      py::is_operator());
  api.both(
      "add",
      +[](const Tensor& a, const Operand& b, Scalar alpha) { return add(a, b.beside(a), alpha); },
      py::arg("other"), py::arg("alpha") = 1);
  for (const char* name : {"sub", "subtract"})
    api.both(
        name,
        +[](const Tensor& a, const Operand& b, Scalar alpha) { return sub(a, b.beside(a), alpha); },
        py::arg("other"), py::arg("alpha") = 1);
  for (const char* name : {"clamp", "clip"})
    api.both(
        name,
        +[](const Tensor& x, std::optional<double> low, std::optional<double> high) {
          constexpr double kInfinity = std::numeric_limits<double>::infinity();
          return clamp(x, low.value_or(-kInfinity), high.value_or(kInfinity));
        },
        py::arg("min") = py::none(), py::arg("max") = py::none());
  api.function(
      "where",
      +[](const Tensor& mask, const Operand& a, const Operand& b) {
        const Tensor& like = a.is_tensor() ? a.tensor : b.tensor;
        if (!like.defined()) {
          const bool floating = a.scalar.is_floating || b.scalar.is_floating;
          const DType dtype = floating ? DType::kF32 : DType::kI64;
          return where(mask, scalar_tensor(a.scalar, dtype), scalar_tensor(b.scalar, dtype));
        }
        return where(mask, a.beside(like), b.beside(like));
      },
      py::arg("condition"), py::arg("input"), py::arg("other"));
  api.both(
      "masked_fill",
      +[](const Tensor& x, const Tensor& mask, Scalar v) { return masked_fill(x, mask, v); },
      py::arg("mask"), py::arg("value"));
}

// max(x), max(x, dim) with the indices, and max(a, b) of two tensors.
template <Tensor (*OfAll)(const Tensor&),
          std::pair<Tensor, Tensor> (*OfDim)(const Tensor&, int64_t, bool),
          Tensor (*OfTwo)(const Tensor&, const Tensor&)>
void bind_extreme(Api& api, const char* name) {
  api.both(name, OfAll);
  api.both(name, OfTwo, py::arg("other"));  // before an int: a tensor may be one
  const auto of_dim = [](const Tensor& x, int64_t dim, bool keepdim) {
    std::pair<Tensor, Tensor> found;
    {
      const Compute compute;
      found = OfDim(x, dim, keepdim);
    }
    return values_and_indices(std::move(found));
  };
  for (const char* dim : {"dim", "axis"}) {
    api.tensor.def(name, of_dim, py::arg(dim), py::arg("keepdim") = false);
    api.module.def(name, of_dim, py::arg("input"), py::arg(dim), py::arg("keepdim") = false);
  }
}

void bind_reductions(Api& api) {
  api.reduction(
      "sum",
      +[](const Tensor& x, const DimList& d, bool keepdim, std::optional<DType> dtype) {
        return sum(dtype ? x.to(*dtype) : x, d.dims, keepdim);
      },
      py::arg("keepdim") = false, py::arg("dtype") = py::none());
  api.reduction(
      "mean",
      +[](const Tensor& x, const DimList& d, bool keepdim) { return mean(x, d.dims, keepdim); },
      py::arg("keepdim") = false);
  api.both(
      "var", +[](const Tensor& x, bool unbiased) { return var(x, {}, unbiased, false); },
      py::arg("unbiased").noconvert());
  api.reduction(
      "var",
      +[](const Tensor& x, const DimList& d, bool unbiased, bool keepdim) {
        return var(x, d.dims, unbiased, keepdim);
      },
      py::arg("unbiased") = true, py::arg("keepdim") = false);
  bind_extreme<max, max, maximum>(api, "max");
  bind_extreme<min, min, minimum>(api, "min");
  api.reduction(
      "argmax",
      +[](const Tensor& x, std::optional<int64_t> dim, bool keepdim) {
        return dim ? argmax(x, *dim, keepdim) : argmax(x.reshape({x.numel()}), 0);
      },
      py::arg("keepdim") = false);
}

void bind_products(Api& api) {
  api.both("matmul", &matmul, py::arg("other"));
  api.both("bmm", &bmm, py::arg("mat2"));
  api.both("mm", &matmul, py::arg("mat2"));
  api.both(
      "index_select",
      +[](const Tensor& x, int64_t d, const Tensor& i) { return index_select(x, d, i); },
      py::arg("dim"), py::arg("index"));
  api.both(
      "gather", +[](const Tensor& x, int64_t d, const Tensor& i) { return gather(x, d, i); },
      py::arg("dim"), py::arg("index"));
  api.both("softmax", &softmax, py::arg("dim") = -1);
  api.both("log_softmax", &log_softmax, py::arg("dim") = -1);
}

}  // namespace

void bind_math(Api& api) {
  bind_elements(api);
  bind_in_place(api.tensor);
  bind_reductions(api);
  bind_products(api);
  bind_more_math(api);
}

}  // namespace tinytorch::python
