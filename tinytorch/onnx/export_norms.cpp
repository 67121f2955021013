// Normalisations in ONNX's operators.
#include <limits>
#include <numeric>

#include "tinytorch/nn/norm.h"
#include "tinytorch/nn/normalization.h"
#include "tinytorch/onnx/export_layer.h"

namespace tinytorch::onnx {

namespace {

template <class Norm>
Value batch_norm(const Layer& l) {
  const auto& m = l.as<Norm>();
  return l.like(
      l.node("BatchNormalization",
             {l.x.name, l.b.weight(m.weight, l.at("weight")), l.b.weight(m.bias, l.at("bias")),
              l.b.weight(m.running_mean, l.at("running_mean")),
              l.b.weight(m.running_var, l.at("running_var"))},
             {real_of("epsilon", m.eps())}));
}

std::string mean_of(const Layer& l, const std::string& x, const std::vector<int64_t>& axes) {
  return l.node("ReduceMean", {x}, {integers_of("axes", axes)});
}

// x / sqrt(mean(x^2) + eps)
std::string over_root_mean_square(const Layer& l, const std::string& x,
                                  const std::vector<int64_t>& axes, double eps) {
  const std::string mean = mean_of(l, l.node("Mul", {x, x}), axes);
  return l.node("Div", {x, l.node("Sqrt", {l.node("Add", {mean, l.b.number(eps)})})});
}

// (x - mean) / sqrt(variance + eps). LayerNormalization is of opset 17, GroupNormalization of 21.
std::string normalized(const Layer& l, const std::string& x, const std::vector<int64_t>& axes,
                       double eps) {
  return over_root_mean_square(l, l.node("Sub", {x, mean_of(l, x, axes)}), axes, eps);
}

std::vector<int64_t> last_axes(int count) {
  std::vector<int64_t> axes(static_cast<size_t>(count));
  std::iota(axes.begin(), axes.end(), -count);
  return axes;
}

Value layer_norm(const Layer& l) {
  const auto& m = l.as<nn::LayerNorm>();
  std::string y = normalized(l, l.x.name, last_axes(m.weight.dim()), m.eps());
  y = l.node("Mul", {y, l.b.weight(m.weight, l.at("weight"))});
  if (m.bias.defined()) y = l.node("Add", {y, l.b.weight(m.bias, l.at("bias"))});
  return l.like(y);
}

Value rms_norm(const Layer& l) {
  const auto& m = l.as<nn::RMSNorm>();
  const double eps =
      m.eps().value_or(l.b.dtype() == DType::kF64 ? std::numeric_limits<double>::epsilon()
                                                  : std::numeric_limits<float>::epsilon());
  const std::string y = over_root_mean_square(l, l.x.name, last_axes(m.weight.dim()), eps);
  return l.like(l.node("Mul", {y, l.b.weight(m.weight, l.at("weight"))}));
}

Value group_norm(const Layer& l) {  // as rows of (n, groups, values)
  const auto& m = l.as<nn::GroupNorm>();
  const std::string rows = l.node("Reshape", {l.x.name, l.b.integers({0, m.groups(), -1})});
  const std::string shape = l.node("Shape", {l.x.name});
  std::string y = l.node("Reshape", {normalized(l, rows, {-1}, m.eps()), shape});
  if (!m.weight.defined()) return l.like(y);
  std::vector<int64_t> sizes(static_cast<size_t>(l.x.rank - 1), 1);  // a value a channel
  sizes[0] = -1;
  const std::string a_channel = l.b.integers(sizes);
  y = l.node("Mul", {y, l.node("Reshape", {l.b.weight(m.weight, l.at("weight")), a_channel})});
  return l.like(
      l.node("Add", {y, l.node("Reshape", {l.b.weight(m.bias, l.at("bias")), a_channel})}));
}

constexpr LayerRow kRows[] = {
    {"BatchNorm1d", batch_norm<nn::BatchNorm1d>},
    {"BatchNorm2d", batch_norm<nn::BatchNorm2d>},
    {"LayerNorm", layer_norm},
    {"GroupNorm", group_norm},
    {"RMSNorm", rms_norm},
};

}  // namespace

std::span<const LayerRow> norm_layers() {
  return kRows;
}

}  // namespace tinytorch::onnx
