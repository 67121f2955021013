// Tensors of other libraries as ours and ours as theirs, without copies.
#include "python/src/dlpack.h"

#include <algorithm>

#include "python/src/binding.h"

namespace tinytorch::python {

namespace {

dlpack::DataType code_of(DType d) {
  const auto bits = static_cast<uint8_t>(8 * item_size(d));
  switch (d) {
    case DType::kBool:
      return {dlpack::kBool, bits, 1};
    case DType::kU8:
      return {dlpack::kUInt, bits, 1};
    case DType::kBF16:
      return {dlpack::kBfloat, bits, 1};
    case DType::kF32:
    case DType::kF64:
      return {dlpack::kFloat, bits, 1};
    default:
      return {dlpack::kInt, bits, 1};
  }
}

DType dtype_of_code(const dlpack::DataType& t) {
  for (const DType d : {DType::kBool, DType::kU8, DType::kI8, DType::kI32, DType::kI64,
                        DType::kBF16, DType::kF32, DType::kF64}) {
    const dlpack::DataType own = code_of(d);
    if (own.code == t.code && own.bits == t.bits && t.lanes == 1) return d;
  }
  throw DTypeError("from_dlpack: elements of type code " + std::to_string(t.code) + " with " +
                   std::to_string(t.bits) + " bits are none of ours. Hint: convert them first.");
}

// Ours, handed out: the handle and the numbers that the view points to.
struct Handed {
  dlpack::Managed managed;
  Tensor tensor;
  Shape shape;
  Strides strides;
};

void drop_handed(dlpack::Managed* self) {
  delete static_cast<Handed*>(self->context);
}

// A capsule that nobody took over still owns what it holds.
void end_capsule(PyObject* capsule) {
  if (!PyCapsule_IsValid(capsule, dlpack::kFresh)) return;
  auto* managed = static_cast<dlpack::Managed*>(PyCapsule_GetPointer(capsule, dlpack::kFresh));
  if (managed->drop) managed->drop(managed);
}

py::object to_dlpack(const Tensor& x) {
  if (x.requires_grad()) {
    PyErr_SetString(PyExc_BufferError,
                    "__dlpack__: this tensor requires a gradient, which would be lost. Hint: "
                    "x.detach().");
    throw py::error_already_set();
  }
  // A handle of its own: x may get other memory while the other library holds this one.
  auto* handed = new Handed{{}, x.detach(), x.shape(), x.strides()};
  x.storage().expose();
  handed->managed = {{x.raw_data(),
                      {dlpack::kCpu, 0},
                      x.dim(),
                      code_of(x.dtype()),
                      handed->shape.begin(),
                      handed->strides.begin(),
                      0},
                     handed,
                     drop_handed};
  PyObject* capsule = PyCapsule_New(&handed->managed, dlpack::kFresh, end_capsule);
  if (!capsule) {
    delete handed;
    throw py::error_already_set();
  }
  return py::reinterpret_steal<py::object>(capsule);
}

Tensor from_capsule(const py::object& capsule) {
  if (!PyCapsule_IsValid(capsule.ptr(), dlpack::kFresh))
    throw ConfigError(
        "from_dlpack: expected an object with __dlpack__, or its capsule that nobody has used "
        "yet.");
  auto* managed =
      static_cast<dlpack::Managed*>(PyCapsule_GetPointer(capsule.ptr(), dlpack::kFresh));
  const dlpack::View& v = managed->view;
  if (v.device.type != dlpack::kCpu)
    throw ConfigError("from_dlpack: the tensor is not in the CPU's memory (device type " +
                      std::to_string(v.device.type) + ").");
  const DType dtype = dtype_of_code(v.dtype);
  Layout layout;
  int64_t last = 0;  // the farthest element
  for (int i = 0; i < v.ndim; ++i) layout.shape.push_back(v.shape[i]);
  int64_t step = 1;
  layout.strides = Dims::filled(v.ndim, 0);
  for (int i = v.ndim - 1; i >= 0; --i) {
    layout.strides[i] = v.strides ? v.strides[i] : step;
    step *= v.shape[i];
    if (layout.strides[i] < 0)
      throw ConfigError("from_dlpack: negative strides are not ours. Hint: copy it first.");
    last += std::max<int64_t>(v.shape[i] - 1, 0) * layout.strides[i];
  }
  char* data = static_cast<char*>(v.data) + v.byte_offset;
  if (reinterpret_cast<uintptr_t>(data) % item_size(dtype) != 0)
    throw ConfigError("from_dlpack: the elements are not aligned.");
  PyCapsule_SetName(capsule.ptr(), dlpack::kUsed);  // from here on it is ours to end
  const auto drop = [](void* held) {
    if (!Py_IsInitialized()) return;
    const py::gil_scoped_acquire gil;  // what ends there may be Python's
    auto* m = static_cast<dlpack::Managed*>(held);
    if (m->drop) m->drop(m);
  };
  const size_t bytes = static_cast<size_t>(last + 1) * item_size(dtype);
  return make_tensor(Storage::adopt(data, layout.shape.product() ? bytes : 0, drop, managed), dtype,
                     layout);
}

}  // namespace

Tensor share_dlpack(const py::object& source) {
  return from_capsule(py::hasattr(source, "__dlpack__") ? source.attr("__dlpack__")() : source);
}

void bind_dlpack(Api& api) {
  api.tensor.def(
      "__dlpack__", [](const Tensor& x, const py::kwargs&) { return to_dlpack(x); },
      "A capsule with this tensor's memory (keywords of other devices do nothing).");
  api.tensor.def("__dlpack_device__",
                 [](const Tensor&) { return py::make_tuple(dlpack::kCpu, 0); });
  api.module.def("from_dlpack", &share_dlpack, py::arg("source"),
                 "The memory of another library's tensor as one of ours.");
}

}  // namespace tinytorch::python
