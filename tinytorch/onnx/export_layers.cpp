// How each kind of module is written in ONNX's operators: one row a kind.
#include <cmath>
#include <cstring>

#include "tinytorch/nn/activation.h"
#include "tinytorch/nn/attention.h"
#include "tinytorch/nn/conv.h"
#include "tinytorch/nn/linear.h"
#include "tinytorch/nn/norm.h"
#include "tinytorch/nn/normalization.h"
#include "tinytorch/onnx/graph_builder.h"

namespace tinytorch::onnx {

namespace {

using nn::Module;

struct Layer {
  GraphBuilder& b;
  const Module& m;
  const std::string& path;
  const Value& x;

  template <class M>
  const M& as() const {
    return dynamic_cast<const M&>(m);
  }
  std::string at(const std::string& name) const { return path.empty() ? name : path + "." + name; }
  std::string node(const char* op, const std::vector<std::string>& inputs,
                   const std::vector<Attribute>& attributes = {}) const {
    return b.node(path, op, inputs, attributes);
  }
  Value like(std::string name) const { return {std::move(name), x.rank}; }
  const Module* find(const char* name) const {
    for (const auto& [child_name, child] : m.children())
      if (child_name == name) return child.get();
    return nullptr;
  }
  Value child(const char* name, const Value& in) const {
    return write_module(b, *find(name), at(name), in);
  }
  [[noreturn]] void refuse(const std::string& why) const {
    raise<ConfigError>("onnx export: layer {} ({}): {}", path.empty() ? "the model" : path,
                       m.kind(), why);
  }
};

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

Value conv2d(const Layer& l) {
  const auto& m = l.as<nn::Conv2d>();
  const ConvOptions& o = m.options();
  const int64_t kernel[2] = {m.weight.size(2), m.weight.size(3)};
  auto attributes = windows(kernel, o.stride, o.padding);
  attributes.push_back(integers_of("dilations", {o.dilation[0], o.dilation[1]}));
  attributes.push_back(integer_of("group", o.groups));
  std::vector<std::string> inputs = {l.x.name, l.b.weight(m.weight, l.at("weight"))};
  if (m.bias.defined()) inputs.push_back(l.b.weight(m.bias, l.at("bias")));
  return l.like(l.node("Conv", inputs, attributes));
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

Value layer_norm(const Layer& l) {  // LayerNormalization is of opset 17
  const auto& m = l.as<nn::LayerNorm>();
  std::vector<int64_t> axes;
  for (int d = m.weight.dim(); d > 0; --d) axes.push_back(-d);
  const Attribute over = integers_of("axes", axes);
  const std::string mean = l.node("ReduceMean", {l.x.name}, {over});
  const std::string centred = l.node("Sub", {l.x.name, mean});
  const std::string squares = l.node("Mul", {centred, centred});
  const std::string variance = l.node("ReduceMean", {squares}, {over});
  const std::string spread = l.node("Sqrt", {l.node("Add", {variance, l.b.number(m.eps())})});
  std::string y = l.node("Div", {centred, spread});
  y = l.node("Mul", {y, l.b.weight(m.weight, l.at("weight"))});
  if (m.bias.defined()) y = l.node("Add", {y, l.b.weight(m.bias, l.at("bias"))});
  return l.like(y);
}

Value embedding(const Layer& l) {
  const std::string table = l.b.weight(l.as<nn::Embedding>().weight, l.at("weight"));
  return {l.node("Gather", {table, l.x.name}), l.x.rank + 1};
}

// ---- activations

template <const char* const& kOp>
Value unary(const Layer& l) {
  return l.like(l.node(kOp, {l.x.name}));
}
constexpr const char* kRelu = "Relu";
constexpr const char* kTanh = "Tanh";
constexpr const char* kSigmoid = "Sigmoid";
constexpr const char* kSelu = "Selu";
constexpr const char* kSoftmax = "Softmax";
constexpr const char* kLogSoftmax = "LogSoftmax";

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
template <class M, const char* const& kOp>
Value along_dim(const Layer& l) {
  return l.like(l.node(kOp, {l.x.name}, {integer_of("axis", l.as<M>().dim())}));
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

// ---- transformer

// 0, 1, ... up to the size of dimension 1 of x.
std::string positions(const Layer& l) {
  const std::string shape = l.node("Shape", {l.x.name});
  const std::string time = l.node("Gather", {shape, l.b.integers({1}, true)});
  return l.node("Range", {l.b.integers({0}, true), time, l.b.integers({1}, true)});
}

Value attention(const Layer& l) {
  const auto& m = l.as<nn::CausalSelfAttention>();
  const int64_t heads = m.heads(), features = m.c_proj.weight.size(1), each = features / heads;
  const Value qkv = l.child("c_attn", l.x);
  const auto parts = l.b.node(l.path, "Split", {qkv.name}, {integer_of("axis", 2)}, 3);
  const std::string split = l.b.integers({0, 0, heads, each});
  const auto by_head = [&](const std::string& part, const std::vector<int64_t>& order) {
    return l.node("Transpose", {l.node("Reshape", {part, split})}, {integers_of("perm", order)});
  };
  const std::string q = by_head(parts[0], {0, 2, 1, 3}), k = by_head(parts[1], {0, 2, 3, 1}),
                    v = by_head(parts[2], {0, 2, 1, 3});
  const std::string scale = l.b.number(1 / std::sqrt(static_cast<double>(each)));
  const std::string scores = l.node("Mul", {l.node("MatMul", {q, k}), scale});
  const std::string place = positions(l);
  const std::string query = l.node("Unsqueeze", {place, l.b.integers({1})});
  const std::string seen = l.node("LessOrEqual", {place, query});
  const std::string masked = l.node("Where", {seen, scores, l.b.number(-HUGE_VAL)});
  const std::string weights = l.node("Softmax", {masked}, {integer_of("axis", -1)});
  const std::string heads_first = l.node("MatMul", {weights, v});
  const std::string back = l.node("Transpose", {heads_first}, {integers_of("perm", {0, 2, 1, 3})});
  return l.child("c_proj", l.like(l.node("Reshape", {back, l.b.integers({0, 0, features})})));
}

Value feed_forward(const Layer& l) {
  const Value wide = l.child("c_fc", l.x);
  const Layer inner{l.b, l.m, l.path, wide};
  return l.child("c_proj", l.like(gelu_of(inner, GeluForm::kErf)));
}

Value transformer_block(const Layer& l) {
  const Value attended = l.child("attn", l.child("ln_1", l.x));
  const Value x = l.like(l.node("Add", {l.x.name, attended.name}));
  const Value fed = l.child("mlp", l.child("ln_2", x));
  return l.like(l.node("Add", {x.name, fed.name}));
}

Value decoder(const Layer& l) {
  const Value tokens = l.child("wte", l.x), places = l.child("wpe", {positions(l), 1});
  const Value x{l.node("Add", {tokens.name, places.name}), 3};
  return l.child("ln_f", l.child("h", x));
}

Value gpt(const Layer& l) {
  return l.child("lm_head", l.child("transformer", l.x));
}

struct LayerRow {
  const char* kind;
  Value (*write)(const Layer&);
};
constexpr LayerRow kLayers[] = {
    {"Sequential", sequential},
    {"ModuleList", sequential},  // its user runs one after the other
    {"Mlp", mlp},
    {"Identity", same},
    {"Dropout", same},  // in evaluation
    {"Linear", linear},
    {"Conv2d", conv2d},
    {"MaxPool2d", max_pool},
    {"AvgPool2d", avg_pool},
    {"AdaptiveAvgPool2d", adaptive_pool},
    {"BatchNorm1d", batch_norm<nn::BatchNorm1d>},
    {"BatchNorm2d", batch_norm<nn::BatchNorm2d>},
    {"LayerNorm", layer_norm},
    {"Embedding", embedding},
    {"ReLU", unary<kRelu>},
    {"Tanh", unary<kTanh>},
    {"Sigmoid", unary<kSigmoid>},
    {"GELU", gelu},
    {"SiLU", silu},
    {"SELU", unary<kSelu>},
    {"LeakyReLU", leaky_relu},
    {"ELU", elu},
    {"Hardsigmoid", hard_sigmoid},
    {"Hardswish", hard_swish},
    {"Mish", mish},
    {"Softmax", along_dim<nn::Softmax, kSoftmax>},
    {"LogSoftmax", along_dim<nn::LogSoftmax, kLogSoftmax>},
    {"Flatten", flatten},
    {"BasicBlock", residual_block},
    {"ResNet20", resnet},
    {"CausalSelfAttention", attention},
    {"FeedForward", feed_forward},
    {"TransformerBlock", transformer_block},
    {"Decoder", decoder},
    {"Gpt", gpt},
};

}  // namespace

Value write_module(GraphBuilder& b, const nn::Module& m, const std::string& path, const Value& x) {
  const Layer layer{b, m, path, x};
  if (m.has_hooks()) layer.refuse("it has hooks, which no file can hold.");
  for (const LayerRow& row : kLayers)
    if (std::strcmp(row.kind, m.kind()) == 0) return row.write(layer);
  std::vector<std::string> known;
  for (const LayerRow& row : kLayers) known.emplace_back(row.kind);
  layer.refuse(format_text("this kind is not exported. Those that are: {}.", joined(known)));
}

}  // namespace tinytorch::onnx
