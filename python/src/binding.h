#pragma once
// What the files of the binding share: the guards under which tensors are touched, how Python's
// arguments become ours, and how a function gets its names.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <mutex>
#include <optional>
#include <vector>

#include "tinytorch/core/autograd.h"
#include "tinytorch/core/tensor.h"

namespace py = pybind11;

namespace tinytorch::python {

// Note: threads. The library lets any number of threads compute on their own tensors, but a graph
// (the gradients of shared parameters, the nodes that backward walks) and the default generator
// belong to one thread at a time. Python's threads know no such rule, so this lock keeps it for
// them: whoever records, walks or drops a graph, or draws numbers, holds it. A thread that waits
// for it has given the interpreter back first, so a hook that needs the interpreter while backward
// holds the lock always gets it. Under no_grad() operations do not take the lock: inference in
// several threads runs side by side.
std::recursive_mutex& graph_lock();

// Held while an operation runs: other Python threads go on meanwhile.
class Compute {
 public:
  Compute() : Compute(grad_enabled()) {}

 protected:
  explicit Compute(bool locked) : lock_(graph_lock(), std::defer_lock) {
    if (locked) lock_.lock();
  }

 private:
  py::gil_scoped_release release_;  // first to come, last to go
  std::unique_lock<std::recursive_mutex> lock_;
};
// Held by whatever walks a graph or draws numbers, in any grad mode.
struct Exclusive : Compute {
  Exclusive() : Compute(true) {}
};

// Ends a tensor that Python no longer holds; with it may end a part of a graph.
struct Dispose {
  void operator()(Tensor* tensor) const;
};
using TensorClass = py::class_<Tensor, std::unique_ptr<Tensor, Dispose>>;

// A tensor or a number, on the right of an operator. An array of NumPy's is a tensor here.
struct Operand {
  Tensor tensor;
  Scalar scalar = 0;
  bool truth = false;  // the number is True or False
  bool is_tensor() const { return tensor.defined(); }
  // The number as a tensor beside `other`, of its dtype unless that would lose what it says.
  Tensor beside(const Tensor& other) const {
    if (is_tensor()) return tensor;
    DType dtype = other.dtype();
    if (scalar.is_floating && !is_floating(dtype)) dtype = DType::kF32;
    if (!scalar.is_floating && !truth && dtype == DType::kBool) dtype = DType::kI64;
    return scalar_tensor(scalar, dtype);
  }
};

// dim=None, an int or a sequence of ints; none means all dimensions.
struct DimList {
  std::vector<int64_t> dims;
};

std::optional<Scalar> scalar_from(py::handle object);  // empty: not a number
bool is_truth(py::handle object);                      // True or False, Python's or NumPy's
int64_t int_from(py::handle object);                   // TypeError unless it is an integer
// Sizes given as f(2, 3) or f((2, 3)).
Shape sizes_from(const py::args& args);
Shape shape_from(py::handle object);  // an int or a sequence of ints
py::tuple tuple_from(const Dims& dims);
inline Tensor or_undefined(const std::optional<Tensor>& x) {
  return x ? *x : Tensor();
}
inline py::object or_none(const Tensor& x) {
  return x.defined() ? py::cast(x) : py::none();
}
inline std::vector<int64_t> to_list(const py::args& args) {
  const Shape shape = sizes_from(args);
  return {shape.begin(), shape.end()};
}

// The module and the class Tensor: an operation is a function of the one and a method of the other.
struct Api {
  py::module_ module;
  TensorClass tensor;

