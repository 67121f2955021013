// Layers against PyTorch: the same parameters give the same outputs, states, buffers and gradients,
// under PyTorch's names. Numbers are drawn on both sides: tests/golden/golden_layers.py.
#include <gtest/gtest.h>

#include <cctype>
#include <cmath>
#include <functional>

#include "tests/unit/golden/drawn.h"
#include "tinytorch/core/autograd.h"
#include "tinytorch/core/random.h"
#include "tinytorch/data/safetensors.h"
#include "tinytorch/nn/multihead_attention.h"
#include "tinytorch/nn/normalization.h"
#include "tinytorch/nn/recurrent.h"
#include "tinytorch/nn/transposed_conv.h"

namespace tinytorch {
namespace {

using Tensors = std::vector<Tensor>;
using LayerPtr = std::shared_ptr<nn::Module>;

struct Case {
  std::string name;
  LayerPtr layer;
  std::vector<Shape> inputs;
  std::function<Tensors(nn::Module&, const Tensors&)> run;
};

Tensors alone(nn::Module& layer, const Tensors& x) {
  return {layer(x[0])};
}
// With the states x[1] and x[2], where they are given.
Tensors recurrent(nn::Module& layer, const Tensors& x) {
  const nn::RecurrentState start{x.size() > 1 ? x[1] : Tensor(), x.size() > 2 ? x[2] : Tensor()};
  const nn::RecurrentResult r = dynamic_cast<nn::Recurrent&>(layer).run(x[0], start);
  if (r.state.c.defined()) return {r.output, r.state.h, r.state.c};
  return {r.output, r.state.h};
}
Tensor attend(nn::Module& layer, const Tensors& x, const Tensor& padding, const Tensor& mask) {
  return dynamic_cast<nn::MultiheadAttention&>(layer).forward(x[0], x[1], x[1], padding, mask);
}
// True from column row + first on.
Tensor later(int64_t rows, int64_t cols, int64_t first) {
  Tensor m = zeros({rows, cols}, DType::kBool);
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = i + first; j < cols; ++j) m.data<bool>()[i * cols + j] = true;
  return m;
}

template <class Options>
Options with(const std::function<void(Options&)>& change) {
  Options o;
  change(o);
  return o;
}

std::vector<Case> cases() {
  using nn::RecurrentOptions;
  const auto conv = with<nn::Conv1d::Options>([](auto& o) { o = {2, 1, 1, 2, true}; });
  const auto transposed =
      with<nn::ConvTranspose2d::Options>([](auto& o) { o = {2, 1, 1, 1, true, 1}; });
  const auto rows = with<nn::MultiheadAttention::Options>([](auto& o) { o.batch_first = true; });
  const auto plain = with<nn::MultiheadAttention::Options>([](auto& o) { o.bias = false; });
  RecurrentOptions two, no_bias, both, both_first;
  two.num_layers = 2;
  no_bias.bias = false;
  both.num_layers = 2, both.bidirectional = true;
  both_first = both, both_first.batch_first = true;
  RecurrentOptions relu = no_bias;
  relu.batch_first = true;
  return {
      {"conv1d", nn::make<nn::Conv1d>(4, 6, 3, conv), {{2, 4, 7}}, alone},
      {"conv_transpose2d",
       nn::make<nn::ConvTranspose2d>(3, 4, 3, transposed),
       {{2, 3, 3, 4}},
       alone},
      {"batch_norm1d rows", nn::make<nn::BatchNorm1d>(3), {{5, 3}}, alone},
      {"batch_norm1d sequences", nn::make<nn::BatchNorm1d>(3, 1e-3, 0.25), {{2, 3, 4}}, alone},
      {"group_norm", nn::make<nn::GroupNorm>(2, 4), {{2, 4, 3}}, alone},
      {"rms_norm", nn::make<nn::RMSNorm>(Shape{6}, 1e-5), {{2, 3, 6}}, alone},
      {"attention", nn::make<nn::MultiheadAttention>(6, 2), {{4, 2, 6}}, alone},
      {"attention padded",
       nn::make<nn::MultiheadAttention>(6, 3, rows),
       {{2, 3, 6}, {2, 5, 6}},
       [](nn::Module& m, const Tensors& x) {
         return Tensors{attend(m, x, later(2, 5, 2), later(3, 5, 3))};
       }},
      {"attention added",
       nn::make<nn::MultiheadAttention>(4, 2, plain),
       {{3, 2, 4}, {4, 2, 4}},
       [](nn::Module& m, const Tensors& x) {
         Tensor mask = empty({4, 3, 4}, DType::kF64);
         for (int64_t i = 0; i < 48; ++i) mask.data<double>()[i] = static_cast<double>(i % 5) / 4;
         return Tensors{attend(m, x, {}, mask.to(x[0].dtype()))};
       }},
      {"rnn", nn::make<nn::RNN>(3, 4, two), {{5, 2, 3}}, recurrent},
      {"rnn relu",
       nn::make<nn::RNN>(3, 4, relu, nn::RNN::Nonlinearity::kRelu),
       {{2, 4, 3}, {1, 2, 4}},
       recurrent},
      {"lstm", nn::make<nn::LSTM>(3, 4, both), {{4, 2, 3}, {4, 2, 4}, {4, 2, 4}}, recurrent},
      {"lstm alone", nn::make<nn::LSTM>(2, 3), {{3, 1, 2}}, recurrent},
      {"gru", nn::make<nn::GRU>(3, 4, both_first), {{2, 5, 3}, {4, 2, 4}}, recurrent},
      {"gru alone", nn::make<nn::GRU>(2, 3, no_bias), {{4, 2, 2}}, recurrent},
  };
}

const data::TensorFile& stored() {
  static const data::TensorFile file =
      data::read_safetensors(TINYTORCH_SOURCE_DIR "/tests/golden/layers.safetensors");
  return file;
}

void expect_golden(const std::string& key, const Tensor& ours, double tolerance) {
  const Tensor* reference = stored().find(key);
  ASSERT_NE(reference, nullptr) << key << ": run tests/golden/make_golden.py layers";
  ASSERT_TRUE(ours.defined()) << key;
  ASSERT_EQ(ours.shape(), reference->shape()) << key;
  const Tensor a = ours.detach().to(DType::kF64).contiguous();
  double scale = 1;
  for (int64_t i = 0; i < a.numel(); ++i)
    scale = std::max(scale, std::abs(reference->data<double>()[i]));
  for (int64_t i = 0; i < a.numel(); ++i)
    ASSERT_NEAR(a.data<double>()[i], reference->data<double>()[i], tolerance * scale)
        << key << " at " << i;
}

void check(const Case& c, DType dtype) {
  const double tolerance = dtype == DType::kF64 ? 1e-12 : 2e-6;
  nn::Module& layer = *c.layer;
  layer.to(dtype);
  {
    const NoGrad no_grad;
    for (auto& [name, p] : layer.named_parameters()) {
      Tensor u = uniforms(c.name + "." + name, p.shape()) * 2.0 - 1.0;
      if (p.dim() > 1)
        u = u * std::sqrt(3.0 * static_cast<double>(p.shape()[0]) / static_cast<double>(p.numel()));
      else
        u = name.ends_with("weight") ? u * 0.2 + 1.0 : u * 0.1;
      Tensor(p).copy_(u);
    }
    for (auto& [name, b] : layer.named_buffers()) Tensor(b).fill_(name == "running_var" ? 1 : 0);
  }
  Tensors inputs;
  for (size_t i = 0; i < c.inputs.size(); ++i) {
    const Tensor u = uniforms(c.name + ".x" + std::to_string(i), c.inputs[i]);
    inputs.push_back((u * 4.0 - 2.0).to(dtype).set_requires_grad());
  }
  layer.zero_grad();
  layer.train();
  const Tensors outputs = c.run(layer, inputs);
  Tensor total = zeros({}, dtype);
  for (size_t i = 0; i < outputs.size(); ++i) {
    expect_golden(c.name + "|out" + std::to_string(i), outputs[i], tolerance);
    const Tensor g = uniforms(c.name + ".g" + std::to_string(i), outputs[i].shape());
    total = total + sum(outputs[i] * g.to(dtype));
  }
  total.backward();
  for (size_t i = 0; i < inputs.size(); ++i)
    expect_golden(c.name + "|x" + std::to_string(i), inputs[i].grad(), 10 * tolerance);
  for (auto& [name, p] : layer.named_parameters())
    expect_golden(c.name + "|" + name, p.grad(), 10 * tolerance);
  for (auto& [name, b] : layer.named_buffers()) expect_golden(c.name + "|" + name, b, tolerance);
  if (!stored().find(c.name + "|eval")) return;
  layer.eval();
  expect_golden(c.name + "|eval", layer(inputs[0]), tolerance);
}

TEST(GoldenLayers, OutputsAndGradientsEqualPyTorch) {
  manual_seed(1);
  size_t parameters = 0;
  for (const Case& c : cases()) {
    SCOPED_TRACE(c.name);
    for (const DType dtype : {DType::kF64, DType::kF32}) check(c, dtype);
    parameters +=
        c.layer->named_parameters().size() + c.layer->named_buffers().size() + c.inputs.size();
  }
  // every gradient and buffer that is stored has been asked for
  size_t expected = 0;
  for (const auto& [name, tensor] : stored().tensors) {
    const std::string what = name.substr(name.find('|') + 1);
    const bool output = what.rfind("out", 0) == 0 && std::isdigit(what[3]);
    expected += !output && what != "eval";
  }
  EXPECT_EQ(parameters, expected);
}

}  // namespace
}  // namespace tinytorch
