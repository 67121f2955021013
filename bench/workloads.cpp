#include "bench/workloads.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <memory>

#include "tinytorch/core/autograd.h"
#include "tinytorch/core/error.h"
#include "tinytorch/core/random.h"
#include "tinytorch/nn/gpt.h"
#include "tinytorch/nn/models.h"
#include "tinytorch/ops/inference.h"
#include "tinytorch/ops/ops.h"
#include "tinytorch/ops/precision.h"
#include "tinytorch/optim/optimizer.h"

namespace tinytorch::bench {

namespace {

using Run = std::function<void()>;
using MakeOptimizer = std::unique_ptr<optim::Optimizer> (*)(std::vector<Tensor>);

// ---- What a run must do: a product of m x k and k x n is 2 m k n operations.

struct Cost {
  double flops = 0;
  double parameters = 0;
};
// A layer with `weights` weights, each used `uses` times a sample. The first layer of a training
// step needs no gradient of its input.
Cost layer(double weights, double uses, double samples, bool train, bool first = false) {
  return {2 * weights * uses * samples * (train ? (first ? 2 : 3) : 1), weights};
}
Cost sum(std::initializer_list<Cost> costs) {
  Cost total;
  for (const Cost& c : costs) total.flops += c.flops, total.parameters += c.parameters;
  return total;
}

Cost mlp_cost(const std::vector<int64_t>& sizes, double batch, bool train) {
  Cost total;
  for (size_t i = 0; i + 1 < sizes.size(); ++i)
    total =
        sum({total, layer(static_cast<double>(sizes[i] * sizes[i + 1]), 1, batch, train, i == 0)});
  return total;
}
Cost cnn_cost(double batch, bool train) {
  return sum({layer(9 * 32, 28 * 28, batch, train, true), layer(9 * 32 * 64, 14 * 14, batch, train),
              layer(3136 * 128, 1, batch, train), layer(128 * 10, 1, batch, train)});
}
// By Winograd's F(4x4, 3x3) the inner convolutions need a quarter of the multiplications (its
// transforms are not counted); those of stride 2 and the first one run direct.
Cost resnet20_cost(double batch, bool winograd = false) {
  Cost total = layer(9 * 3 * 16, 32 * 32, batch, true, true);
  double in = 16, side = 32;
  for (const double out : {16.0, 32.0, 64.0}) {
    for (int block = 0; block < 3; ++block) {
      if (out != in) {
        side /= 2;
        total = sum({total, layer(in * out, side * side, batch, true)});  // the shortcut
      }
      const double first = 9 * in * out, second = 9 * out * out;
      const double uses = side * side, tiled = winograd ? uses / 4 : uses;
      total = sum({total, layer(first, in == out ? tiled : uses, batch, true),
                   layer(second, tiled, batch, true)});
      in = out;
    }
  }
  return sum({total, layer(64 * 10, 1, batch, true)});
}
// Attention reads half of the T x T scores; its two products are 2 T d each, its gradients four.
Cost gpt_cost(double layers, double d, double t, double vocab, double batch, bool train) {
  Cost total =
      sum({layer(layers * 12 * d * d, t, batch, train), layer(vocab * d, t, batch, train)});
  total.flops += layers * batch * t * (4 * t * d / 2) * (train ? 3 : 1);
  return total;
}

// Bytes of parameters a training step touches: SGD with momentum reads w, g, v and writes w, v;
// Adam reads and writes one more; backward writes g once.
double sgd_bytes(const Cost& c) {
  return c.parameters * 4 * 6;
}
double adam_bytes(const Cost& c) {
  return c.parameters * 4 * 8;
}

// ---- Runs

std::unique_ptr<optim::Optimizer> sgd(std::vector<Tensor> parameters) {
  optim::SgdOptions options;
  options.lr = 0.01, options.momentum = 0.9;
  return std::make_unique<optim::Sgd>(std::move(parameters), options);
}
std::unique_ptr<optim::Optimizer> adam(std::vector<Tensor> parameters) {
  return std::make_unique<optim::Adam>(std::move(parameters), optim::AdamOptions{});
}
std::unique_ptr<optim::Optimizer> adamw(std::vector<Tensor> parameters) {
  optim::AdamOptions options;
  options.weight_decay = 0.01, options.decoupled = true;
  return std::make_unique<optim::Adam>(std::move(parameters), options);
}

// A step as the trainer's: forward, loss, gradients, update.
Run train(const nn::ModelSpec& spec, MakeOptimizer make_optimizer, const Tensor& x,
          const Tensor& y) {
  std::shared_ptr<nn::Module> model = nn::make_model(spec);
  std::shared_ptr<optim::Optimizer> optimizer = make_optimizer(model->parameters());
  return [model, optimizer, x, y] {
    Tensor logits = (*model)(x);
    if (logits.dim() == 3)
      logits = logits.reshape({logits.size(0) * logits.size(1), logits.size(2)});
    const Tensor loss = cross_entropy(logits, y);
    optimizer->zero_grad();
    loss.backward();
    optimizer->step();
  };
}

// The same step with its products in bf16.
Run mixed(Run step) {
  return [step = std::move(step)] {
    const MixedPrecision bf16;
    step();
  };
}

// The same step with its convolutions by Winograd's method.
Run winograd(Run step) {
  return [step = std::move(step)] {
    const WinogradConvolutions tiles;
    step();
  };
}

Run infer(const nn::ModelSpec& spec, const Tensor& x) {
  std::shared_ptr<nn::Module> model = nn::make_model(spec);
  model->eval();
  auto session = std::make_shared<nn::InferenceSession>(*model);
  return [model, session, x] { (*session)(x); };
}

nn::ModelSpec mlp(std::vector<int64_t> layers) {
  nn::ModelSpec spec;
  spec.name = "mlp", spec.layers = std::move(layers);
  return spec;
}
nn::ModelSpec cnn() {
  nn::ModelSpec spec;
  spec.name = "cnn";
  return spec;
}
nn::ModelSpec resnet20() {
  nn::ModelSpec spec;
  spec.name = "resnet20", spec.in_channels = 3, spec.image_size = 32;
  return spec;
}
nn::ModelSpec gpt(int64_t layers, int64_t heads, int64_t d, int64_t t) {
  nn::ModelSpec spec;
  spec.name = "gpt", spec.n_layer = layers, spec.n_head = heads, spec.n_embd = d;
  spec.block_size = t, spec.vocab_size = 65;
  return spec;
}

Run train_b() {
  return train(mlp({784, 1024, 1024, 10}), sgd, rand({256, 784}), randint(0, 10, {256}));
}
Run train_d() {
  return train(resnet20(), sgd, rand({64, 3, 32, 32}), randint(0, 10, {64}));
}
Run train_e() {
  return train_gpt(4, 4, 128, 128, 16);
}
Run train_f() {
  return train_gpt(6, 6, 384, 256, 8);
}

Run decode(WeightPrecision weights) {
  auto model = std::make_shared<nn::Gpt>(gpt(6, 6, 384, 256));
  model->eval();
  auto cache = std::make_shared<nn::KvCache>(*model);
  return [model, cache, weights] {
    const InferenceMode inference(weights);
    cache->clear();
    Tensor token = zeros({1, 1}, DType::kI64);
    for (int i = 0; i < 256; ++i) token = argmax(model->decode(token, *cache), -1);  // (1, 1)
  };
}

std::vector<Workload> make_workloads() {
  const Cost a = mlp_cost({784, 512, 10}, 64, true), b = mlp_cost({784, 1024, 1024, 10}, 256, true),
             c = cnn_cost(64, true), d = resnet20_cost(64), e = gpt_cost(4, 128, 128, 65, 16, true),
             f = gpt_cost(6, 384, 256, 65, 8, true), g = mlp_cost({784, 512, 10}, 1, false),
             h1 = cnn_cost(1, false), h32 = cnn_cost(32, false),
             i = gpt_cost(6, 384, 256, 65, 1, false);
  // Decoding reads every weight for each token, and on average half of all keys and values.
  const double cached = 4 * 6 * 256 * 384.0;
  const auto decoded = [&](double weight_bytes) { return weight_bytes * i.parameters + cached; };
  return {
      {"a", "train MLP 784-512-10, batch 64, Adam", a.flops, adam_bytes(a), 0,
       [] { return train(mlp({784, 512, 10}), adam, rand({64, 784}), randint(0, 10, {64})); }},
      {"b", "train MLP 784-1024-1024-10, batch 256, SGD with momentum", b.flops, sgd_bytes(b), 0,
       train_b},
      {"c", "train CNN of two convolutions on 1x28x28, batch 64, Adam", c.flops, adam_bytes(c), 0,
       [] { return train_cnn(64); }},
      {"d", "train ResNet-20 on 3x32x32, batch 64, SGD with momentum", d.flops, sgd_bytes(d), 0,
       train_d},
      {"e", "train GPT of 4 layers, width 128, T 128, batch 16, AdamW", e.flops, adam_bytes(e), 0,
       train_e},
      {"f", "train GPT of 6 layers, width 384, T 256, batch 8, AdamW", f.flops, adam_bytes(f), 0,
       train_f},
      {"g", "infer MLP 784-512-10, batch 1", g.flops, g.parameters * 4, 0,
       [] { return infer(mlp({784, 512, 10}), rand({1, 784})); }},
      {"h1", "infer CNN, batch 1", h1.flops, h1.parameters * 4, 0,
       [] { return infer(cnn(), rand({1, 1, 28, 28})); }},
      {"h32", "infer CNN, batch 32", h32.flops, h32.parameters * 4, 0,
       [] { return infer(cnn(), rand({32, 1, 28, 28})); }},
      {"i", "decode 256 tokens with GPT (f), key-value cache, batch 1", i.flops, decoded(4), 256,
       [] { return decode(WeightPrecision::kF32); }},
      {"b-bf16", "train as b, products in bf16", b.flops, sgd_bytes(b), 0,
       [] { return mixed(train_b()); }, true},
      {"d-bf16", "train as d, products in bf16", d.flops, sgd_bytes(d), 0,
       [] { return mixed(train_d()); }, true},
      {"d-winograd", "train as d, convolutions by Winograd's method", resnet20_cost(64, true).flops,
       sgd_bytes(d), 0, [] { return winograd(train_d()); }},
      {"e-bf16", "train as e, products in bf16", e.flops, adam_bytes(e), 0,
       [] { return mixed(train_e()); }, true},
      {"f-bf16", "train as f, products in bf16", f.flops, adam_bytes(f), 0,
       [] { return mixed(train_f()); }, true},
      {"i-bf16", "decode as i, weights in bf16", i.flops, decoded(2), 256,
       [] { return decode(WeightPrecision::kBF16); }},
      {"i-int8", "decode as i, weights in int8", i.flops, decoded(1), 256,
       [] { return decode(WeightPrecision::kInt8); }},
  };
}

}  // namespace

std::function<void()> train_cnn(int64_t batch) {
  return train(cnn(), adam, rand({batch, 1, 28, 28}), randint(0, 10, {batch}));
}
std::function<void()> train_gpt(int64_t layers, int64_t heads, int64_t width, int64_t length,
                                int64_t batch) {
  const nn::ModelSpec spec = gpt(layers, heads, width, length);
  return train(spec, adamw, randint(0, 65, {batch, length}), randint(0, 65, {batch * length}));
}

const std::vector<Workload>& workloads() {
  static const std::vector<Workload> all = make_workloads();
  return all;
}

const Workload& find_workload(const std::string& id) {
  std::vector<std::string> known;
  for (const Workload& w : workloads()) {
    if (id == w.id) return w;
    known.push_back(w.id);
  }
  for (const Workload& w : operations())
    if (id == w.id) return w;
  throw ConfigError(
      fmt::format("bench: workload '{}' is unknown. Known: {}.", id, fmt::join(known, ", ")));
}

}  // namespace tinytorch::bench
