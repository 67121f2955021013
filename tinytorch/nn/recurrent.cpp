#include "tinytorch/nn/recurrent.h"

#include <cmath>

#include "tinytorch/core/format.h"
#include "tinytorch/nn/init.h"
#include "tinytorch/ops/ops.h"

namespace tinytorch::nn {

Recurrent::Recurrent(int64_t input_size, int64_t hidden_size, int64_t gates,
                     const RecurrentOptions& options)
    : input_(input_size), hidden_(hidden_size), options_(options) {
  if (input_size < 1 || hidden_size < 1 || options.num_layers < 1)
    raise<ConfigError>(
        "a recurrent layer's input_size {}, hidden_size {} and num_layers {} must be "
        "positive.",
        input_size, hidden_size, options.num_layers);
  if (!(options.dropout >= 0 && options.dropout <= 1))
    raise<ConfigError>("a recurrent layer's dropout {} is no probability.", options.dropout);
  const int64_t directions = options.bidirectional ? 2 : 1, rows = gates * hidden_size;
  const double bound = 1 / std::sqrt(static_cast<double>(hidden_size));
  for (int64_t layer = 0; layer < options.num_layers; ++layer)
    for (int64_t direction = 0; direction < directions; ++direction) {
      const auto parameter = [&](const char* name, const Shape& shape) {
        const Tensor p = register_parameter(
            format_text("{}_l{}{}", name, layer, direction ? "_reverse" : ""), empty(shape));
        init::uniform_(p, -bound, bound);
        return p;
      };
      Cell cell;
      cell.w_ih = parameter("weight_ih", {rows, layer ? directions * hidden_size : input_size});
      cell.w_hh = parameter("weight_hh", {rows, hidden_size});
      if (options.bias) {
        cell.b_ih = parameter("bias_ih", {rows});
        cell.b_hh = parameter("bias_hh", {rows});
      }
      cells_.push_back(cell);
    }
}

// The state that was given, or zeros. x is (t, n, input).
Tensor Recurrent::state_of(const Tensor& given, const Tensor& x, const char* name) const {
  const Shape shape = {static_cast<int64_t>(cells_.size()), x.size(1), hidden_};
  if (!given.defined()) return zeros(shape, x.dtype());
  if (given.shape() != shape)
    raise<ShapeError>("{}: the state {} has shape {}, expected {}.", kind(), name,
                      given.shape().str(), shape.str());
  return given;
}

// x (t, n, features); outputs becomes (t, n, hidden).
RecurrentState Recurrent::run_cell(const Cell& cell, const Tensor& x, RecurrentState state,
                                   bool backwards, Tensor& outputs) const {
  const int64_t times = x.size(0);
  const Tensor gates = linear(x, cell.w_ih, cell.b_ih);  // of all times at once
  std::vector<Tensor> each(static_cast<size_t>(times));
  for (int64_t i = 0; i < times; ++i) {
    const int64_t t = backwards ? times - 1 - i : i;
    state = step(gates.select(0, t), linear(state.h, cell.w_hh, cell.b_hh), state);
    each[static_cast<size_t>(t)] = state.h;
  }
  outputs = stack(each, 0);
  return state;
}

RecurrentResult Recurrent::run(const Tensor& input, const RecurrentState& given) {
  if (input.dim() != 3 || input.size(2) != input_ || input.size(options_.batch_first ? 1 : 0) == 0)
    raise<ShapeError>("{}: input {} must be {}, with at least one time.", kind(),
                      input.shape().str(),
                      format_text("({}, {})", options_.batch_first ? "n, t" : "t, n", input_));
  if (given.c.defined() && !has_cell()) raise<ShapeError>("{}: it has no cell state c.", kind());
  Tensor x = options_.batch_first ? input.transpose(0, 1) : input;
  const Tensor h = state_of(given.h, x, "h");
  const Tensor c = has_cell() ? state_of(given.c, x, "c") : Tensor();
  const size_t directions = options_.bidirectional ? 2 : 1;
  std::vector<Tensor> last_h, last_c;
  for (size_t i = 0; i < cells_.size(); i += directions) {
    Tensor outputs[2];
    for (size_t d = 0; d < directions; ++d) {
      const auto place = static_cast<int64_t>(i + d);
      RecurrentState start{h.select(0, place), c.defined() ? c.select(0, place) : Tensor()};
      const RecurrentState end = run_cell(cells_[i + d], x, std::move(start), d == 1, outputs[d]);
      last_h.push_back(end.h);
      if (c.defined()) last_c.push_back(end.c);
    }
    x = directions == 2 ? cat({outputs[0], outputs[1]}, 2) : outputs[0];
    if (i + directions < cells_.size()) x = dropout(x, options_.dropout, training());
  }
  return {options_.batch_first ? x.transpose(0, 1) : x,
          {stack(last_h, 0), c.defined() ? stack(last_c, 0) : Tensor()}};
}

std::string Recurrent::describe() const {
  return format_text("{} -> {}, {} layer{}{}", input_, hidden_, options_.num_layers,
                     options_.num_layers > 1 ? "s" : "",
                     options_.bidirectional ? ", both directions" : "");
}

RNN::RNN(int64_t input_size, int64_t hidden_size, const RecurrentOptions& options,
         Nonlinearity nonlinearity)
    : Recurrent(input_size, hidden_size, 1, options), nonlinearity_(nonlinearity) {}

RecurrentState RNN::step(const Tensor& input_gates, const Tensor& hidden_gates,
                         const RecurrentState&) const {
  const Tensor sum = input_gates + hidden_gates;
  return {nonlinearity_ == Nonlinearity::kTanh ? tanh(sum) : relu(sum), {}};
}

LSTM::LSTM(int64_t input_size, int64_t hidden_size, const RecurrentOptions& options)
    : Recurrent(input_size, hidden_size, 4, options) {}

RecurrentState LSTM::step(const Tensor& input_gates, const Tensor& hidden_gates,
                          const RecurrentState& before) const {
  const std::vector<Tensor> g = split(input_gates + hidden_gates, hidden_size(), 1);
  const Tensor c = sigmoid(g[1]) * before.c + sigmoid(g[0]) * tanh(g[2]);
  return {sigmoid(g[3]) * tanh(c), c};
}

GRU::GRU(int64_t input_size, int64_t hidden_size, const RecurrentOptions& options)
    : Recurrent(input_size, hidden_size, 3, options) {}

RecurrentState GRU::step(const Tensor& input_gates, const Tensor& hidden_gates,
                         const RecurrentState& before) const {
  const std::vector<Tensor> x = split(input_gates, hidden_size(), 1),
                            h = split(hidden_gates, hidden_size(), 1);
  const Tensor z = sigmoid(x[1] + h[1]), n = tanh(x[2] + sigmoid(x[0] + h[0]) * h[2]);
  return {n + z * (before.h - n), {}};
}

}  // namespace tinytorch::nn
