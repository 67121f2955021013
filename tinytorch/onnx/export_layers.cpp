// How each kind of module is written in ONNX's operators: one row a kind. Here containers, weights
// and pooling; the other tables stand in export_activations.cpp, _norms.cpp and _sequences.cpp.
#include <cstring>

#include "tinytorch/nn/activation.h"
#include "tinytorch/nn/attention.h"
#include "tinytorch/nn/conv.h"
#include "tinytorch/nn/linear.h"
#include "tinytorch/nn/transposed_conv.h"
#include "tinytorch/onnx/export_layer.h"

namespace tinytorch::onnx {

namespace {

// ---- containers

Value sequential(const Layer& l) {
  Value y = l.x;
  for (const auto& [name, child] : l.m.children()) y = write_module(l.b, *child, l.at(name), y);
  return y;
}
Value mlp(const Layer& l) {  // flattens what is no matrix
  if (l.x.rank == 2) return sequential(l);
  const Value flat{l.node("Flatten", {l.x.name}, {integer_of("axis", 1)}), 2};
  return sequential({l.b, l.m, l.path, flat});
}
Value stack(const Layer& l) {  // of [[model.layers]]: images become rows before a Linear
  const auto& children = l.m.children();
  const bool rows =
      !children.empty() && std::strcmp(children.front().second->kind(), "Linear") == 0;
  return rows && l.x.rank == 4 ? mlp(l) : sequential(l);
}
Value same(const Layer& l) {
  return l.x;
}

// ---- weights

Value linear(const Layer& l) {
  const auto& m = l.as<nn::Linear>();
  const std::string weight = l.b.weight(m.weight, l.at("weight"));
  std::vector<std::string> inputs = {l.x.name, weight};
  if (l.x.rank == 2) {
    if (m.bias.defined()) inputs.push_back(l.b.weight(m.bias, l.at("bias")));
    return l.like(l.node("Gemm", inputs, {integer_of("transB", 1)}));
  }
  inputs[1] = l.node("Transpose", {weight}, {integers_of("perm", {1, 0})});
  std::string y = l.node("MatMul", inputs);
  if (m.bias.defined()) y = l.node("Add", {y, l.b.weight(m.bias, l.at("bias"))});
  return l.like(y);
}

std::vector<Attribute> windows(const int64_t* kernel, const int64_t* stride,
                               const int64_t* padding) {
  return {integers_of("kernel_shape", {kernel[0], kernel[1]}),
          integers_of("strides", {stride[0], stride[1]}),
          integers_of("pads", {padding[0], padding[1], padding[0], padding[1]})};
}

std::string convolution(const Layer& l, const char* op, const Tensor& weight, const Tensor& bias,
                        const std::vector<Attribute>& attributes) {
  std::vector<std::string> inputs = {l.x.name, l.b.weight(weight, l.at("weight"))};
  if (bias.defined()) inputs.push_back(l.b.weight(bias, l.at("bias")));
  return l.node(op, inputs, attributes);
}

Value conv2d(const Layer& l) {
  const auto& m = l.as<nn::Conv2d>();
  const ConvOptions& o = m.options();
  const int64_t kernel[2] = {m.weight.size(2), m.weight.size(3)};
  auto attributes = windows(kernel, o.stride, o.padding);
  attributes.push_back(integers_of("dilations", {o.dilation[0], o.dilation[1]}));
  attributes.push_back(integer_of("group", o.groups));
  return l.like(convolution(l, "Conv", m.weight, m.bias, attributes));
}

Value conv1d(const Layer& l) {
  const auto& m = l.as<nn::Conv1d>();
  const nn::Conv1d::Options& o = m.options();
  return l.like(
      convolution(l, "Conv", m.weight, m.bias,
                  {integers_of("kernel_shape", {m.weight.size(2)}),
                   integers_of("strides", {o.stride}), integers_of("pads", {o.padding, o.padding}),
                   integers_of("dilations", {o.dilation}), integer_of("group", o.groups)}));
}

Value conv_transpose2d(const Layer& l) {
  const auto& m = l.as<nn::ConvTranspose2d>();
  const nn::ConvTranspose2d::Options& o = m.options();
  const int64_t kernel[2] = {m.weight.size(2), m.weight.size(3)}, stride[2] = {o.stride, o.stride},
                padding[2] = {o.padding, o.padding};
  auto attributes = windows(kernel, stride, padding);
  attributes.push_back(integers_of("output_padding", {o.output_padding, o.output_padding}));
  attributes.push_back(integers_of("dilations", {o.dilation, o.dilation}));
  attributes.push_back(integer_of("group", o.groups));
  return l.like(convolution(l, "ConvTranspose", m.weight, m.bias, attributes));
}

std::vector<Attribute> pooling(const PoolOptions& o) {
  const int64_t stride[2] = {o.stride[0] ? o.stride[0] : o.kernel[0],
                             o.stride[1] ? o.stride[1] : o.kernel[1]};
  return windows(o.kernel, stride, o.padding);
}
Value max_pool(const Layer& l) {
  return l.like(l.node("MaxPool", {l.x.name}, pooling(l.as<nn::MaxPool2d>().options())));
}
Value avg_pool(const Layer& l) {
  const PoolOptions& o = l.as<nn::AvgPool2d>().options();
  auto attributes = pooling(o);
  attributes.push_back(integer_of("count_include_pad", o.count_include_pad));
  return l.like(l.node("AveragePool", {l.x.name}, attributes));
}
Value adaptive_pool(const Layer& l) {
  const int64_t out = l.as<nn::AdaptiveAvgPool2d>().output_size();
  if (out != 1)
    l.refuse(format_text("output size {} has no operator in ONNX; 1 has. Hint: AvgPool2d.", out));
  return l.like(l.node("GlobalAveragePool", {l.x.name}));
}

Value embedding(const Layer& l) {
  const std::string table = l.b.weight(l.as<nn::Embedding>().weight, l.at("weight"));
  return {l.node("Gather", {table, l.x.name}), l.x.rank + 1};
}

Value flatten(const Layer& l) {
  const auto& m = l.as<nn::Flatten>();
  const int64_t start = m.start() < 0 ? m.start() + l.x.rank : m.start();
  const int64_t end = m.end() < 0 ? m.end() + l.x.rank : m.end();
  if (start >= end) return l.x;
  if (end != l.x.rank - 1) l.refuse("only dimensions up to the last one are flattened in ONNX.");
  if (start == 1) return {l.node("Flatten", {l.x.name}, {integer_of("axis", 1)}), 2};
  std::vector<int64_t> sizes(static_cast<size_t>(start), 0);  // 0 keeps a size
  sizes.push_back(-1);
  return {l.node("Reshape", {l.x.name, l.b.integers(sizes)}), static_cast<int>(sizes.size())};
}

// ---- residual network

Value residual_block(const Layer& l) {
  Value y = l.child("bn1", l.child("conv1", l.x));
  y.name = l.node("Relu", {y.name});
  y = l.child("bn2", l.child("conv2", y));
  const Value beside = l.find("downsample") ? l.child("downsample", l.x) : l.x;
  return l.like(l.node("Relu", {l.node("Add", {y.name, beside.name})}));
}

Value resnet(const Layer& l) {
  Value y = l.child("bn1", l.child("conv1", l.x));
  y.name = l.node("Relu", {y.name});
  for (const char* stage : {"layer1", "layer2", "layer3"}) y = l.child(stage, y);
  const std::string pooled = l.node("GlobalAveragePool", {y.name});
  return l.child("fc", {l.node("Flatten", {pooled}, {integer_of("axis", 1)}), 2});
}

constexpr LayerRow kRows[] = {
    {"Sequential", sequential},
    {"ModuleList", sequential},  // its user runs one after the other
    {"Mlp", mlp},
    {"Stack", stack},
    {"Identity", same},
    {"Dropout", same},  // in evaluation
    {"Linear", linear},
    {"Conv1d", conv1d},
    {"Conv2d", conv2d},
    {"ConvTranspose2d", conv_transpose2d},
    {"MaxPool2d", max_pool},
    {"AvgPool2d", avg_pool},
    {"AdaptiveAvgPool2d", adaptive_pool},
    {"Embedding", embedding},
    {"Flatten", flatten},
    {"BasicBlock", residual_block},
    {"ResNet20", resnet},
};

}  // namespace

Value write_module(GraphBuilder& b, const nn::Module& m, const std::string& path, const Value& x) {
  const Layer layer{b, m, path, x};
  if (m.has_hooks()) layer.refuse("it has hooks, which no file can hold.");
  std::vector<std::string> known;
  for (const auto rows :
       {std::span<const LayerRow>(kRows), activation_layers(), norm_layers(), sequence_layers()})
    for (const LayerRow& row : rows) {
      if (std::strcmp(row.kind, m.kind()) == 0) return row.write(layer);
      known.emplace_back(row.kind);
    }
  layer.refuse(format_text("this kind is not exported. Those that are: {}.", joined(known)));
}

}  // namespace tinytorch::onnx
