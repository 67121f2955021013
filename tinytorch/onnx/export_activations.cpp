// Activations in ONNX's operators.
#include <cmath>

#include "tinytorch/nn/activation.h"
#include "tinytorch/onnx/export_layer.h"

namespace tinytorch::onnx {

std::string gelu_of(const Layer& l, GeluForm form) {
  const std::string& x = l.x.name;
  std::string inner;
  if (form == GeluForm::kErf) {
    inner = l.node("Erf", {l.node("Mul", {x, l.b.number(std::sqrt(0.5))})});
  } else {
    const std::string cube = l.node("Mul", {l.node("Mul", {x, x}), x});
    const std::string sum = l.node("Add", {x, l.node("Mul", {cube, l.b.number(0.044715)})});
    inner = l.node("Tanh", {l.node("Mul", {sum, l.b.number(std::sqrt(2 / M_PI))})});
  }
  const std::string half = l.node("Mul", {x, l.b.number(0.5)});
  return l.node("Mul", {half, l.node("Add", {inner, l.b.number(1)})});
}

namespace {

template <const char* const& kOp>
Value unary(const Layer& l) {
  return l.like(l.node(kOp, {l.x.name}));
}
constexpr const char* kRelu = "Relu";
constexpr const char* kTanh = "Tanh";
constexpr const char* kSigmoid = "Sigmoid";
constexpr const char* kSoftmax = "Softmax";
constexpr const char* kLogSoftmax = "LogSoftmax";

Value gelu(const Layer& l) {
  return l.like(gelu_of(l, l.as<nn::GELU>().form));
}
Value silu(const Layer& l) {
  return l.like(l.node("Mul", {l.x.name, l.node("Sigmoid", {l.x.name})}));
}
Value leaky_relu(const Layer& l) {
  const double slope = l.as<nn::LeakyReLU>().negative_slope();
  return l.like(l.node("LeakyRelu", {l.x.name}, {real_of("alpha", slope)}));
}
Value elu(const Layer& l) {
  return l.like(l.node("Elu", {l.x.name}, {real_of("alpha", l.as<nn::ELU>().alpha())}));
}
Value selu(const Layer& l) {  // in f64 the operator's own defaults would be those of float32, too
  return l.like(
      l.node("Selu", {l.x.name},
             {real_of("alpha", 1.6732632423543772), real_of("gamma", 1.0507009873554805)}));
}
std::string hard_sigmoid_of(const Layer& l) {
  return l.node("HardSigmoid", {l.x.name}, {real_of("alpha", 1.0 / 6), real_of("beta", 0.5)});
}
Value hard_sigmoid(const Layer& l) {
  return l.like(hard_sigmoid_of(l));
}
Value hard_swish(const Layer& l) {  // HardSwish is of opset 14
  return l.like(l.node("Mul", {l.x.name, hard_sigmoid_of(l)}));
}
Value mish(const Layer& l) {  // Mish is of opset 18
  const std::string squashed = l.node("Tanh", {l.node("Softplus", {l.x.name})});
  return l.like(l.node("Mul", {l.x.name, squashed}));
}
Value softplus(const Layer& l) {  // ONNX has neither beta nor threshold
  const auto& m = l.as<nn::Softplus>();
  const bool scaled = m.beta() != 1;
  const std::string x = scaled ? l.node("Mul", {l.x.name, l.b.number(m.beta())}) : l.x.name;
  std::string y = l.node("Softplus", {x});
  if (scaled) y = l.node("Div", {y, l.b.number(m.beta())});
  // Beyond the usual threshold, 20, the curve and x are the same to a part in 10^10.
  if (m.threshold() < 20)
    y = l.node("Where", {l.node("Greater", {x, l.b.number(m.threshold())}), l.x.name, y});
  return l.like(y);
}
template <class M, const char* const& kOp>
Value along_dim(const Layer& l) {
  return l.like(l.node(kOp, {l.x.name}, {integer_of("axis", l.as<M>().dim())}));
}

constexpr LayerRow kRows[] = {
    {"ReLU", unary<kRelu>},
    {"Tanh", unary<kTanh>},
    {"Sigmoid", unary<kSigmoid>},
    {"GELU", gelu},
    {"SiLU", silu},
    {"SELU", selu},
    {"LeakyReLU", leaky_relu},
    {"ELU", elu},
    {"Softplus", softplus},
    {"Hardsigmoid", hard_sigmoid},
    {"Hardswish", hard_swish},
    {"Mish", mish},
    {"Softmax", along_dim<nn::Softmax, kSoftmax>},
    {"LogSoftmax", along_dim<nn::LogSoftmax, kLogSoftmax>},
};

}  // namespace

std::span<const LayerRow> activation_layers() {
  return kRows;
}

}  // namespace tinytorch::onnx
