// Values from Python: numbers, nested lists, arrays; and arrays from ours.
#include <pybind11/numpy.h>

#include <algorithm>
#include <cmath>

#include "python/src/binding.h"

namespace tinytorch::python {

namespace {

// ---- nested sequences

struct Nested {
  Shape shape;
  bool floating = false, integer = false;
  bool wide = false;  // an f64 tensor or array is among them
  bool huge = false;  // an integer above int64
  std::vector<double> reals;
  std::vector<int64_t> integers;
};

bool is_sequence(py::handle o) {
  return PySequence_Check(o.ptr()) && !PyUnicode_Check(o.ptr()) && !PyBytes_Check(o.ptr());
}
// 0-d tensors and arrays are numbers here.
bool is_number_like(py::handle o) {
  if (py::isinstance<Tensor>(o)) return o.cast<const Tensor&>().dim() == 0;
  if (!py::hasattr(o, "ndim")) return !is_sequence(o);
  return o.attr("ndim").cast<int>() == 0;
}

void take_number(py::handle o, Nested& into) {
  auto number = py::reinterpret_borrow<py::object>(o);
  if (py::isinstance<Tensor>(o)) {
    number = item_of(o.cast<const Tensor&>());
    into.wide |= o.cast<const Tensor&>().dtype() == DType::kF64;
  } else if (py::hasattr(o, "item")) {
    number = o.attr("item")();
  }
  if (PyLong_Check(number.ptr()) && PyLong_AsDouble(number.ptr()) == -1 && PyErr_Occurred()) {
    PyErr_Clear();
    throw ConfigError("tensor: " + py::repr(number).cast<std::string>().substr(0, 20) +
                      ".. does not fit i64, nor f64.");
  }
  const std::optional<Scalar> s = scalar_from(number);
  if (!s)
    throw DTypeError("tensor: " + py::repr(o).cast<std::string>() +
                     " is neither a number nor a sequence of numbers.");
  const bool truth = PyBool_Check(number.ptr());
  const bool huge = s->is_floating && PyLong_Check(number.ptr());
  into.huge |= huge;
  into.floating |= s->is_floating && !huge;
  into.integer |= huge || (!s->is_floating && !truth);
  into.reals.push_back(s->value);
  into.integers.push_back(s->is_floating ? 0 : s->integer);
}

void take(py::handle o, int depth, Nested& into) {
  if (is_number_like(o)) {
    if (depth != into.shape.rank())
      throw ConfigError("tensor: numbers and sequences stand side by side at depth " +
                        std::to_string(depth) + ".");
    take_number(o, into);
    return;
  }
  const auto items = py::reinterpret_borrow<py::sequence>(o);
  const auto length = static_cast<int64_t>(items.size());
  if (depth == into.shape.rank() || into.shape[depth] != length)
    throw ConfigError(
        "tensor: the rows differ in length: " + std::to_string(length) + " entries at depth " +
        std::to_string(depth) + ", expected " +
        (depth == into.shape.rank() ? "a number" : std::to_string(into.shape[depth])) + ".");
  // Some sequences make their items (tensors, arrays): each is held while it is read.
  for (int64_t i = 0; i < length; ++i) {
    const py::object item = items[static_cast<size_t>(i)];
    take(item, depth + 1, into);
  }
}

// Whether an integer dtype holds what was given (after its fraction was dropped).
void check_range(const Nested& found, DType dtype) {
  if (is_floating(dtype) || dtype == DType::kBool) return;
  const size_t bits = 8 * item_size(dtype) - (dtype == DType::kU8 ? 0 : 1);
  const double end = std::ldexp(1.0, static_cast<int>(bits));  // the first value above
  const double low = dtype == DType::kU8 ? 0 : -end;
  // (As a double an int64 next to 2^63 is that itself, as is one outside next to -2^63.)
  if (dtype == DType::kI64 && !found.floating && !found.huge) return;
  for (const double value : found.reals) {
    const bool outside = found.huge && std::abs(value) >= std::ldexp(1.0, 63);
    if (!outside && std::trunc(value) >= low && value < end) continue;
    throw ConfigError("tensor: " + py::repr(py::float_(value)).cast<std::string>() +
                      " does not fit " + dtype_name(dtype) +
                      ". Hint: dtype=float64, or convert with to(), which wraps.");
  }
}

Tensor from_nested(py::handle data, std::optional<DType> dtype) {
  Nested found;
  py::object first = py::reinterpret_borrow<py::object>(data);
  while (!is_number_like(first)) {
    const auto length = PySequence_Size(first.ptr());
    if (length < 0) throw py::error_already_set();
    found.shape.push_back(length);
    if (length == 0) break;
    first = py::reinterpret_steal<py::object>(PySequence_GetItem(first.ptr(), 0));
    if (!first) throw py::error_already_set();
  }
  take(data, 0, found);
  const bool empty = found.reals.empty();
  const DType own = found.wide                ? DType::kF64
                    : found.floating || empty ? DType::kF32
                    : found.integer           ? DType::kI64
                                              : DType::kBool;
  const DType to = dtype.value_or(own);
  check_range(found, to);
  if (found.floating || found.huge || empty) return from_vector(found.reals, found.shape).to(to);
  return from_vector(found.integers, found.shape).to(to);
}

// ---- NumPy

std::optional<DType> dtype_of_array(const py::array& a) {
  const char kind = a.dtype().kind();
  const auto size = a.itemsize();
  if (kind == 'b') return DType::kBool;
  if (kind == 'f' && size == 8) return DType::kF64;
  if (kind == 'f' && size == 4) return DType::kF32;
  if (kind == 'i' && size == 8) return DType::kI64;
  if (kind == 'i' && size == 4) return DType::kI32;
  if (kind == 'i' && size == 1) return DType::kI8;
  if (kind == 'u' && size == 1) return DType::kU8;
  return {};
}

py::dtype array_dtype(DType d) {
  switch (d) {
    case DType::kBool:
      return py::dtype::of<bool>();
    case DType::kU8:
      return py::dtype::of<uint8_t>();
    case DType::kI8:
      return py::dtype::of<int8_t>();
    case DType::kI32:
      return py::dtype::of<int32_t>();
    case DType::kI64:
      return py::dtype::of<int64_t>();
    case DType::kF32:
      return py::dtype::of<float>();
    case DType::kF64:
      return py::dtype::of<double>();
    case DType::kBF16:
      break;
  }
  throw DTypeError("numpy: NumPy has no bfloat16. Hint: x.float().numpy().");
}

// What keeps an array's memory from being ours as it is; empty when nothing does.
std::string obstacle(const py::array& a, bool native) {
  const auto item = a.itemsize();
  if (!native) return "its byte order is not this machine's";
  if (!(a.flags() & py::detail::npy_api::NPY_ARRAY_ALIGNED_)) return "its elements are not aligned";
  for (py::ssize_t i = 0; i < a.ndim(); ++i) {
    if (a.strides(i) < 0) return "it has a negative stride";
    if (a.strides(i) % item != 0) return "its strides are no multiples of its element size";
  }
  return "";
}

Tensor wrap_array(const py::array& a, DType dtype) {
  Layout layout;
  size_t bytes = static_cast<size_t>(a.itemsize());
  for (py::ssize_t i = 0; i < a.ndim(); ++i) {
    layout.shape.push_back(a.shape(i));
    layout.strides.push_back(a.strides(i) / a.itemsize());
    if (a.shape(i) > 0) bytes += static_cast<size_t>((a.shape(i) - 1) * a.strides(i));
  }
  if (layout.shape.product() == 0) return empty(layout.shape, dtype);
  return make_tensor(share_memory(const_cast<void*>(a.data()), bytes, a), dtype, layout);
}

// An array of ours: whatever had to be changed is a copy then.
std::pair<py::array, DType> checked_array(py::handle object, const char* op) {
  // (ensure would take a view of a subclass's array, whose owner could end before the view.)
  const auto a = py::isinstance<py::array>(object) ? py::reinterpret_borrow<py::array>(object)
                                                   : py::array::ensure(object);
  if (!a) throw DTypeError(std::string(op) + ": expected an array of NumPy's.");
  const auto dtype = dtype_of_array(a);
  if (!dtype)
    throw DTypeError(std::string(op) + ": dtype " + py::str(a.dtype()).cast<std::string>() +
                     " is none of bool, uint8, int8, int32, int64, float32, float64. Hint: "
                     "a.astype(...).");
  return {a, *dtype};
}

bool is_native(const py::array& a) {
  return a.dtype().attr("isnative").cast<bool>();
}

Tensor copy_array(py::handle object) {
  auto [a, dtype] = checked_array(object, "tensor");
  if (!obstacle(a, is_native(a)).empty())
    a = py::array(a.attr("astype")(a.dtype().attr("newbyteorder")("=")).attr("copy")());
  const Tensor shared = wrap_array(a, dtype);
  const Compute compute;
  return shared.clone();
}

// The memory of x as an array. What holds it is a handle of its own: x may get other memory later.
py::array share_with_array(const Tensor& x, bool force) {
  if (x.requires_grad() && !force)
    throw GradError("numpy: this tensor of shape " + x.shape().str() +
                    " requires a gradient, which an array cannot carry. Hint: x.detach().numpy().");
  const py::dtype dtype = array_dtype(x.dtype());
  std::vector<py::ssize_t> shape(x.shape().begin(), x.shape().end()), strides;
  for (const int64_t s : x.strides()) strides.push_back(s * dtype.itemsize());
  const py::object holder = py::cast(x.detach());
  x.storage().expose();
  return py::array(dtype, shape, strides, x.raw_data(), holder);
}

}  // namespace

Storage share_memory(void* data, size_t bytes, py::object owner) {
  return Storage::adopt(
      data, bytes,
      [](void* held) {
        if (!Py_IsInitialized()) return;  // the process is ending, and with it the memory
        const py::gil_scoped_acquire gil;
        Py_DECREF(static_cast<PyObject*>(held));
      },
      owner.release().ptr());
}

Tensor share_array(py::handle object) {
  if (!py::isinstance<py::array>(object))
    throw DTypeError("from_numpy: expected an array of NumPy's, got " +
                     py::repr(py::type::of(object)).cast<std::string>() + ".");
  const auto [a, dtype] = checked_array(object, "from_numpy");
  const std::string why = obstacle(a, is_native(a));
  if (!why.empty())
    throw ConfigError("from_numpy: cannot share this array's memory: " + why +
                      ". Hint: tensor(a) copies it.");
  if (!a.writeable()) {
    if (PyErr_WarnEx(PyExc_UserWarning,
                     "from_numpy: the array is read-only, so its values were copied; tensors can "
                     "be written to. tensor(a) copies without this warning.",
                     1) < 0)
      throw py::error_already_set();
    return copy_array(a);
  }
  return wrap_array(a, dtype);
}

Tensor tensor_from(py::handle data, std::optional<DType> dtype) {
  if (py::isinstance<Tensor>(data)) {
    const Tensor& x = data.cast<const Tensor&>();
    const Compute compute;
    const Tensor source = x.detach();
    return dtype && *dtype != x.dtype() ? source.to(*dtype) : source.clone();
  }
  if (py::hasattr(data, "__array_interface__")) {
    const Tensor copy = copy_array(data);
    const Compute compute;
    return dtype ? copy.to(*dtype) : copy;
  }
  if (py::hasattr(data, "__dlpack__")) {  // PyTorch's tensors, for one
    const Tensor shared = share_dlpack(py::reinterpret_borrow<py::object>(data));
    const Compute compute;
    return dtype && *dtype != shared.dtype() ? shared.to(*dtype) : shared.clone();
  }
  return from_nested(data, dtype);
}

void bind_convert(Api& api) {
  api.module.def(
      "tensor",
      [](py::handle data, std::optional<DType> dtype, bool requires_grad, py::handle device) {
        if (!device.is_none() && py::str(device).cast<std::string>() != "cpu")
          throw ConfigError("tensor: the only device is 'cpu'.");
        Tensor x = tensor_from(data, dtype);
        if (requires_grad) x.set_requires_grad();
        return x;
      },
      py::arg("data"), py::kw_only(), py::arg("dtype") = py::none(),
      py::arg("requires_grad") = false, py::arg("device") = py::none(),
      "A copy of numbers: nested lists, an array, another tensor.");
  api.module.def("from_numpy", &share_array, py::arg("array"),
                 "The array's memory as a tensor. A read-only array is copied, with a warning.");
  api.tensor.def("numpy", &share_with_array, py::kw_only(), py::arg("force") = false,
                 "The tensor's memory as an array.");
  api.tensor.def(
      "__array__",
      [](const Tensor& x, py::object dtype) -> py::object {
        const py::array a = share_with_array(x, false);
        return dtype.is_none() ? py::object(a) : a.attr("astype")(dtype, py::arg("copy") = false);
      },
      py::arg("dtype") = py::none());
  // array * tensor asks the tensor. (Without __array_ufunc__: np.exp(tensor) gives an array.)
  api.tensor.attr("__array_priority__") = 1000;
}

}  // namespace tinytorch::python
