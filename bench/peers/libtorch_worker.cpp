// libtorch's side of `tito bench --vs peers`: PyTorch without Python's share of the time.
// libtorch_worker WORKLOAD VARIANT THREADS (variants: plain, channels_last) speaks the line
// protocol of bench/worker.h. `tito` builds it below build/peers, where libtorch-dev is installed.
#include <signal.h>
#include <torch/torch.h>

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

// VmRSS or VmHWM, the peak. (getrusage's peak begins with that of the process before exec.)
long status_bytes(const std::string& name) {
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);)
    if (line.rfind(name + ":", 0) == 0) return std::stol(line.substr(name.size() + 1)) * 1024;
  return 0;
}

at::MemoryFormat layout = at::MemoryFormat::Contiguous;  // of images and their weights

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

torch::nn::Conv2d convolution(int64_t in, int64_t out, int64_t size, int64_t stride) {
  return torch::nn::Conv2d(
      torch::nn::Conv2dOptions(in, out, size).stride(stride).padding(size / 2).bias(false));
}

struct ResidualImpl : torch::nn::Module {
  ResidualImpl(int64_t in, int64_t out, int64_t stride)
      : conv1(convolution(in, out, 3, stride)),
        conv2(convolution(out, out, 3, 1)),
        bn1(out),
        bn2(out) {
    register_module("conv1", conv1), register_module("conv2", conv2);
    register_module("bn1", bn1), register_module("bn2", bn2);
    if (in == out) return;
    shortcut = torch::nn::Sequential(convolution(in, out, 1, stride), torch::nn::BatchNorm2d(out));
    register_module("shortcut", shortcut);
  }
  Tensor forward(const Tensor& x) {
    Tensor y = bn1(conv1(x));
    y = bn2(conv2(torch::relu_(y)));
    y += shortcut.is_empty() ? x : shortcut->forward(x);
    return torch::relu_(y);
  }
  torch::nn::Conv2d conv1, conv2;
  torch::nn::BatchNorm2d bn1, bn2;
  torch::nn::Sequential shortcut{nullptr};
};
TORCH_MODULE(Residual);

torch::nn::Sequential resnet20() {
  using namespace torch::nn;
  Sequential net(convolution(3, 16, 3, 1), BatchNorm2d(16), ReLU(ReLUOptions(true)));
  int64_t in = 16;
  for (const int64_t width : {16, 32, 64})
    for (int i = 0; i < 3; ++i, in = width)
      net->push_back(Residual(in, width, width > 16 && i == 0 ? 2 : 1));
  net->push_back(AdaptiveAvgPool2d(1));
  net->push_back(Flatten());
  net->push_back(Linear(64, 10));
  return net;
}

// Keys and values of the tokens so far: (1, heads, room, d / heads).
struct Cache {
  Tensor keys, values;
};

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
  Tensor forward(Tensor x, const Tensor& mask, const Cache* cache = nullptr, int64_t position = 0) {
    const int64_t b = x.size(0), t = x.size(1), d = x.size(2);
    std::vector<Tensor> parts = qkv(ln_1(x)).split(d, 2);
    for (Tensor& part : parts) part = part.view({b, t, heads, d / heads}).transpose(1, 2);
    if (cache) {
      cache->keys.narrow(2, position, t).copy_(parts[1]);
      cache->values.narrow(2, position, t).copy_(parts[2]);
      parts[1] = cache->keys.narrow(2, 0, position + t);
      parts[2] = cache->values.narrow(2, 0, position + t);
    }
    Tensor scores = parts[0].matmul(parts[1].transpose(-2, -1)) *
                    (1 / std::sqrt(static_cast<double>(d / heads)));
    if (t > 1) scores = scores.masked_fill(mask, -INFINITY);
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
  Tensor forward(const Tensor& tokens) { return decode(tokens, nullptr, 0); }
  Tensor decode(const Tensor& tokens, const Cache* caches, int64_t position) {
    Tensor x = wte(tokens) + wpe(torch::arange(position, position + tokens.size(1)));
    for (size_t i = 0; i < blocks.size(); ++i)
      x = blocks[i]->forward(x, mask, caches ? caches + i : nullptr, position);
    return ln_f(x).matmul(wte->weight.t());  // the head is the table of tokens
  }
  torch::nn::Embedding wte, wpe;
  torch::nn::LayerNorm ln_f;
  std::vector<Block> blocks;
  Tensor mask;
};

