// Layers and models that are compositions in C++, for tinytorch.nn: module tinytorch._C.modules.
// The package wraps them in its own Module, whose parameters are the same tensors.
#include "python/src/binding.h"
#include "tinytorch/nn/attention.h"
#include "tinytorch/nn/gpt.h"
#include "tinytorch/nn/models.h"

namespace tinytorch::python {

namespace {

using nn::Module;
using ModuleRef = std::shared_ptr<Module>;

}  // namespace

void bind_modules(py::module_& parent) {
  py::module_ m = parent.def_submodule("modules");
  py::class_<Module, ModuleRef>(m, "Module")
      // Dropout draws numbers.
      .def(
          "forward", [](Module& self, const Tensor& x) { return self(x); },
          py::call_guard<Exclusive>())
      .def("train", &Module::train)
      .def("named_parameters", &Module::named_parameters)
      .def("named_buffers", &Module::named_buffers)
      .def("state_dict", &Module::state_dict)
      .def("describe", &Module::describe)
      .def("str", &Module::str);
  const auto guard = py::call_guard<Exclusive>();
  m.def(
      "transformer_block",
      [](int64_t features, int64_t heads, bool bias, double dropout) -> ModuleRef {
        return nn::make<nn::TransformerBlock>(features, heads, bias, dropout);
      },
      guard);
  m.def(
      "causal_self_attention",
      [](int64_t features, int64_t heads, bool bias, double dropout) -> ModuleRef {
        return nn::make<nn::CausalSelfAttention>(features, heads, bias, dropout);
      },
      guard);
  bind_recurrent(m);
  m.def("model_names", &nn::model_names);
  py::class_<nn::ModelSpec>(m, "ModelSpec")
      .def(py::init<>())
      .def_readwrite("name", &nn::ModelSpec::name)
      .def_readwrite("layers", &nn::ModelSpec::layers)
      .def_readwrite("in_channels", &nn::ModelSpec::in_channels)
      .def_readwrite("image_size", &nn::ModelSpec::image_size)
      .def_readwrite("num_classes", &nn::ModelSpec::num_classes)
      .def_readwrite("n_layer", &nn::ModelSpec::n_layer)
      .def_readwrite("n_head", &nn::ModelSpec::n_head)
      .def_readwrite("n_embd", &nn::ModelSpec::n_embd)
      .def_readwrite("block_size", &nn::ModelSpec::block_size)
      .def_readwrite("vocab_size", &nn::ModelSpec::vocab_size)
      .def_readwrite("bias", &nn::ModelSpec::bias)
      .def_readwrite("dropout", &nn::ModelSpec::dropout);
  m.def("make_model", &nn::make_model, guard);
}

}  // namespace tinytorch::python
