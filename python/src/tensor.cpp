// The class Tensor: what it is, its place in the graph, conversions. Its operations are bound where
// the free functions are.
#include "python/src/binding.h"
#include "tinytorch/core/dtype.h"

namespace tinytorch::python {

namespace {

py::object flat_rows(const Tensor& x, int dim, int64_t offset) {
  if (dim == x.dim()) return item_of(x.reshape({x.numel()})[offset]);
  int64_t step = 1;
  for (int i = dim + 1; i < x.dim(); ++i) step *= x.shape()[i];
  py::list rows;
  for (int64_t i = 0; i < x.shape()[dim]; ++i)
    rows.append(flat_rows(x, dim + 1, offset + i * step));
  return rows;
}

// The function behind a hook of Python's: called with the interpreter, however the walk got there.
// Copies share it; once it has been removed the hook does nothing.
struct PythonHook {
  explicit PythonHook(py::object f)
      : held(new py::object(std::move(f)), [](py::object* p) {
          if (!Py_IsInitialized()) return;
          const py::gil_scoped_acquire gil;
          delete p;
        }) {}
  Tensor operator()(const Tensor& g) const {
    const py::gil_scoped_acquire gil;
    const py::object hook = *held;  // it may remove itself
    if (hook.is_none()) return {};
    const py::object result = hook(g);
    if (result.is_none()) return {};
    if (!py::isinstance<Tensor>(result))
      throw py::type_error("a hook gives a tensor or None, not " +
                           py::repr(py::type::of(result)).cast<std::string>() + ".");
    return result.cast<Tensor>();
  }
  void remove() const { *held = py::none(); }
  std::shared_ptr<py::object> held;
};

int64_t whole_number(const Tensor& x) {
  if (is_floating(x.dtype())) throw DTypeError("a floating tensor is no index");
  return x.item_as_int();
}

void bind_what_it_is(TensorClass& c) {
  c.def_property_readonly("shape", [](const Tensor& x) { return tuple_from(x.shape()); });
  c.def("size", [](const Tensor& x) { return tuple_from(x.shape()); });
  c.def("size", [](const Tensor& x, int64_t dim) { return x.size(dim); }, py::arg("dim"));
  c.def("stride", [](const Tensor& x) { return tuple_from(x.strides()); });
  c.def(
      "stride",
      [](const Tensor& x, int64_t dim) {
        return x.strides()[normalize_dim(dim, x.dim(), "stride")];
      },
      py::arg("dim"));
  c.def("dim", &Tensor::dim);
  c.def_property_readonly("ndim", &Tensor::dim);
  c.def("numel", &Tensor::numel);
  c.def("nelement", &Tensor::numel);
  c.def_property_readonly("dtype", &Tensor::dtype);
  c.def_property_readonly("device", [](const Tensor&) { return "cpu"; });
  c.def("element_size", [](const Tensor& x) { return item_size(x.dtype()); });
  c.def("is_floating_point", [](const Tensor& x) { return is_floating(x.dtype()); });
  c.def("is_contiguous", &Tensor::is_contiguous);
  c.def("storage_offset", &Tensor::storage_offset);
  c.def("data_ptr", [](const Tensor& x) {
    x.storage().expose();
    return reinterpret_cast<uintptr_t>(x.raw_data());
  });
  c.def_property_readonly("_version", &Tensor::version);
  c.def("is_same", &Tensor::is_same, py::arg("other"),
        "Whether both are handles of one tensor (Python's `is` compares the handles).");
  c.def("__hash__", [](const Tensor& x) { return reinterpret_cast<uintptr_t>(x.base()) >> 4; });
  c.def("__len__", [](const Tensor& x) {
    if (x.dim() == 0) throw DTypeError("len() of a 0-d tensor");
    return x.shape()[0];
  });
  c.def("__repr__", [](const Tensor& x) {
    const Compute compute;
    return x.str();
  });
}

void bind_values(TensorClass& c) {
  c.def("item", &item_of);
  c.def("tolist", [](const Tensor& x) { return flat_rows(x.detach().contiguous(), 0, 0); });
  c.def("__float__", [](const Tensor& x) { return x.item(); });
  c.def("__int__", [](const Tensor& x) {
    return is_floating(x.dtype()) ? py::int_(py::float_(x.item())) : py::int_(x.item_as_int());
  });
  c.def("__index__", &whole_number);
  c.def("__bool__", [](const Tensor& x) {
    if (x.numel() != 1)
      throw ConfigError("the truth of a tensor of shape " + x.shape().str() +
                        " is ambiguous. Hint: compare, then any() or all().");
    return x.item() != 0;
  });
}

void bind_graph(TensorClass& c) {
  c.def_property("requires_grad", &Tensor::requires_grad, [](Tensor& x, bool on) {
    const Exclusive guard;
    x.set_requires_grad(on);
  });
  c.def(
      "requires_grad_",
      [](py::object self, bool on) {
        Tensor& x = self.cast<Tensor&>();
        {
          const Exclusive guard;
          x.set_requires_grad(on);
        }
        return self;
      },
      py::arg("requires_grad") = true);
  c.def_property_readonly("is_leaf", &Tensor::is_leaf);
  c.def_property(
      "grad",
      [](const Tensor& x) {
        Tensor g;
        {
          const Exclusive guard;
          g = x.grad();
        }
        return or_none(g);
      },
      [](Tensor& x, const std::optional<Tensor>& g) {
        const Exclusive guard;
        x.set_grad(or_undefined(g));
      });
  c.def_property(
      "data", [](const Tensor& x) { return x.detach(); },
      [](Tensor& x, const Tensor& value) {
        const Exclusive guard;
        x.set_data(value);
      });
  c.def(
      "backward",
      [](const Tensor& x, const std::optional<Tensor>& gradient, std::optional<bool> retain_graph,
         bool create_graph) {
        x.backward(or_undefined(gradient), retain_graph.value_or(create_graph), create_graph);
      },
      py::arg("gradient") = py::none(), py::arg("retain_graph") = py::none(),
      py::arg("create_graph") = false, py::call_guard<Exclusive>());
  c.def("detach", &Tensor::detach);
  // The name of the operation that made it; a leaf has none.
  c.def_property_readonly("grad_fn", [](const Tensor& x) -> py::object {
    if (x.is_leaf()) return py::none();
    return py::str(x.base()->grad_fn->name());
  });
  py::class_<PythonHook>(c, "HookHandle").def("remove", &PythonHook::remove);
  c.def(
      "register_hook",
      [](const Tensor& x, py::function hook) {
        PythonHook held(std::move(hook));
        const Exclusive guard;
        x.register_hook(held);
        return held;
      },
      py::arg("hook"),
      "hook(gradient): a tensor in its place, or None. Gives a handle with remove().");
}

// to(dtype), to("cpu"), to(other): what PyTorch programs say.
Tensor convert(const Tensor& x, const py::args& args, const py::kwargs& kwargs) {
  std::optional<DType> dtype;
  const auto take = [&](py::handle a) {
    if (py::isinstance<DType>(a)) {
      dtype = a.cast<DType>();
    } else if (py::isinstance<Tensor>(a)) {
      dtype = a.cast<const Tensor&>().dtype();
    } else if (!a.is_none() && py::str(a).cast<std::string>() != "cpu") {
      throw ConfigError("to: expected a dtype, a tensor or the device 'cpu'; got " +
                        py::repr(a).cast<std::string>() + ".");
    }
  };
  for (py::handle a : args) take(a);
  for (const auto& [key, value] : kwargs) {
    const auto name = key.cast<std::string>();
    if (name == "dtype" || name == "device" || name == "other") take(value);
  }
  const Compute compute;
  return dtype ? x.to(*dtype) : x;
}

void bind_conversions(TensorClass& c) {
  c.def("to", &convert);
  c.def("cpu", [](const Tensor& x) { return x; });
  c.def("clone", &Tensor::clone, py::call_guard<Compute>());
  c.def("contiguous", [](const Tensor& x) { return x.contiguous(); }, py::call_guard<Compute>());
  c.def(
      "type_as", [](const Tensor& x, const Tensor& o) { return x.to(o.dtype()); }, py::arg("other"),
      py::call_guard<Compute>());
  const std::pair<const char*, DType> names[] = {
      {"float", DType::kF32}, {"double", DType::kF64},    {"long", DType::kI64},
      {"int", DType::kI32},   {"bfloat16", DType::kBF16}, {"bool", DType::kBool}};
  for (const auto& [name, dtype] : names)
    c.def(name, [d = dtype](const Tensor& x) { return x.to(d); }, py::call_guard<Compute>());
}

}  // namespace

py::object item_of(const Tensor& x) {
  if (x.dtype() == DType::kBool) return py::bool_(x.item() != 0);
  if (is_floating(x.dtype())) return py::float_(x.item());
  return py::int_(x.item_as_int());
}

void bind_tensor(Api& api) {
  TensorClass& c = api.tensor;
  c.doc() = "A strided array of numbers with a place in the autograd graph, as PyTorch's.";
  c.def(py::init([](const Tensor& x) { return new Tensor(x); }), py::arg("data"));
  bind_what_it_is(c);
  bind_values(c);
  bind_graph(c);
  bind_conversions(c);
  api.module.def(
      "grad",
      [](const std::vector<Tensor>& outputs, const std::vector<Tensor>& inputs,
         const std::vector<std::optional<Tensor>>& grad_outputs, bool retain_graph,
         bool create_graph) {
        std::vector<Tensor> starts;
        for (const auto& g : grad_outputs) starts.push_back(or_undefined(g));
        std::vector<Tensor> found;
        {
          const Exclusive guard;
          found = grad(outputs, inputs, starts, retain_graph, create_graph);
        }
        py::list result;
        for (const Tensor& g : found) result.append(or_none(g));
        return result;
      },
      py::arg("outputs"), py::arg("inputs"), py::arg("grad_outputs"), py::arg("retain_graph"),
      py::arg("create_graph"));
}

}  // namespace tinytorch::python