// A copy: contiguous() keeps the strides of an image of one channel, which is in both orders.
Tensor laid_out(const Tensor& x) {
  return x.to(x.options(), false, true, layout);
}

void to_layout(torch::nn::Module& net) {
  const torch::NoGradGuard no_grad;
  for (Tensor& parameter : net.parameters())
    if (parameter.dim() == 4) parameter.set_data(laid_out(parameter));
}

template <class Net>
Step train(Net net, std::shared_ptr<torch::optim::Optimizer> optimizer, const Tensor& x,
           const Tensor& y) {
  if (x.dim() == 4) to_layout(*net);
  return [=]() mutable {
    for (Tensor& parameter : net->parameters()) parameter.mutable_grad() = Tensor();
    const Tensor logits = net->forward(x);
    F::cross_entropy(logits.reshape({-1, logits.size(-1)}), y).backward();
    optimizer->step();
  };
}

Step infer(torch::nn::Sequential net, const Tensor& x) {
  net->eval();
  if (x.dim() == 4) to_layout(*net);
  return [=]() mutable {
    const c10::InferenceMode inference;
    net->forward(x);
  };
}

Step decode() {
  auto net = std::make_shared<Gpt>(6, 6, 384, 256, 65);
  net->eval();
  std::vector<Cache> caches;
  for (int i = 0; i < 6; ++i)
    caches.push_back({torch::zeros({1, 6, 256, 64}), torch::zeros({1, 6, 256, 64})});
  return [=]() {
    const c10::InferenceMode inference;
    Tensor token = torch::zeros({1, 1}, torch::kLong);
    for (int64_t position = 0; position < 256; ++position)
      token = net->decode(token, caches.data(), position).select(1, -1).argmax(-1, true);
  };
}

Tensor images(int64_t n, int64_t c, int64_t side) {
  return laid_out(torch::rand({n, c, side, side}));
}

Tensor classes(int64_t n, int64_t count = 10) {
  return torch::randint(0, count, {n}, torch::kLong);
}

template <class Net>
auto adam(const Net& net) {
  return std::make_shared<torch::optim::Adam>(net->parameters());
}

template <class Net>
auto sgd(const Net& net) {
  return std::make_shared<torch::optim::SGD>(net->parameters(),
                                             torch::optim::SGDOptions(0.01).momentum(0.9));
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
    return train(net, sgd(net), torch::rand({256, 784}), classes(256));
  }
  if (workload == "c") {
    auto net = cnn();
    return train(net, adam(net), images(64, 1, 28), classes(64));
  }
  if (workload == "d") {
    auto net = resnet20();
    return train(net, sgd(net), images(64, 3, 32), classes(64));
  }
  if (workload == "e") return train_gpt(4, 4, 128, 128, 16);
  if (workload == "f") return train_gpt(6, 6, 384, 256, 8);
  if (workload == "g") return infer(mlp({784, 512, 10}), torch::rand({1, 784}));
  if (workload == "h1") return infer(cnn(), images(1, 1, 28));
  if (workload == "h32") return infer(cnn(), images(32, 1, 28));
  if (workload == "i") return decode();
  std::fprintf(stderr, "libtorch_worker: no workload '%s'\n", workload.c_str());
  std::exit(2);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  signal(SIGINT, SIG_IGN);  // `tito bench` ends its workers by itself
  if (std::string(argv[2]) == "channels_last") layout = at::MemoryFormat::ChannelsLast;
  torch::set_num_threads(std::stoi(argv[3]));
  torch::manual_seed(0);
  const long baseline = status_bytes("VmRSS");
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
      std::cout << samples.front() << ' ' << samples[samples.size() / 2] << ' '
                << static_cast<long>(samples.size()) * in_row << ' '
                << std::max(0L, status_bytes("VmHWM") - baseline) << std::endl;
    }
  }
}
