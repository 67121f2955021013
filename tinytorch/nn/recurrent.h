#pragma once
// Recurrent layers over sequences, with PyTorch's names (weight_ih_l0, bias_hh_l1_reverse, ...),
// order of gates and starting values, U(-b, b) with b = 1 / sqrt(hidden_size).
#include <string>
#include <vector>

#include "tinytorch/nn/module.h"

namespace tinytorch::nn {

struct RecurrentOptions {
  int64_t num_layers = 1;
  bool bias = true;
  bool batch_first = false;  // (n, t, input) instead of (t, n, input); states are not affected
  double dropout = 0;        // behind every layer but the last, in training
  bool bidirectional = false;
};
// States are (num_layers * directions, n, hidden), a layer's backward direction behind its forward
// one. An undefined state is zeros.
struct RecurrentState {
  Tensor h, c;  // c: LSTM only
};
struct RecurrentResult {
  Tensor output;  // (t, n, directions * hidden): the last layer's h at each time
  RecurrentState state;
};

// What the three layers share: everything but a step of one cell.
class Recurrent : public Module {
 public:
  // The outputs, from a state of zeros.
  Tensor forward(const Tensor& x) override { return run(x).output; }
  // Outputs and the states after the last time. ShapeError for an input that is not 3-d or whose
  // last size is not input_size, and for a state of another shape.
  RecurrentResult run(const Tensor& x, const RecurrentState& state = {});
  std::string describe() const override;
  int64_t hidden_size() const { return hidden_; }
  const RecurrentOptions& options() const { return options_; }

 protected:
  // `gates`: rows of the weights by hidden_size.
  Recurrent(int64_t input_size, int64_t hidden_size, int64_t gates,
            const RecurrentOptions& options);
  // One time of a cell: input_gates (n, gates * hidden) is x W_ih^T + b_ih, hidden_gates
  // h W_hh^T + b_hh. Gives h, and c where there is one.
  virtual RecurrentState step(const Tensor& input_gates, const Tensor& hidden_gates,
                              const RecurrentState& before) const = 0;
  virtual bool has_cell() const { return false; }

 private:
  struct Cell {
    Tensor w_ih, w_hh, b_ih, b_hh;
  };
  RecurrentState run_cell(const Cell& cell, const Tensor& x, RecurrentState state, bool backwards,
                          Tensor& outputs) const;
  Tensor state_of(const Tensor& given, const Tensor& x, const char* name) const;
  int64_t input_, hidden_;
  RecurrentOptions options_;
  std::vector<Cell> cells_;  // by layer, then direction
};

// h' = tanh(x W_ih^T + b_ih + h W_hh^T + b_hh), or ReLU of it. Elman 1990.
class RNN : public Recurrent {
 public:
  enum class Nonlinearity : uint8_t { kTanh, kRelu };
  RNN(int64_t input_size, int64_t hidden_size, const RecurrentOptions& options = {},
      Nonlinearity nonlinearity = Nonlinearity::kTanh);
  const char* kind() const override { return "RNN"; }
  Nonlinearity nonlinearity() const { return nonlinearity_; }

 private:
  RecurrentState step(const Tensor& input_gates, const Tensor& hidden_gates,
                      const RecurrentState& before) const override;
  Nonlinearity nonlinearity_;
};

// c' = f c + i g, h' = o tanh(c') with gates i, f, o = sigmoid and g = tanh of
// x W_ih^T + b_ih + h W_hh^T + b_hh, in the order i, f, g, o. Hochreiter and Schmidhuber 1997.
class LSTM : public Recurrent {
 public:
  LSTM(int64_t input_size, int64_t hidden_size, const RecurrentOptions& options = {});
  const char* kind() const override { return "LSTM"; }

 private:
  RecurrentState step(const Tensor& input_gates, const Tensor& hidden_gates,
                      const RecurrentState& before) const override;
  bool has_cell() const override { return true; }
};

// h' = (1 - z) n + z h with r, z = sigmoid of the sums of gates and
// n = tanh(x W_in^T + b_in + r (h W_hn^T + b_hn)), in the order r, z, n. Cho et al. 2014.
class GRU : public Recurrent {
 public:
  GRU(int64_t input_size, int64_t hidden_size, const RecurrentOptions& options = {});
  const char* kind() const override { return "GRU"; }

 private:
  RecurrentState step(const Tensor& input_gates, const Tensor& hidden_gates,
                      const RecurrentState& before) const override;
};

}  // namespace tinytorch::nn
