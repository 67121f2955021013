// libtorch's side of `tito bench --vs peers`: PyTorch without Python's share of the time.
// libtorch_worker WORKLOAD THREADS speaks the line protocol of bench/worker.h. `tito` builds it
// below build/peers, where libtorch-dev is installed.
#include <sys/resource.h>
#include <torch/torch.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <functional>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

namespace F = torch::nn::functional;
using torch::Tensor;
using Step = std::function<void()>;
using Clock = std::chrono::steady_clock;

namespace {

double now() {
  return std::chrono::duration<double>(Clock::now().time_since_epoch()).count();
}

long resident_bytes() {
  std::ifstream file("/proc/self/statm");
  long all = 0, resident = 0;
  file >> all >> resident;
  return resident * sysconf(_SC_PAGESIZE);
}

torch::nn::Sequential mlp(const std::vector<int64_t>& sizes) {
  torch::nn::Sequential net;
  for (size_t i = 0; i + 1 < sizes.size(); ++i) {
    net->push_back(torch::nn::Linear(sizes[i], sizes[i + 1]));
    if (i + 2 < sizes.size()) net->push_back(torch::nn::ReLU());
  }
  return net;
}

torch::nn::Sequential cnn() {
  using namespace torch::nn;
  return Sequential(Conv2d(Conv2dOptions(1, 32, 3).padding(1)), ReLU(), MaxPool2d(2),
                    Conv2d(Conv2dOptions(32, 64, 3).padding(1)), ReLU(), MaxPool2d(2), Flatten(),
                    Linear(3136, 128), ReLU(), Linear(128, 10));
}

struct BlockImpl : torch::nn::Module {
  BlockImpl(int64_t d, int64_t n_heads)
      : heads(n_heads),
        ln_1(torch::nn::LayerNormOptions({d})),
        ln_2(torch::nn::LayerNormOptions({d})),
        qkv(d, 3 * d),
        proj(d, d),
        up(d, 4 * d),
        down(4 * d, d) {
    register_module("ln_1", ln_1), register_module("ln_2", ln_2), register_module("qkv", qkv);
    register_module("proj", proj), register_module("up", up), register_module("down", down);
  }
  Tensor forward(Tensor x, const Tensor& mask) {
    const int64_t b = x.size(0), t = x.size(1), d = x.size(2);
    std::vector<Tensor> parts = qkv(ln_1(x)).split(d, 2);
    for (Tensor& part : parts) part = part.view({b, t, heads, d / heads}).transpose(1, 2);
    Tensor scores = parts[0].matmul(parts[1].transpose(-2, -1)) *
                    (1 / std::sqrt(static_cast<double>(d / heads)));
    scores = scores.masked_fill(mask, -INFINITY);
    const Tensor y = torch::softmax(scores, -1).matmul(parts[2]);
    x = x + proj(y.transpose(1, 2).reshape({b, t, d}));
    return x + down(torch::gelu(up(ln_2(x))));
  }
  int64_t heads;
  torch::nn::LayerNorm ln_1, ln_2;
  torch::nn::Linear qkv, proj, up, down;
};
TORCH_MODULE(Block);

struct Gpt : torch::nn::Module {
  Gpt(int64_t layers, int64_t heads, int64_t d, int64_t t, int64_t vocab)
      : wte(vocab, d), wpe(t, d), ln_f(torch::nn::LayerNormOptions({d})) {
    register_module("wte", wte), register_module("wpe", wpe), register_module("ln_f", ln_f);
    for (int64_t i = 0; i < layers; ++i)
      blocks.push_back(register_module("block" + std::to_string(i), Block(d, heads)));
    mask = torch::triu(torch::ones({t, t}, torch::kBool), 1);
  }
  Tensor forward(const Tensor& tokens) {
    Tensor x = wte(tokens) + wpe(torch::arange(tokens.size(1)));
    for (Block& block : blocks) x = block(x, mask);
    return ln_f(x).matmul(wte->weight.t());  // the head is the table of tokens
  }
  torch::nn::Embedding wte, wpe;
  torch::nn::LayerNorm ln_f;
  std::vector<Block> blocks;
  Tensor mask;
};

template <class Net>
Step train(Net net, std::shared_ptr<torch::optim::Optimizer> optimizer, const Tensor& x,
           const Tensor& y) {
  return [=]() mutable {
    for (Tensor& parameter : net->parameters()) parameter.mutable_grad() = Tensor();
    const Tensor logits = net->forward(x);
    F::cross_entropy(logits.reshape({-1, logits.size(-1)}), y).backward();
    optimizer->step();
  };
}

Step infer(torch::nn::Sequential net, const Tensor& x) {
  net->eval();
  return [=]() mutable {
    const c10::InferenceMode inference;
    net->forward(x);
  };
}

Tensor classes(int64_t n, int64_t count = 10) {
  return torch::randint(0, count, {n}, torch::kLong);
}

template <class Net>
auto adam(const Net& net) {
  return std::make_shared<torch::optim::Adam>(net->parameters());
}

Step train_gpt(int64_t layers, int64_t heads, int64_t d, int64_t t, int64_t batch) {
  auto net = std::make_shared<Gpt>(layers, heads, d, t, 65);
  auto optimizer = std::make_shared<torch::optim::AdamW>(net->parameters());
  return train(net, optimizer, torch::randint(0, 65, {batch, t}, torch::kLong),
               classes(batch * t, 65));
}

Step make_step(const std::string& workload) {
  if (workload == "a") {
    auto net = mlp({784, 512, 10});
    return train(net, adam(net), torch::rand({64, 784}), classes(64));
  }
  if (workload == "b") {
    auto net = mlp({784, 1024, 1024, 10});
    auto sgd = std::make_shared<torch::optim::SGD>(net->parameters(),
                                                   torch::optim::SGDOptions(0.01).momentum(0.9));
    return train(net, sgd, torch::rand({256, 784}), classes(256));
  }
  if (workload == "c") {
    auto net = cnn();
    return train(net, adam(net), torch::rand({64, 1, 28, 28}), classes(64));
  }
  if (workload == "e") return train_gpt(4, 4, 128, 128, 16);
  if (workload == "f") return train_gpt(6, 6, 384, 256, 8);
  if (workload == "g") return infer(mlp({784, 512, 10}), torch::rand({1, 784}));
  if (workload == "h1") return infer(cnn(), torch::rand({1, 1, 28, 28}));
  if (workload == "h32") return infer(cnn(), torch::rand({32, 1, 28, 28}));
  std::fprintf(stderr, "libtorch_worker: no workload '%s'\n", workload.c_str());
  std::exit(2);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  torch::set_num_threads(std::stoi(argv[2]));
  torch::manual_seed(0);
  const long baseline = resident_bytes();
  const Step step = make_step(argv[1]);
  std::vector<double> samples;
  long in_row = 0;
  const auto timed = [&](long runs) {
    const double start = now();
    for (long i = 0; i < runs; ++i) step();
    return (now() - start) / static_cast<double>(runs);
  };
  std::cout << "ready" << std::endl;
  for (std::string line; std::getline(std::cin, line);) {
    if (line.rfind("run ", 0) == 0) {
      if (in_row == 0) {
        const double start = now();
        double once = 1e9;
        for (int runs = 0; runs < 2 || now() - start < std::min(24 * once, 0.5); ++runs)
          once = std::min(once, timed(1));
        in_row = std::max(1L, std::min(1000L, static_cast<long>(200e-6 / once)));
      }
      if (in_row > 1 || samples.empty() || *std::min_element(samples.begin(), samples.end()) < 50e3)
        step();
      const double end = now() + std::stod(line.substr(4));
      do samples.push_back(timed(in_row) * 1e6);
      while (now() < end);
      std::cout << "done" << std::endl;
    } else {
      std::sort(samples.begin(), samples.end());
      rusage usage{};
      getrusage(RUSAGE_SELF, &usage);
      std::cout << samples.front() << ' ' << samples[samples.size() / 2] << ' '
                << static_cast<long>(samples.size()) * in_row << ' '
                << std::max(0L, usage.ru_maxrss * 1024 - baseline) << std::endl;
    }
  }
}