  template <class F, class... Extra>
  void both(const char* name, F* f, const Extra&... extra) {
    module.def(name, f, py::arg("input"), extra..., py::call_guard<Compute>());
    method(name, f, extra...);
  }
  // f(x, dim, ...), whose dim may be left out or called axis.
  template <class F, class... Extra>
  void reduction(const char* name, F* f, const Extra&... extra) {
    both(name, f, py::arg("dim") = py::none(), extra...);
    both(name, f, py::arg("axis"), extra...);
  }
  template <class F, class... Extra>
  void method(const char* name, F* f, const Extra&... extra) {
    tensor.def(name, f, extra..., py::call_guard<Compute>());
  }
  template <class F, class... Extra>
  void function(const char* name, F* f, const Extra&... extra) {
    module.def(name, f, extra..., py::call_guard<Compute>());
  }
};

py::object values_and_indices(std::pair<Tensor, Tensor> found);  // a named tuple

// convert.cpp
Tensor tensor_from(py::handle data, std::optional<DType> dtype);  // copies
Tensor share_array(py::handle array);                             // from_numpy
Tensor share_dlpack(const py::object& source);                    // from_dlpack
py::object item_of(const Tensor& x);
// Memory of a Python object: the tensor keeps it alive.
Storage share_memory(void* data, size_t bytes, py::object owner);

// One a file.
void bind_errors(py::module_& m);
void bind_tensor(Api& api);
void bind_convert(Api& api);
void bind_dlpack(Api& api);
void bind_indexing(Api& api);
void bind_views(Api& api);
void bind_creation(Api& api);
void bind_math(Api& api);
void bind_more_math(Api& api);
void bind_rearrange(Api& api);
void bind_functional(Api& api);
void bind_plans(py::module_& m);
void bind_optim(py::module_& m);
void bind_data(py::module_& m);
void bind_modules(py::module_& m);
void bind_recurrent(py::module_& m);

}  // namespace tinytorch::python

namespace pybind11::detail {

// A Tensor as pybind11 hands it over, but for two things that would be read as one: None, and an
// object whose __init__ has not run (Parameter.__new__(Parameter)).
template <>
class type_caster<tinytorch::Tensor> : public type_caster_base<tinytorch::Tensor> {
 public:
  bool load(handle src, bool convert) {
    return !src.is_none() && type_caster_base<tinytorch::Tensor>::load(src, convert) &&
           reinterpret_cast<instance*>(src.ptr())->get_value_and_holder().holder_constructed();
  }
};

template <>
struct type_caster<tinytorch::Scalar> {
  PYBIND11_TYPE_CASTER(tinytorch::Scalar, const_name("Number"));
  type_caster() : value(0) {}
  bool load(handle src, bool) {
    const auto found = tinytorch::python::scalar_from(src);
    if (found) value = *found;
    return found.has_value();
  }
};

template <>
struct type_caster<tinytorch::python::Operand> {
  PYBIND11_TYPE_CASTER(tinytorch::python::Operand, const_name("Tensor | ndarray | Number"));
  bool load(handle src, bool convert) {
    make_caster<tinytorch::Tensor> tensor;
    if (tensor.load(src, convert)) {
      value.tensor = cast_op<const tinytorch::Tensor&>(tensor);
      return true;
    }
    if (PySequence_Check(src.ptr()) && hasattr(src, "__array_interface__")) {
      value.tensor = tinytorch::python::tensor_from(src, {});
      return true;
    }
    const auto found = tinytorch::python::scalar_from(src);
    if (found) value.scalar = *found;
    value.truth = tinytorch::python::is_truth(src);
    return found.has_value();
  }
};

template <>
struct type_caster<tinytorch::python::DimList> {
  PYBIND11_TYPE_CASTER(tinytorch::python::DimList, const_name("int | tuple[int, ...] | None"));
  bool load(handle src, bool) {
    value.dims.clear();
    if (src.is_none()) return true;
    if (PyBool_Check(src.ptr())) return false;  // an option of another name
    if (PyIndex_Check(src.ptr())) {
      value.dims.push_back(tinytorch::python::int_from(src));
      return true;
    }
    if (!PyTuple_Check(src.ptr()) && !PyList_Check(src.ptr())) return false;
    for (handle item : reinterpret_borrow<sequence>(src)) {
      if (!PyIndex_Check(item.ptr())) return false;
      value.dims.push_back(tinytorch::python::int_from(item));
    }
    return true;
  }
  static handle cast(const tinytorch::python::DimList& src, return_value_policy, handle) {
    return pybind11::cast(src.dims).release();
  }
};

template <>
struct type_caster<tinytorch::Dims> {
  PYBIND11_TYPE_CASTER(tinytorch::Dims, const_name("int | tuple[int, ...]"));
  bool load(handle src, bool) {
    if (!PyIndex_Check(src.ptr()) && !PyTuple_Check(src.ptr()) && !PyList_Check(src.ptr()))
      return false;
    value = tinytorch::python::shape_from(src);
    return true;
  }
  static handle cast(const tinytorch::Dims& src, return_value_policy, handle) {
    return tinytorch::python::tuple_from(src).release();
  }
};

}  // namespace pybind11::detail
