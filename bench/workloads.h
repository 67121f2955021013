#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace tinytorch::bench {

// A reference workload: what users run a framework for, at a fixed shape, on random data.
struct Workload {
  const char* id;    // "a"
  const char* name;  // "train MLP 784-512-10, batch 64, Adam"
  double flops;      // of one run: the multiply-adds of matrix products and convolutions, times 2
  // The least a run (for each token, where it decodes) must touch: parameters, gradients, optimizer
  // state, keys and values.
  double bytes;
  int64_t tokens;  // decoded by one run; 0 when it decodes none
  // Builds model and data; each call of the result is one run (a training step, a forward pass, the
  // decoding of `tokens` tokens).
  std::function<std::function<void()>()> make;
  bool bf16 = false;  // its products are of bf16
};

const std::vector<Workload>& workloads();
const std::vector<Workload>& operations();  // single ones
// Of both; ConfigError names the known workloads.
const Workload& find_workload(const std::string& id);

// Training steps of other shapes, for bench/curves.h: the CNN of c, the GPT of e.
std::function<void()> train_cnn(int64_t batch);
std::function<void()> train_gpt(int64_t layers, int64_t heads, int64_t width, int64_t length,
                                int64_t batch);

}  // namespace tinytorch::bench
