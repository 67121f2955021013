// LSTM, GRU and RNN: one or two directions over sequences. Weights of a direction are rows of
// gates: W (gates h, in) and R (gates h, h); B holds what is added to both, 2 gates h.
#include "tinytorch/onnx/node.h"
#include "tinytorch/ops/math.h"
#include "tinytorch/ops/ops.h"

namespace tinytorch::onnx {

namespace {

using Activation = Tensor (*)(const Tensor&);

Activation activation_of(const std::string& name) {
  if (name == "Sigmoid") return [](const Tensor& x) { return sigmoid(x); };
  if (name == "Tanh") return [](const Tensor& x) { return tanh(x); };
  if (name == "Relu") return [](const Tensor& x) { return relu(x); };
  raise<Unsupported>("activation {}: we have Sigmoid, Tanh and Relu", name);
}

struct State {
  Tensor h, c;  // (n, h); c: LSTM only
};

// What a step of a cell needs. `x` is x W^T + its bias, `h` the state before it.
struct Cell {
  Tensor r, r_bias;     // r_bias: undefined for none
  Tensor peepholes[3];  // of LSTM's i, o, f; undefined for none
  std::vector<Activation> f;
  double clip = 0;
  bool linear_before_reset = false;

  Tensor apply(size_t i, const Tensor& x) const {
    return f[i](clip > 0 ? clamp(x, -clip, clip) : x);
  }
  Tensor recurrent(const Tensor& h) const { return linear(h, r, r_bias); }
};
using Step = State (*)(const Cell&, const Tensor& x, const State&);

State rnn_step(const Cell& cell, const Tensor& x, const State& before) {
  return {cell.apply(0, x + cell.recurrent(before.h)), {}};
}

// Gates i, o, f, c; a peephole lets a gate see the cell's state.
State lstm_step(const Cell& cell, const Tensor& x, const State& before) {
  const Tensor sum = x + cell.recurrent(before.h);
  const auto g = split(sum, sum.size(1) / 4, 1);
  const auto seen = [&](int i, const Tensor& c) {
    const auto at = static_cast<size_t>(i);
    return cell.peepholes[i].defined() ? g[at] + cell.peepholes[i] * c : g[at];
  };
  const Tensor input = cell.apply(0, seen(0, before.c)), forget = cell.apply(0, seen(2, before.c));
  const Tensor c = forget * before.c + input * cell.apply(1, g[3]);
  return {cell.apply(0, seen(1, c)) * cell.apply(2, c), c};
}

// Gates z, r, h. The reset gate takes h before its product, or the product (linear_before_reset).
State gru_step(const Cell& cell, const Tensor& x, const State& before) {
  const int64_t hidden = before.h.size(1);
  const auto g = split(x, hidden, 1);
  Tensor of_h;
  std::vector<Tensor> h = split(cell.recurrent(before.h), hidden, 1);
  const Tensor z = cell.apply(0, g[0] + h[0]), reset = cell.apply(0, g[1] + h[1]);
  if (cell.linear_before_reset)
    of_h = reset * h[2];
  else
    of_h = linear(reset * before.h, cell.r.narrow(0, 2 * hidden, hidden),
                  cell.r_bias.defined() ? cell.r_bias.narrow(0, 2 * hidden, hidden) : Tensor());
  const Tensor next = cell.apply(1, g[2] + of_h);
  return {next + z * (before.h - next), {}};
}

struct Kind {
  int64_t gates;
  bool has_cell;
  std::vector<std::string> activations;  // of one direction
  Step step;
};

struct Sizes {
  int64_t times, batch, in, hidden, directions;
};

void require_shape(const char* name, const Tensor& x, const Shape& shape) {
  if (x.defined() && x.shape() != shape)
    raise<ShapeError>("{} {} must be {}", name, x.shape().str(), shape.str());
}

// x (t, n, in) of one direction to outputs (t, n, h) and the state after the last time. Times
// beyond a sequence's length leave its state and give zeros.
State run_direction(const Cell& cell, const Kind& kind, const Tensor& gates, State state,
                    bool backwards, const Tensor& lengths, Tensor& outputs) {
  const int64_t times = gates.size(0);
  std::vector<Tensor> each(static_cast<size_t>(times));
  for (int64_t i = 0; i < times; ++i) {
    const int64_t t = backwards ? times - 1 - i : i;
    State next = kind.step(cell, gates.select(0, t), state);
    Tensor y = next.h;
    if (lengths.defined()) {
      const Tensor inside = gt(lengths, t).reshape({lengths.numel(), 1});
      y = where(inside, next.h, zeros(next.h.shape(), next.h.dtype()));
      next.h = where(inside, next.h, state.h);
      if (kind.has_cell) next.c = where(inside, next.c, state.c);
    }
    state = std::move(next);
    each[static_cast<size_t>(t)] = y;
  }
  outputs = stack(each, 0);
  return state;
}

// The cell of one direction, and x's part of its gates at all times.
Cell cell_of(const Node& n, const Kind& kind, const Sizes& s, int64_t direction) {
  Cell cell;
  cell.r = n.in(2).select(0, direction);
  cell.clip = n.real("clip", 0);
  cell.linear_before_reset = n.integer("linear_before_reset", 0) != 0;
  if (n.has(3))
    cell.r_bias =
        n.in(3).select(0, direction).narrow(0, kind.gates * s.hidden, kind.gates * s.hidden);
  if (kind.has_cell && n.has(7)) {
    require_shape("P", n.in(7), {s.directions, 3 * s.hidden});
    for (int i = 0; i < 3; ++i)
      cell.peepholes[i] = n.in(7).select(0, direction).narrow(0, i * s.hidden, s.hidden);
  }
  std::vector<std::string> names = n.texts("activations");
  const size_t count = kind.activations.size();
  if (names.empty())
    for (int64_t d = 0; d < s.directions; ++d)
      names.insert(names.end(), kind.activations.begin(), kind.activations.end());
  if (names.size() != count * static_cast<size_t>(s.directions))
    raise<IoError>("activations [{}]: {} a direction are needed", joined(names), count);
  for (size_t i = 0; i < count; ++i)
    cell.f.push_back(activation_of(names[static_cast<size_t>(direction) * count + i]));
  return cell;
}

Sizes sizes_of(const Node& n, const Kind& kind, const Tensor& x, const std::string& direction) {
  const Tensor &w = n.in(1), &r = n.in(2);
  if (x.dim() != 3 || w.dim() != 3 || r.dim() != 3 || x.size(0) < 1)
    raise<ShapeError>("X {}, W {} and R {} must have three dimensions, X at least one time",
                      x.shape().str(), w.shape().str(), r.shape().str());
  const Sizes s{x.size(0), x.size(1), x.size(2), r.size(2), direction == "bidirectional" ? 2 : 1};
  require_shape("W", w, {s.directions, kind.gates * s.hidden, s.in});
  require_shape("R", r, {s.directions, kind.gates * s.hidden, s.hidden});
  require_shape("B", n.maybe(3), {s.directions, 2 * kind.gates * s.hidden});
  if (s.hidden < 1 || n.integer("hidden_size", s.hidden) != s.hidden)
    raise<IoError>("hidden_size {} does not fit R {}", n.integer("hidden_size", s.hidden),
                   r.shape().str());
  return s;
}

// layout 1 has the batch first, in X, Y and the states.
Tensors run_layer(const Node& n, const Kind& kind) {
  const bool batch_first = n.integer("layout", 0) != 0;
  const auto turned = [&](const Tensor& t) {
    return batch_first && t.defined() ? t.transpose(0, 1) : t;
  };
  const Tensor x = turned(n.in(0));
  const std::string direction = n.text("direction", "forward");
  if (direction != "forward" && direction != "reverse" && direction != "bidirectional")
    raise<IoError>("direction '{}' is none of forward, reverse, bidirectional", direction);
  const Sizes s = sizes_of(n, kind, x, direction);
  const Shape states = {s.directions, s.batch, s.hidden};
  const Tensor h = turned(n.maybe(5)), c = kind.has_cell ? turned(n.maybe(6)) : Tensor();
  require_shape("initial_h", h, states);
  require_shape("initial_c", c, states);
  require_shape("sequence_lens", n.maybe(4), {s.batch});
  if (n.integer("input_forget", 0)) raise<Unsupported>("input_forget: we do not have it");

  std::vector<Tensor> outputs, last_h, last_c;
  for (int64_t d = 0; d < s.directions; ++d) {
    const Cell cell = cell_of(n, kind, s, d);
    const Tensor bias =
        n.has(3) ? n.in(3).select(0, d).narrow(0, 0, kind.gates * s.hidden) : Tensor();
    const Tensor gates = linear(x, n.in(1).select(0, d), bias);
    const Tensor none = zeros({s.batch, s.hidden}, x.dtype());
    State state{h.defined() ? h.select(0, d) : none, !kind.has_cell ? Tensor()
                                                     : c.defined()  ? c.select(0, d)
                                                                    : none};
    Tensor y;
    state =
        run_direction(cell, kind, gates, state, direction == "reverse" || d == 1, n.maybe(4), y);
    outputs.push_back(y);
    last_h.push_back(state.h);
    last_c.push_back(state.c);
  }
  // Y (t, directions, n, h), or with layout 1 (n, t, directions, h)
  const Tensor y = batch_first ? permuted(stack(outputs, 1), {2, 0, 1, 3}) : stack(outputs, 1);
  Tensors out{y, turned(stack(last_h, 0))};
  if (kind.has_cell) out.push_back(turned(stack(last_c, 0)));
  return out;
}

Tensors rnn(const Node& n) {
  return run_layer(n, {1, false, {"Tanh"}, rnn_step});
}
Tensors lstm(const Node& n) {
  return run_layer(n, {4, true, {"Sigmoid", "Tanh", "Tanh"}, lstm_step});
}
Tensors gru(const Node& n) {
  return run_layer(n, {3, false, {"Sigmoid", "Tanh"}, gru_step});
}

const OpRow kRows[] = {
    {"RNN", 7, rnn},
    {"LSTM", 7, lstm},
    {"GRU", 7, gru},
};

}  // namespace

std::span<const OpRow> recurrent_rows() {
  return kRows;
}

}  // namespace tinytorch::onnx
