// Recurrent layers and attention over several inputs, for tinytorch.nn: they give more than one
// tensor, so Module's forward does not do for them.
#include "tinytorch/nn/recurrent.h"
#include "python/src/binding.h"
#include "tinytorch/nn/multihead_attention.h"

namespace tinytorch::python {

namespace {

using nn::Module;
using ModuleRef = std::shared_ptr<Module>;
using Optional = const std::optional<Tensor>&;

ModuleRef make_recurrent(const std::string& kind, int64_t input, int64_t hidden, int64_t layers,
                         bool bias, bool batch_first, double dropout, bool bidirectional,
                         const std::string& nonlinearity) {
  const nn::RecurrentOptions options{layers, bias, batch_first, dropout, bidirectional};
  if (kind == "LSTM") return nn::make<nn::LSTM>(input, hidden, options);
  if (kind == "GRU") return nn::make<nn::GRU>(input, hidden, options);
  if (nonlinearity != "tanh" && nonlinearity != "relu")
    throw ConfigError("RNN: nonlinearity '" + nonlinearity + "' is none of tanh, relu.");
  return nn::make<nn::RNN>(
      input, hidden, options,
      nonlinearity == "tanh" ? nn::RNN::Nonlinearity::kTanh : nn::RNN::Nonlinearity::kRelu);
}

py::tuple run_recurrent(Module& module, const Tensor& x, Optional h, Optional c) {
  nn::RecurrentResult result;
  {
    const Exclusive guard;  // dropout draws numbers
    result = dynamic_cast<nn::Recurrent&>(module).run(x, {or_undefined(h), or_undefined(c)});
  }
  return py::make_tuple(result.output, result.state.h, or_none(result.state.c));
}

}  // namespace

void bind_recurrent(py::module_& m) {
  m.def("recurrent", &make_recurrent, py::call_guard<Exclusive>());
  m.def("run_recurrent", &run_recurrent);
  m.def(
      "multihead_attention",
      [](int64_t features, int64_t heads, double dropout, bool bias,
         bool batch_first) -> ModuleRef {
        return nn::make<nn::MultiheadAttention>(
            features, heads, nn::MultiheadAttention::Options{dropout, bias, batch_first});
      },
      py::call_guard<Exclusive>());
  m.def(
      "attend",
      [](Module& module, const Tensor& q, const Tensor& k, const Tensor& v, Optional padding,
         Optional mask) {
        return dynamic_cast<nn::MultiheadAttention&>(module).forward(q, k, v, or_undefined(padding),
                                                                     or_undefined(mask));
      },
      py::call_guard<Exclusive>());
}

}  // namespace tinytorch::python
