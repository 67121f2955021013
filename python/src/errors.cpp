// Our errors as Python's: each is a RuntimeError, as PyTorch's are, and also what Python itself
// would raise for the mistake.
#include "python/src/binding.h"
#include "tinytorch/core/error.h"

namespace tinytorch::python {

namespace {

PyObject* g_error;  // the base; its children by our classes:
PyObject *g_shape, *g_dtype, *g_index, *g_grad, *g_io, *g_config, *g_memory, *g_not_implemented;

PyObject* make(py::module_& m, const char* name, const char* doc,
               std::initializer_list<PyObject*> bases) {
  py::tuple parents(bases.size());
  size_t i = 0;
  for (PyObject* base : bases) parents[i++] = py::reinterpret_borrow<py::object>(base);
  const std::string full = std::string("tinytorch.") + name;
  PyObject* made = PyErr_NewExceptionWithDoc(full.c_str(), doc, parents.ptr(), nullptr);
  if (!made) throw py::error_already_set();
  m.attr(name) = py::reinterpret_borrow<py::object>(made);
  return made;
}

PyObject* class_of(const Error& e) {
  if (dynamic_cast<const ShapeError*>(&e)) return g_shape;
  if (dynamic_cast<const DTypeError*>(&e)) return g_dtype;
  if (dynamic_cast<const IndexError*>(&e)) return g_index;
  if (dynamic_cast<const GradError*>(&e)) return g_grad;
  if (dynamic_cast<const IoError*>(&e)) return g_io;
  if (dynamic_cast<const ConfigError*>(&e)) return g_config;
  if (dynamic_cast<const MemoryError*>(&e)) return g_memory;
  if (dynamic_cast<const NotImplemented*>(&e)) return g_not_implemented;
  return g_error;
}

}  // namespace

void bind_errors(py::module_& m) {
  g_error = make(m, "Error", "Any error of TinyTorch.", {PyExc_RuntimeError});
  g_shape = make(m, "ShapeError", "Sizes that do not fit together.", {g_error, PyExc_ValueError});
  g_dtype = make(m, "DTypeError", "An operation that does not exist for these dtypes.",
                 {g_error, PyExc_TypeError});
  g_index = make(m, "IndexError", "An index, label or dimension out of range.",
                 {g_error, PyExc_IndexError});
  g_grad = make(m, "GradError", "Misuse of autograd.", {g_error});
  g_io = make(m, "IoError", "A file that cannot be read, written or trusted.",
              {g_error, PyExc_OSError});
  g_config = make(m, "ConfigError", "A wrong value or option.", {g_error, PyExc_ValueError});
  g_memory = make(m, "MemoryError", "The system has no more memory.", {g_error, PyExc_MemoryError});
  g_not_implemented = make(m, "NotImplemented", "A part that has not been written.",
                           {g_error, PyExc_NotImplementedError});
  py::register_exception_translator([](std::exception_ptr pointer) {
    try {
      if (pointer) std::rethrow_exception(pointer);
    } catch (const Error& e) {
      PyErr_SetString(class_of(e), e.what());
    }
  });
}

}  // namespace tinytorch::python
