// Networks go out as files of ONNX and come back with the same results.
#include "tinytorch/onnx/export.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "tinytorch/core/autograd.h"
#include "tinytorch/core/random.h"
#include "tinytorch/nn/activation.h"
#include "tinytorch/nn/attention.h"
#include "tinytorch/nn/conv.h"
#include "tinytorch/nn/linear.h"
#include "tinytorch/nn/models.h"
#include "tinytorch/nn/multihead_attention.h"
#include "tinytorch/nn/norm.h"
#include "tinytorch/nn/normalization.h"
#include "tinytorch/nn/recurrent.h"
#include "tinytorch/nn/transposed_conv.h"
#include "tinytorch/onnx/model.h"

namespace tinytorch {
namespace {

std::string file() {
  return (std::filesystem::path(testing::TempDir()) / "export_test.onnx").string();
}

// Weights, running statistics included, with nothing at its neutral value.
void stir(nn::Module& model) {
  Generator g(11);
  const NoGrad no_grad;
  for (auto& [name, tensor] : model.state_dict()) {
    if (!is_floating(tensor.dtype())) continue;
    const double inputs = static_cast<double>(tensor.numel()) / static_cast<double>(tensor.size(0));
    Tensor values = randn(tensor.shape(), tensor.dtype(), &g) * (0.7 / std::sqrt(inputs));
    if (name.ends_with("running_var")) values = square(values) + 1;
    if (name.ends_with("weight") && tensor.dim() == 1) values = values * 0.2 + 1;
    tensor.copy_(values);
  }
}

double difference(const Tensor& a, const Tensor& b) {
  EXPECT_EQ(a.shape(), b.shape());
  double most = 0;
  const auto va = to_vector<double>(a.to(DType::kF64)), vb = to_vector<double>(b.to(DType::kF64));
  for (size_t i = 0; i < va.size(); ++i) most = std::max(most, std::abs(va[i] - vb[i]));
  return most;
}

// Out and back; another batch than the exporter's own check takes, and more tokens.
void expect_round_trip(nn::Module& model, const onnx::ExportInput& input, const Tensor& x) {
  stir(model);
  model.train();
  const onnx::ExportReport report = onnx::export_model(model, input, file());
  EXPECT_TRUE(model.training());
  EXPECT_EQ(static_cast<uintmax_t>(report.bytes), std::filesystem::file_size(file()));
  model.eval();
  const NoGrad no_grad;
  const Tensor expected = model(x);
  EXPECT_GT(difference(expected, zeros(expected.shape())), 0.05);
  EXPECT_LT(difference(onnx::Model::load(file())->forward(x), expected), 1e-5);
}

nn::ModelSpec spec(const char* name) {
  nn::ModelSpec s;
  s.name = name;
  s.layers = {12, 7, 5};
  s.in_channels = 3, s.image_size = 8, s.num_classes = 5;
  s.n_layer = 2, s.n_head = 2, s.n_embd = 8, s.block_size = 6, s.vocab_size = 9;
  return s;
}

TEST(OnnxExport, mlp) {
  expect_round_trip(*nn::make_model(spec("mlp")), {"input", DType::kF32, {12}}, randn({3, 12}));
  expect_round_trip(*nn::make_model(spec("mlp")), {"input", DType::kF32, {3, 4}}, randn({3, 3, 4}));
}

TEST(OnnxExport, cnn) {
  expect_round_trip(*nn::make_model(spec("cnn")), {"input", DType::kF32, {3, 8, 8}},
                    randn({3, 3, 8, 8}));
}

TEST(OnnxExport, resnet20) {
  expect_round_trip(*nn::make_model(spec("resnet20")), {"input", DType::kF32, {3, 8, 8}},
                    randn({3, 3, 8, 8}));
}

TEST(OnnxExport, gpt_of_any_length) {
  Generator g(3);
  expect_round_trip(*nn::make_model(spec("gpt")), {"tokens", DType::kI64, {-1}},
                    randint(0, 9, {3, 6}, &g));
}

TEST(OnnxExport, stacks_of_layers) {
  using namespace nn;
  Conv2d::Options o;
  o.stride = 2, o.padding = 1, o.groups = 2, o.bias = false;
  Sequential net{make<Conv2d>(4, 6, 3, o),
                 make<SiLU>(),
                 make<AvgPool2d>(3, 1, 1),
                 make<GELU>(GeluForm::kTanh),
                 make<Dropout>(0.9),
                 make<MaxPool2d>(2),
                 make<Flatten>(2),
                 make<Linear>(4, 8),
                 make<LayerNorm>(Shape{8}),
                 make<GELU>(),
                 make<Flatten>(),
                 make<Linear>(48, 3, false),
                 make<Tanh>(),
                 make<Sigmoid>(),
                 make<Identity>(),
                 make<Softmax>(1)};
  expect_round_trip(net, {"input", DType::kF32, {4, 8, 8}}, randn({5, 4, 8, 8}));
}

TEST(OnnxExport, activations) {
  using namespace nn;
  Sequential net{make<Linear>(6, 6), make<BatchNorm1d>(6), make<LeakyReLU>(0.2),
                 make<Linear>(6, 6), make<ELU>(0.7),       make<Linear>(6, 6),
                 make<SELU>(),       make<Linear>(6, 6),   make<Hardsigmoid>(),
                 make<Linear>(6, 6), make<Hardswish>(),    make<Linear>(6, 6),
                 make<Mish>(),       make<Linear>(6, 6),   make<LogSoftmax>(1)};
  expect_round_trip(net, {"input", DType::kF32, {6}}, randn({5, 6}));
}

TEST(OnnxExport, norms) {
  using namespace nn;
  Sequential images{make<Conv2d>(3, 6, 1), make<GroupNorm>(2, 6), make<ReLU>(),
                    make<GroupNorm>(3, 6, 1e-3, false), make<RMSNorm>(Shape{4, 5})};
  expect_round_trip(images, {"input", DType::kF32, {3, 4, 5}}, randn({3, 3, 4, 5}));
  Sequential rows{make<Linear>(6, 8), make<GroupNorm>(4, 8), make<RMSNorm>(Shape{8}, 0.1),
                  make<Softplus>(),   make<Linear>(8, 8),    make<Softplus>(2.5, 0.7)};
  expect_round_trip(rows, {"input", DType::kF32, {6}}, randn({5, 6}));
}

TEST(OnnxExport, convolutions) {
  using namespace nn;
  Conv1d::Options narrow;
  narrow.stride = 2, narrow.padding = 1, narrow.dilation = 2, narrow.groups = 2;
  Sequential sequences{make<Conv1d>(4, 6, 3, narrow), make<Conv1d>(6, 3, 1)};
  expect_round_trip(sequences, {"input", DType::kF32, {4, 11}}, randn({3, 4, 11}));
  ConvTranspose2d::Options wide;
  wide.stride = 2, wide.padding = 1, wide.output_padding = 1, wide.groups = 2;
  ConvTranspose2d::Options dilated;
  dilated.dilation = 2, dilated.bias = false;
  Sequential images{make<ConvTranspose2d>(4, 6, 3, wide), make<ConvTranspose2d>(6, 2, 2, dilated),
                    make<AdaptiveAvgPool2d>(1)};
  expect_round_trip(images, {"input", DType::kF32, {4, 3, 5}}, randn({3, 4, 3, 5}));
}

TEST(OnnxExport, recurrent_layers_of_any_length) {
  using namespace nn;
  RecurrentOptions o;
  const auto both_ways = [&] {
    Sequential net{make<LSTM>(3, 4, o), make<GRU>(o.bidirectional ? 8 : 4, 5, o),
                   make<RNN>(o.bidirectional ? 10 : 5, 2, o),
                   make<RNN>(o.bidirectional ? 4 : 2, 3, o, RNN::Nonlinearity::kRelu),
                   make<Linear>(o.bidirectional ? 6 : 3, 2)};
    expect_round_trip(net, {"input", DType::kF32, {-1, 3}}, randn({3, 5, 3}));
  };
  both_ways();
  o.num_layers = 2, o.batch_first = true;
  both_ways();
  o.bidirectional = true, o.bias = false;
  both_ways();
}

TEST(OnnxExport, multihead_attention_of_any_length) {
  using namespace nn;
  MultiheadAttention::Options o;
  Sequential turned{make<MultiheadAttention>(6, 2, o)};
  expect_round_trip(turned, {"input", DType::kF32, {-1, 6}}, randn({3, 5, 6}));
  o.batch_first = true, o.bias = false;
  Sequential net{make<Embedding>(9, 6), make<MultiheadAttention>(6, 3, o)};
  Generator g(3);
  expect_round_trip(net, {"tokens", DType::kI64, {-1}}, randint(0, 9, {3, 7}, &g));
}

TEST(OnnxExport, an_open_length_is_one_that_the_layers_leave_open) {
  using namespace nn;
  Sequential open{make<Embedding>(9, 4), make<Linear>(4, 2)};
  onnx::export_model(open, {"tokens", DType::kI64, {-1}}, file());
  EXPECT_EQ(onnx::Model::load(file())->outputs()[0].str(), "logits f32 [?, ?, 2]");
  // The result's size does not follow the length.
  Sequential last{make<Embedding>(9, 4), make<RNN>(4, 3), make<Softmax>(2)};
  onnx::export_model(last, {"tokens", DType::kI64, {5}}, file());
  EXPECT_EQ(onnx::Model::load(file())->outputs()[0].str(), "logits f32 [?, 5, 3]");
  Sequential fixed{make<Embedding>(9, 4), make<Flatten>(), make<Linear>(20, 2)};
  onnx::ExportInput input{"tokens", DType::kI64, {-1}};
  input.length = 5;
  EXPECT_THROW(onnx::export_model(fixed, input, file()), ShapeError);
  onnx::export_model(fixed, {"tokens", DType::kI64, {5}}, file());
  EXPECT_EQ(onnx::Model::load(file())->outputs()[0].str(), "logits f32 [?, 2]");
}

TEST(OnnxExport, what_normalised_the_input_is_noted) {
  nn::Linear net(2, 2);
  onnx::ExportInput input{"input", DType::kF32, {2}};
  onnx::export_model(net, input, file());
  EXPECT_TRUE(onnx::Model::load(file())->metadata().empty());
  input.mean = {0.1, 0.25}, input.deviation = {1.0 / 3, 2};
  onnx::export_model(net, input, file());
  const auto metadata = onnx::Model::load(file())->metadata();
  EXPECT_EQ(metadata.at(onnx::kMeanKey), "[0.1, 0.25]");
  EXPECT_EQ(metadata.at(onnx::kDeviationKey), "[0.3333333333333333, 2]");
}

TEST(OnnxExport, f64) {
  const auto model = nn::make_model(spec("mlp"));
  model->to(DType::kF64);
  const auto report = onnx::export_model(*model, {"input", DType::kF64, {12}}, file());
  EXPECT_LT(report.max_difference, 1e-12);
}

// Attributes are float32 in the file: the result is that of the rounded number.
TEST(OnnxExport, f64_where_a_number_is_an_attribute) {
  using namespace nn;
  const std::shared_ptr<Module> layers[] = {make<SELU>(), make<Hardsigmoid>(), make<Hardswish>(),
                                            make<LeakyReLU>(0.1), make<ELU>(0.7)};
  for (const auto& layer : layers) {
    Sequential net{make<Linear>(6, 6), layer, make<Linear>(6, 3)};
    net.to(DType::kF64);
    stir(net);
    const auto report = onnx::export_model(net, {"input", DType::kF64, {6}}, file());
    EXPECT_LT(report.max_difference, 1e-6) << layer->kind();
    EXPECT_GT(report.max_difference, 0) << layer->kind();
  }
}

std::string refusal(nn::Module& model, const onnx::ExportInput& input) {
  std::filesystem::remove(file());
  try {
    onnx::export_model(model, input, file());
  } catch (const ConfigError& e) {
    EXPECT_FALSE(std::filesystem::exists(file()));
    return e.what();
  }
  ADD_FAILURE() << "exported";
  return "";
}

TEST(OnnxExport, what_has_no_form_is_named_with_its_path) {
  struct Doubling : nn::Module {
    Tensor forward(const Tensor& x) override { return x + x; }
    const char* kind() const override { return "Doubling"; }
  };
  using namespace nn;
  Sequential net{make<Linear>(2, 2), std::shared_ptr<Module>(new Sequential{make<Doubling>()})};
  EXPECT_NE(refusal(net, {"input", DType::kF32, {2}}).find("layer 1.0 (Doubling): this kind"),
            std::string::npos);
  Sequential pool{make<AdaptiveAvgPool2d>(2)};
  EXPECT_NE(refusal(pool, {"input", DType::kF32, {1, 4, 4}}).find("layer 0 (AdaptiveAvgPool2d)"),
            std::string::npos);
  Linear half(2, 2);
  half.to(DType::kBF16);
  EXPECT_NE(refusal(half, {"input", DType::kBF16, {2}}).find("bf16"), std::string::npos);
}

}  // namespace
}  // namespace tinytorch
