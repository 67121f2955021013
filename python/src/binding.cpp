// The extension module tinytorch._C, and what its files share.
#include "python/src/binding.h"

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "tinytorch/core/parallel.h"
#include "tinytorch/core/random.h"
#include "tinytorch/ops/inference.h"
#include "tinytorch/ops/precision.h"

namespace tinytorch::python {

std::recursive_mutex& graph_lock() {
  static auto* lock = new std::recursive_mutex;  // outlives every thread that may still want it
  return *lock;
}

void Dispose::operator()(Tensor* tensor) const {
  if (!tensor->requires_grad()) {
    delete tensor;
    return;
  }
  std::unique_lock lock(graph_lock(), std::try_to_lock);
  if (lock) {
    delete tensor;
    return;
  }
  const Exclusive exclusive;
  delete tensor;
}

bool is_truth(py::handle object) {
  return PyBool_Check(object.ptr()) ||
         std::string_view(Py_TYPE(object.ptr())->tp_name) == "numpy.bool_";
}

std::optional<Scalar> scalar_from(py::handle object) {
  PyObject* o = object.ptr();
  if (PyBool_Check(o)) return Scalar(o == Py_True);
  if (PyFloat_Check(o)) return Scalar(PyFloat_AS_DOUBLE(o));
  if (PyLong_Check(o)) {
    int overflow = 0;
    const int64_t value = PyLong_AsLongLongAndOverflow(o, &overflow);
    if (overflow == 0) return Scalar(value);
    const double wide = PyLong_AsDouble(o);
    if (PyErr_Occurred()) throw py::error_already_set();
    return Scalar(wide);
  }
  // Numbers of other kinds, such as NumPy's: not arrays and not tensors, which can be indexed.
  if (PySequence_Check(o) || PyUnicode_Check(o)) return {};
  if (is_truth(object)) return Scalar(PyObject_IsTrue(o) == 1);
  if (PyIndex_Check(o)) return Scalar(int_from(object));
  if (!PyObject_HasAttrString(o, "__float__")) return {};
  if (PyComplex_Check(o)) return {};
  const double value = PyFloat_AsDouble(o);
  if (PyErr_Occurred()) throw py::error_already_set();
  return Scalar(value);
}

int64_t int_from(py::handle object) {
  const auto index = py::reinterpret_steal<py::object>(PyNumber_Index(object.ptr()));
  if (!index) throw py::error_already_set();
  const int64_t value = PyLong_AsLongLong(index.ptr());
  if (value == -1 && PyErr_Occurred()) throw py::error_already_set();
  return value;
}

Shape shape_from(py::handle object) {
  Shape shape;
  if (PyIndex_Check(object.ptr())) {
    shape.push_back(int_from(object));
    return shape;
  }
  for (py::handle item : py::reinterpret_borrow<py::sequence>(object))
    shape.push_back(int_from(item));
  return shape;
}

Shape sizes_from(const py::args& args) {
  if (args.size() == 1 && (PyTuple_Check(args[0].ptr()) || PyList_Check(args[0].ptr())))
    return shape_from(args[0]);
  return shape_from(args);
}

py::tuple tuple_from(const Dims& dims) {
  py::tuple tuple(static_cast<size_t>(dims.rank()));
  for (int i = 0; i < dims.rank(); ++i) tuple[static_cast<size_t>(i)] = dims[i];
  return tuple;
}

py::object values_and_indices(std::pair<Tensor, Tensor> found) {
  static py::handle type = py::module_::import("collections")
                               .attr("namedtuple")("values_and_indices", "values indices")
                               .release();
  return type(py::cast(std::move(found.first)), py::cast(std::move(found.second)));
}

namespace {

void bind_dtypes(py::module_& m) {
  py::enum_<DType> dtypes(m, "dtype");
  const std::pair<const char*, DType> names[] = {
      {"bool", DType::kBool},   {"uint8", DType::kU8},   {"int8", DType::kI8},
      {"int32", DType::kI32},   {"int64", DType::kI64},  {"bfloat16", DType::kBF16},
      {"float32", DType::kF32}, {"float64", DType::kF64}};
  for (const auto& [name, value] : names) dtypes.value(name, value);
  const auto text = [](DType d) {
    return "tinytorch." + py::cast<std::string>(py::cast(d).attr("name"));
  };
  dtypes.attr("__repr__") = py::cpp_function(text, py::name("__repr__"), py::is_method(dtypes));
  dtypes.attr("__str__") = py::cpp_function(text, py::name("__str__"), py::is_method(dtypes));
  dtypes.def_property_readonly("is_floating_point", [](DType d) { return is_floating(d); });
  dtypes.def_property_readonly("itemsize", [](DType d) { return item_size(d); });
}

// Grad mode from Python: changed by enter(), restored by leave(), and by nothing else: it stays
// when the object ends before (set_grad_enabled without a block).
struct HeldGradMode {
  GradMode* mode = nullptr;
};

// The same for inference: enter(None) changes nothing.
struct HeldInferenceMode {
  InferenceMode* mode = nullptr;
};

WeightPrecision weight_precision(DType dtype) {
  switch (dtype) {
    case DType::kF32:
      return WeightPrecision::kF32;
    case DType::kBF16:
      return WeightPrecision::kBF16;
    case DType::kI8:
      return WeightPrecision::kInt8;
    default:
      throw ConfigError("inference_mode: weights are float32, bfloat16 or int8.");
  }
}

// Alive while products round their factors.
std::optional<MixedPrecision> mixed_precision;

void set_matmul_precision(const std::string& precision) {
  if (precision == "medium")
    mixed_precision.emplace();
  else if (precision == "highest" || precision == "high")
    mixed_precision.reset();
  else
    throw ConfigError("set_float32_matmul_precision: '" + precision +
                      "' is not highest, high or medium.");
}

void bind_modes(py::module_& m) {
  py::class_<HeldGradMode>(m, "GradMode")
      .def(py::init<>())
      .def("enter", [](HeldGradMode& held, bool on) { held.mode = new GradMode(on); })
      .def("leave", [](HeldGradMode& held) { delete std::exchange(held.mode, nullptr); });
  py::class_<HeldInferenceMode>(m, "InferenceMode")
      .def(py::init<>())
      .def("enter",
           [](HeldInferenceMode& held, std::optional<DType> weights) {
             if (weights) held.mode = new InferenceMode(weight_precision(*weights));
           })
      .def("leave", [](HeldInferenceMode& held) { delete std::exchange(held.mode, nullptr); });
  m.def("is_grad_enabled", &grad_enabled);
  m.def(
      "manual_seed", [](uint64_t seed) { manual_seed(seed); }, py::arg("seed"),
      py::call_guard<Exclusive>());
  m.def("initial_seed", [] { return default_generator().seed(); });
  m.def("get_rng_state", [] {
    const GeneratorState state = default_generator().state();
    return std::make_pair(state.seed, state.offset);
  });
  m.def(
      "set_rng_state",
      [](std::pair<uint64_t, uint64_t> s) { default_generator().set_state({s.first, s.second}); },
      py::arg("state"), py::call_guard<Exclusive>());
  m.def(
      "set_float32_matmul_precision", &set_matmul_precision, py::arg("precision"),
      "'medium': f32 products and convolutions round their factors to bf16; 'highest', 'high': no.",
      py::call_guard<Exclusive>());
  m.def("get_float32_matmul_precision", [] { return mixed_precision ? "medium" : "highest"; });
  m.def("get_num_threads", &num_threads);
  m.def("set_num_threads", &set_num_threads, py::arg("count"),
        py::call_guard<py::gil_scoped_release>());
}

}  // namespace

}  // namespace tinytorch::python

PYBIND11_MODULE(_C, m) {
  using namespace tinytorch::python;
  m.attr("__version__") = TINYTORCH_VERSION;
  m.doc() = "The library under the Python package tinytorch.";
  bind_errors(m);
  bind_dtypes(m);
  Api api{m, TensorClass(m, "Tensor")};
  bind_tensor(api);
  bind_convert(api);
  bind_dlpack(api);
  bind_indexing(api);
  bind_views(api);
  bind_creation(api);
  bind_math(api);
  bind_rearrange(api);
  bind_functional(api);
  bind_modes(m);
  bind_plans(m);
  bind_optim(m);
  bind_data(m);
  bind_modules(m);
}
