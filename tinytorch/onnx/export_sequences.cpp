// Attention, transformers and recurrent layers in ONNX's operators.
#include <array>
#include <cmath>

#include "tinytorch/nn/attention.h"
#include "tinytorch/nn/multihead_attention.h"
#include "tinytorch/nn/recurrent.h"
#include "tinytorch/onnx/export_layer.h"
#include "tinytorch/ops/ops.h"

namespace tinytorch::onnx {

namespace {

// ---- transformer

// 0, 1, ... up to the size of dimension 1 of x.
std::string positions(const Layer& l) {
  const std::string shape = l.node("Shape", {l.x.name});
  const std::string time = l.node("Gather", {shape, l.b.integers({1}, true)});
  return l.node("Range", {l.b.integers({0}, true), time, l.b.integers({1}, true)});
}

// qkv (n, t, 3 features) to what `heads` heads give, (n, t, features).
Value attend(const Layer& l, const std::string& qkv, int64_t heads, int64_t features, bool causal) {
  const int64_t each = features / heads;
  const auto parts = l.b.node(l.path, "Split", {qkv}, {integer_of("axis", 2)}, 3);
  const std::string split = l.b.integers({0, 0, heads, each});
  const auto by_head = [&](const std::string& part, const std::vector<int64_t>& order) {
    return l.node("Transpose", {l.node("Reshape", {part, split})}, {integers_of("perm", order)});
  };
  const std::string q = by_head(parts[0], {0, 2, 1, 3}), k = by_head(parts[1], {0, 2, 3, 1}),
                    v = by_head(parts[2], {0, 2, 1, 3});
  const std::string scale = l.b.number(1 / std::sqrt(static_cast<double>(each)));
  std::string scores = l.node("Mul", {l.node("MatMul", {q, k}), scale});
  if (causal) {
    const std::string place = positions(l);
    const std::string query = l.node("Unsqueeze", {place, l.b.integers({1})});
    const std::string seen = l.node("LessOrEqual", {place, query});
    scores = l.node("Where", {seen, scores, l.b.number(-HUGE_VAL)});
  }
  const std::string weights = l.node("Softmax", {scores}, {integer_of("axis", -1)});
  const std::string heads_first = l.node("MatMul", {weights, v});
  const std::string back = l.node("Transpose", {heads_first}, {integers_of("perm", {0, 2, 1, 3})});
  return {l.node("Reshape", {back, l.b.integers({0, 0, features})}), 3};
}

Value causal_attention(const Layer& l) {
  const auto& m = l.as<nn::CausalSelfAttention>();
  const Value qkv = l.child("c_attn", l.x);
  return l.child("c_proj", attend(l, qkv.name, m.heads(), m.c_proj.weight.size(1), true));
}

// (t, n, c) to (n, t, c), and back.
Value turned(const Layer& l, const Value& x, bool turn) {
  if (!turn) return x;
  return {l.node("Transpose", {x.name}, {integers_of("perm", {1, 0, 2})}), 3};
}

Value multihead_attention(const Layer& l) {  // every position attends to every one
  const auto& m = l.as<nn::MultiheadAttention>();
  const bool turn = !m.options().batch_first;
  const std::string weight = l.b.weight(m.in_proj_weight, l.at("in_proj_weight"));
  const std::string transposed = l.node("Transpose", {weight}, {integers_of("perm", {1, 0})});
  std::string qkv = l.node("MatMul", {turned(l, l.x, turn).name, transposed});
  if (m.in_proj_bias.defined())
    qkv = l.node("Add", {qkv, l.b.weight(m.in_proj_bias, l.at("in_proj_bias"))});
  const Value y = attend(l, qkv, m.heads(), m.in_proj_weight.size(1), false);
  return turned(l, l.child("out_proj", y), turn);
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

// ---- recurrent

// One operator of ONNX's, and the order in which its gates are ours.
struct Cell {
  const char* op;
  std::vector<size_t> gates;
  std::vector<Attribute> attributes;
};

Cell cell_of(const Layer& l) {
  const std::string kind = l.m.kind();
  if (kind == "LSTM") return {"LSTM", {0, 3, 1, 2}, {}};                                 // i o f g
  if (kind == "GRU") return {"GRU", {1, 0, 2}, {integer_of("linear_before_reset", 1)}};  // z r n
  const bool relu = l.as<nn::RNN>().nonlinearity() == nn::RNN::Nonlinearity::kRelu;
  const size_t directions = l.as<nn::Recurrent>().options().bidirectional ? 2 : 1;
  const std::vector<std::string> names(directions, relu ? "Relu" : "Tanh");
  return {"RNN", {0}, {texts_of("activations", names)}};
}

// Rows of gates in another order.
Tensor reordered(const Tensor& rows, const Cell& cell) {
  const int64_t each = rows.size(0) / static_cast<int64_t>(cell.gates.size());
  std::vector<Tensor> parts;
  for (const size_t gate : cell.gates)
    parts.push_back(rows.narrow(0, static_cast<int64_t>(gate) * each, each));
  return cat(parts, 0);
}

// The parameters of one layer, (directions, ...): ONNX keeps a layer's directions together.
std::string stacked(const Layer& l, const Cell& cell, const std::vector<std::string>& names,
                    int64_t layer, const std::string& as) {
  const auto parameters = l.m.named_parameters();
  std::vector<Tensor> directions;
  const bool both = l.as<nn::Recurrent>().options().bidirectional;
  for (const char* suffix : {"", "_reverse"}) {
    if (*suffix && !both) continue;
    std::vector<Tensor> parts;
    for (const std::string& name : names)
      for (const auto& [parameter_name, p] : parameters)
        if (parameter_name == format_text("{}_l{}{}", name, layer, suffix))
          parts.push_back(reordered(p.detach(), cell));
    directions.push_back(cat(parts, 0));
  }
  return l.b.made_weight(stack(directions, 0), format_text("{}_l{}", l.at(as), layer));
}

Value recurrent(const Layer& l) {
  const auto& m = l.as<nn::Recurrent>();
  const nn::RecurrentOptions& o = m.options();
  Cell cell = cell_of(l);
  cell.attributes.push_back(integer_of("hidden_size", m.hidden_size()));
  cell.attributes.push_back(text_of("direction", o.bidirectional ? "bidirectional" : "forward"));
  Value x = turned(l, l.x, o.batch_first);  // ONNX's are (t, n, c)
  for (int64_t layer = 0; layer < o.num_layers; ++layer) {
    std::vector<std::string> inputs = {x.name, stacked(l, cell, {"weight_ih"}, layer, "W"),
                                       stacked(l, cell, {"weight_hh"}, layer, "R")};
    if (o.bias) inputs.push_back(stacked(l, cell, {"bias_ih", "bias_hh"}, layer, "B"));
    const std::string y = l.node(cell.op, inputs, cell.attributes);  // (t, directions, n, hidden)
    const std::string beside = l.node("Transpose", {y}, {integers_of("perm", {0, 2, 1, 3})});
    x = {l.node("Reshape", {beside, l.b.integers({0, 0, -1})}), 3};
  }
  return turned(l, x, o.batch_first);
}

constexpr LayerRow kRows[] = {
    {"CausalSelfAttention", causal_attention},
    {"MultiheadAttention", multihead_attention},
    {"FeedForward", feed_forward},
    {"TransformerBlock", transformer_block},
    {"Decoder", decoder},
    {"Gpt", gpt},
    {"RNN", recurrent},
    {"LSTM", recurrent},
    {"GRU", recurrent},
};

}  // namespace

std::span<const LayerRow> sequence_layers() {
  return kRows;
}

}  // namespace tinytorch::onnx
