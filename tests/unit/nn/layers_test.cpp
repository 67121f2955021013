// Starting values, those of the init functions and those that layers draw; losses as modules; what
// layers say of inputs that do not fit.
#include "tinytorch/nn/init.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>

#include "tinytorch/core/random.h"
#include "tinytorch/nn/loss.h"
#include "tinytorch/nn/multihead_attention.h"
#include "tinytorch/nn/recurrent.h"
#include "tinytorch/nn/transposed_conv.h"
#include "tinytorch/ops/ops.h"

namespace tinytorch {
namespace {

struct Moments {
  double mean = 0, std = 0, low = 0, high = 0;
};
Moments moments(const Tensor& x) {
  const std::vector<float> v = to_vector<float>(x.detach());
  Moments m;
  double squares = 0;
  m.low = m.high = v[0];
  for (const double a : v) {
    m.mean += a, squares += a * a;
    m.low = std::min(m.low, a), m.high = std::max(m.high, a);
  }
  m.mean /= static_cast<double>(v.size());
  m.std = std::sqrt(squares / static_cast<double>(v.size()) - m.mean * m.mean);
  return m;
}
// Values fill [-bound, bound] and not more.
void expect_uniform(const Tensor& x, double bound) {
  const Moments m = moments(x);
  EXPECT_LE(m.high, bound * 1.000001);
  EXPECT_GE(m.low, -bound * 1.000001);
  EXPECT_GT(m.high, 0.8 * bound);
  EXPECT_LT(m.low, -0.8 * bound);
  EXPECT_NEAR(m.std, bound / std::sqrt(3), 0.15 * bound);
}

class Init : public testing::Test {
 protected:
  void SetUp() override { manual_seed(3); }
};

TEST_F(Init, VariancesFollowFanInAndFanOut) {
  const Tensor w = empty({40, 30, 2, 2});  // fan_in 120, fan_out 160
  nn::init::xavier_normal_(w, 2);
  EXPECT_NEAR(moments(w).std, 2 * std::sqrt(2.0 / 280), 0.01);
  nn::init::kaiming_normal_(w, 0, nn::init::FanMode::kFanOut, "relu");
  EXPECT_NEAR(moments(w).std, std::sqrt(2.0 / 160), 0.01);
  nn::init::kaiming_normal_(w, 0, nn::init::FanMode::kFanIn, "linear");
  EXPECT_NEAR(moments(w).std, std::sqrt(1.0 / 120), 0.01);
  nn::init::kaiming_uniform_(w, 2, nn::init::FanMode::kFanOut);
  expect_uniform(w, std::sqrt(3.0 * 2 / 5 / 160));
  EXPECT_EQ(nn::init::calculate_gain("tanh"), 5.0 / 3);
  EXPECT_EQ(nn::init::calculate_gain("leaky_relu", 1), 1);
  EXPECT_THROW(nn::init::calculate_gain("swish"), ConfigError);
  nn::init::ones_(w);
  EXPECT_EQ(moments(w).low, 1);
  nn::init::zeros_(w);
  EXPECT_EQ(moments(w).high, 0);
}

TEST_F(Init, OrthogonalVectorsHaveTheGainsLength) {
  for (const Shape& shape : {Shape{5, 12}, Shape{12, 5}, Shape{4, 2, 3, 1}, Shape{6, 6}}) {
    const Tensor w = empty(shape, DType::kF64);
    nn::init::orthogonal_(w, 1.5);
    Tensor m = w.reshape({shape[0], -1});
    if (m.size(0) > m.size(1)) m = m.t();
    const Tensor off = matmul(m, m.t()) - eye(m.size(0), DType::kF64) * 2.25;
    EXPECT_LT(sum(off * off).item(), 1e-24) << shape.str();
  }
  EXPECT_THROW(nn::init::orthogonal_(empty({3})), ShapeError);
}

TEST_F(Init, TruncatedNormalStaysInsideAndHasItsMoments) {
  const Tensor w = empty({20000});
  nn::init::trunc_normal_(w, 0, 1, -1, 2);
  const Moments m = moments(w);
  EXPECT_GE(m.low, -1);
  EXPECT_LE(m.high, 2);
  // mean (f(-1) - f(2)) / Z, variance 1 + (-f(-1) - 2 f(2)) / Z - mean^2, f the normal density
  const double f1 = std::exp(-0.5) / std::sqrt(2 * M_PI), f2 = std::exp(-2) / std::sqrt(2 * M_PI);
  const double z = (std::erf(2 / std::sqrt(2)) - std::erf(-1 / std::sqrt(2))) / 2;
  const double mean = (f1 - f2) / z, variance = 1 + (-f1 - 2 * f2) / z - mean * mean;
  EXPECT_NEAR(m.mean, mean, 0.02);
  EXPECT_NEAR(m.std, std::sqrt(variance), 0.02);
  nn::init::trunc_normal_(w, 5, 0.01);  // the interval's upper end is 300 deviations below the mean
  EXPECT_LE(moments(w).high, 2);
  EXPECT_THROW(nn::init::trunc_normal_(w, 0, 1, 2, 2), ConfigError);
}

TEST_F(Init, LayersStartAsPyTorchs) {
  nn::RecurrentOptions two;
  two.num_layers = 2;
  const nn::LSTM lstm(30, 16, two);
  for (const auto& [name, p] : lstm.named_parameters()) {
    SCOPED_TRACE(name);
    expect_uniform(p, 0.25);  // 1 / sqrt(hidden)
  }
  const nn::Conv1d conv(8, 32, 3);
  expect_uniform(conv.weight, 1 / std::sqrt(24.0));
  expect_uniform(conv.bias, 1 / std::sqrt(24.0));
  nn::ConvTranspose2d::Options groups;
  groups.groups = 2;
  const nn::ConvTranspose2d transposed(8, 64, 3, groups);  // weight (8, 32, 3, 3)
  expect_uniform(transposed.weight, 1 / std::sqrt(32.0 * 9));
  expect_uniform(transposed.bias, 1 / std::sqrt(32.0 * 9));
  const nn::MultiheadAttention attention(24, 3);
  expect_uniform(attention.in_proj_weight, std::sqrt(6.0 / (24 + 72)));
  expect_uniform(attention.out_proj.weight, 1 / std::sqrt(24.0));
  EXPECT_EQ(moments(attention.in_proj_bias).high, 0);
  EXPECT_EQ(moments(attention.out_proj.bias).high, 0);
}

TEST_F(Init, LossesHaveTheirWeightsInTheStateDict) {
  const Tensor w = Tensor::of({1, 2, 0.5}), x = randn({4, 3}),
               t = from_vector<int64_t>({2, 0, 1, 1}, {4});
  nn::CrossEntropyLoss loss(w, 1, Reduction::kSum, 0.1);
  EXPECT_EQ(loss(x, t).item(), cross_entropy(x, t, w, 1, Reduction::kSum, 0.1).item());
  ASSERT_EQ(loss.state_dict().size(), 1u);
  EXPECT_EQ(loss.state_dict()[0].first, "weight");
  nn::BCEWithLogitsLoss logits({}, Reduction::kMean, w);
  ASSERT_EQ(logits.state_dict().size(), 1u);
  EXPECT_EQ(logits.state_dict()[0].first, "pos_weight");
  const Tensor y = rand({4, 3});
  EXPECT_EQ(logits(x, y).item(),
            binary_cross_entropy_with_logits(x, y, {}, Reduction::kMean, w).item());
  EXPECT_EQ(nn::NLLLoss(w)(x, t).item(), nll_loss(x, t, w).item());
  EXPECT_EQ(nn::BCELoss({}, Reduction::kSum)(y, y).item(),
            binary_cross_entropy(y, y, {}, Reduction::kSum).item());
  EXPECT_EQ(nn::SmoothL1Loss(Reduction::kSum, 0.5)(x, y).item(),
            smooth_l1_loss(x, y, Reduction::kSum, 0.5).item());
  EXPECT_EQ(nn::KLDivLoss(KlReduction::kBatchMean)(x, y).item(),
            kl_div(x, y, KlReduction::kBatchMean).item());
  EXPECT_EQ(nn::L1Loss()(x, y).item(), l1_loss(x, y).item());
  EXPECT_EQ(nn::MSELoss(Reduction::kSum)(x, y).item(), mse_loss(x, y, Reduction::kSum).item());
  EXPECT_THROW(static_cast<nn::Module&>(loss)(x), NotImplemented);
}

TEST_F(Init, DropoutOfAttentionAndBetweenLayersIsForTraining) {
  nn::MultiheadAttention::Options half;
  half.dropout = 0.5;
  nn::MultiheadAttention attention(8, 2, half);
  nn::RecurrentOptions layers;
  layers.num_layers = 2, layers.dropout = 0.5;
  nn::GRU gru(8, 4, layers);
  const Tensor x = randn({5, 3, 8});
  for (nn::Module* layer : {static_cast<nn::Module*>(&attention), static_cast<nn::Module*>(&gru)}) {
    SCOPED_TRACE(layer->kind());
    const auto values = [&] { return to_vector<float>((*layer)(x).detach()); };
    EXPECT_NE(values(), values());
    layer->eval();
    EXPECT_EQ(values(), values());
  }
}

TEST_F(Init, LayersSayWhatDoesNotFit) {
  const auto message = [](const std::function<void()>& run) -> std::string {
    try {
      run();
    } catch (const Error& e) {
      return e.what();
    }
    return "(no error)";
  };
  nn::LSTM lstm(3, 4);
  EXPECT_NE(message([&] { lstm(zeros({5, 2, 4})); }).find("input [5, 2, 4] must be (t, n, 3)"),
            std::string::npos);
  EXPECT_NE(message([&] {
              lstm.run(zeros({5, 2, 3}), {zeros({1, 3, 4}), {}});
            }).find("the state h has shape [1, 3, 4], expected [1, 2, 4]"),
            std::string::npos);
  nn::GRU gru(3, 4);
  EXPECT_NE(
      message([&] { gru.run(zeros({5, 2, 3}), {{}, zeros({1, 2, 4})}); }).find("no cell state"),
      std::string::npos);
  EXPECT_NE(message([&] { gru.run(zeros({0, 2, 3})); }).find("at least one time"),
            std::string::npos);
  nn::MultiheadAttention attention(4, 2);
  const Tensor x = zeros({3, 2, 4});
  EXPECT_NE(message([&] {
              attention.forward(x, x, x, zeros({3, 2}, DType::kBool));
            }).find("key_padding_mask has shape [3, 2], expected [2, 3]"),
            std::string::npos);
  // in, out, kernel, groups
  for (const auto& [in, out, kernel, groups] : {std::array<int64_t, 4>{0, 4, 3, 1},
                                                {4, 0, 3, 1},
                                                {4, 4, 0, 1},
                                                {4, 4, 3, 0},
                                                {3, 4, 3, 2},
                                                {4, 3, 3, 2}})
    EXPECT_NE(message([&, in = in, out = out, kernel = kernel, groups = groups] {
                nn::ConvTranspose2d::Options options;
                options.groups = groups;
                nn::ConvTranspose2d(in, out, kernel, options);
              }).find("sizes must be positive and divisible"),
              std::string::npos)
        << in << " " << out << " " << kernel << " " << groups;
  EXPECT_NE(message([&] { nn::MultiheadAttention(4, 3); }).find("shared by 3 heads"),
            std::string::npos);
}

TEST(Layers, ABatchOfNoneRunsThroughRecurrentLayers) {
  nn::RecurrentOptions options;
  options.num_layers = 2, options.bidirectional = true;
  for (const bool batch_first : {false, true}) {
    options.batch_first = batch_first;
    nn::LSTM lstm(3, 4, options);
    const nn::RecurrentResult r = lstm.run(batch_first ? zeros({0, 5, 3}) : zeros({5, 0, 3}));
    EXPECT_EQ(r.output.shape(), batch_first ? (Shape{0, 5, 8}) : (Shape{5, 0, 8}));
    EXPECT_EQ(r.state.h.shape(), (Shape{4, 0, 4}));
    sum(r.output).backward();
    for (const Tensor& p : lstm.parameters()) EXPECT_EQ(max(p.grad()).item(), 0);
  }
}

}  // namespace
}  // namespace tinytorch
