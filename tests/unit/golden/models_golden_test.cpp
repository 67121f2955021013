// The ready models against PyTorch: the same weights give the same logits, gradients, and losses
// over 50 steps of SGD and AdamW. Weights and batches are drawn on both sides:
// tests/golden/golden_models.py.
#include <gtest/gtest.h>

#include <cmath>

#include "tests/unit/golden/drawn.h"
#include "tinytorch/core/autograd.h"
#include "tinytorch/data/safetensors.h"
#include "tinytorch/nn/models.h"
#include "tinytorch/ops/ops.h"
#include "tinytorch/optim/optimizer.h"

namespace tinytorch {
namespace {

const Tensor& golden(const std::string& name) {
  static const data::TensorFile file =
      data::read_safetensors(TINYTORCH_SOURCE_DIR "/tests/golden/models.safetensors");
  const Tensor* t = file.find(name);
  if (!t) throw Error("no golden value " + name + ": run tests/golden/make_golden.py models");
  return *t;
}

struct Case {
  const char* name;
  nn::ModelSpec spec;
  Shape input;
  int64_t classes;
};

std::vector<Case> cases() {
  std::vector<Case> list(4);
  list[0] = {"mlp", {}, {16, 64}, 10};
  list[0].spec.layers = {64, 48, 10};
  list[1] = {"cnn", {}, {6, 1, 8, 8}, 10};
  list[1].spec.image_size = 8;
  list[2] = {"resnet20", {}, {4, 3, 8, 8}, 10};
  list[2].spec.in_channels = 3, list[2].spec.image_size = 8;
  list[3] = {"gpt", {}, {4, 12}, 17};
  nn::ModelSpec& gpt = list[3].spec;
  gpt.n_layer = 2, gpt.n_head = 2, gpt.n_embd = 32, gpt.block_size = 12, gpt.vocab_size = 17;
  for (Case& c : list) c.spec.name = c.name;
  return list;
}

std::shared_ptr<nn::Module> fresh(const Case& c, DType dtype) {
  auto model = nn::make_model(c.spec);
  const NoGrad no_grad;
  model->to(dtype);
  for (auto& [name, p] : model->named_parameters()) {
    Tensor u = uniforms(name, p.shape()) * 2.0 - 1.0;
    if (p.dim() > 1)
      u = u * std::sqrt(3.0 * static_cast<double>(p.shape()[0]) / static_cast<double>(p.numel()));
    else
      u = name.ends_with("weight") ? u * 0.2 + 1.0 : u * 0.1;
    Tensor(p).copy_(u);
  }
  return model;
}

std::pair<Tensor, Tensor> batch(const Case& c, int index, DType dtype) {
  const std::string name = c.name, number = std::to_string(index);
  const bool text = name == "gpt";
  const Tensor u = uniforms(name + ".x" + number, c.input);
  const Shape targets = text ? c.input : Shape{c.input[0]};
  const double classes = static_cast<double>(c.classes);
  const Tensor y = (uniforms(name + ".y" + number, targets) * classes).to(DType::kI64);
  return {text ? (u * classes).to(DType::kI64) : (u * 4.0 - 2.0).to(dtype), y.reshape({y.numel()})};
}

Tensor loss_of(nn::Module& model, const std::pair<Tensor, Tensor>& b) {
  const Tensor out = model(b.first);
  return cross_entropy(out.dim() == 3 ? out.reshape({out.size(0) * out.size(1), out.size(2)}) : out,
                       b.second);
}

double relative_difference(const Tensor& a, const Tensor& b) {
  double worst = 0, scale = 0;
  const Tensor x = a.to(DType::kF64).contiguous(), y = b.to(DType::kF64).contiguous();
  EXPECT_EQ(x.shape(), y.shape());
  for (int64_t i = 0; i < y.numel(); ++i) {
    worst = std::max(worst, std::abs(x.data<double>()[i] - y.data<double>()[i]));
    scale = std::max(scale, std::abs(y.data<double>()[i]));
  }
  return worst / scale;
}

TEST(GoldenModels, LogitsEqualPyTorch) {
  for (const Case& c : cases()) {
    const NoGrad no_grad;
    EXPECT_LT(relative_difference((*fresh(c, DType::kF64))(batch(c, 0, DType::kF64).first),
                                  golden(std::string(c.name) + ".logits")),
              1e-12)
        << c.name;
    EXPECT_LT(relative_difference((*fresh(c, DType::kF32))(batch(c, 0, DType::kF32).first),
                                  golden(std::string(c.name) + ".logits")),
              1e-5)
        << c.name;
  }
}

// What is stored of a gradient: its norm, a random projection, 14 of its elements.
TEST(GoldenModels, GradientsEqualPyTorch) {
  for (const Case& c : cases())
    for (const DType dtype : {DType::kF64, DType::kF32}) {
      const auto model = fresh(c, dtype);
      loss_of(*model, batch(c, 0, dtype)).backward();
      for (auto& [name, p] : model->named_parameters()) {
        ASSERT_TRUE(p.grad().defined()) << c.name << " " << name;
        const Tensor g = p.grad().to(DType::kF64).contiguous();
        const Tensor probe = uniforms(name + ".probe", {g.numel()});
        double norm = 0, projection = 0;
        for (int64_t i = 0; i < g.numel(); ++i) {
          norm += g.data<double>()[i] * g.data<double>()[i];
          projection += g.data<double>()[i] * (probe.data<double>()[i] - 0.5);
        }
        norm = std::sqrt(norm);
        const std::vector<double> stored =
            to_vector<double>(golden(std::string(c.name) + ".grad." + name));
        const double tolerance = (dtype == DType::kF64 ? 1e-11 : 2e-5) * (stored[0] + 1e-3);
        EXPECT_NEAR(norm, stored[0], tolerance) << c.name << " " << name;
        EXPECT_NEAR(projection, stored[1], 4 * tolerance) << c.name << " " << name;
        const int64_t stride = std::max<int64_t>(1, g.numel() / 14);
        for (size_t k = 2; k < stored.size(); ++k)
          EXPECT_NEAR(g.data<double>()[static_cast<int64_t>(k - 2) * stride], stored[k], tolerance)
              << c.name << " " << name;
      }
    }
}

std::unique_ptr<optim::Optimizer> make_optimizer(const std::string& name, const nn::Module& model) {
  if (name == "sgd") {
    optim::SgdOptions o;
    o.lr = 0.05, o.momentum = 0.9, o.nesterov = true, o.weight_decay = 1e-3;
    return std::make_unique<optim::Sgd>(model.parameters(), o);
  }
  optim::AdamOptions o;
  o.lr = 3e-3, o.beta2 = 0.98, o.weight_decay = 0.05, o.decoupled = true;
  return std::make_unique<optim::Adam>(model.parameters(), o);
}

void train_and_compare(const Case& c, const std::string& name, DType dtype, int steps,
                       double tolerance) {
  const auto model = fresh(c, dtype);
  const auto optimizer = make_optimizer(name, *model);
  const std::vector<double> expected =
      to_vector<double>(golden(std::string(c.name) + ".losses." + name));
  for (int step = 0; step < steps; ++step) {
    const Tensor loss = loss_of(*model, batch(c, step % 5, dtype));
    ASSERT_NEAR(loss.item(), expected[static_cast<size_t>(step)], tolerance)
        << c.name << " " << name << " step " << step;
    optimizer->zero_grad();
    loss.backward();
    optimizer->step();
  }
  if (std::string(c.name) == "resnet20" && name == "adamw" && dtype == DType::kF64) {
    const NoGrad no_grad;
    model->eval();
    EXPECT_LT(
        relative_difference((*model)(batch(c, 0, dtype).first), golden("resnet20.eval_logits")),
        1e-5);
  }
}

TEST(GoldenModels, LossesOver50StepsInF64EqualPyTorch) {
  for (const Case& c : cases())
    for (const char* optimizer : {"sgd", "adamw"})
      train_and_compare(c, optimizer, DType::kF64, 50, 1e-6);
}

TEST(GoldenModels, FirstLossesInF32EqualPyTorch) {
  for (const Case& c : cases())
    for (const char* optimizer : {"sgd", "adamw"})
      train_and_compare(c, optimizer, DType::kF32, 3, 1e-4);
}

}  // namespace
}  // namespace tinytorch
