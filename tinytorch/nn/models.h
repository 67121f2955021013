#pragma once
#include <memory>
#include <string>
#include <vector>

#include "tinytorch/nn/module.h"

namespace tinytorch::nn {

// What the four ready models are made of. Parameter names are PyTorch's, so weights move freely:
// mlp and cnn as a Sequential, resnet20 as torchvision's ResNet, gpt as nanoGPT with Linear
// layouts.
struct ModelSpec {
  std::string name;                                            // "mlp", "cnn", "resnet20", "gpt"
  std::vector<int64_t> layers;                                 // mlp: {in, hidden..., out}
  int64_t in_channels = 1, image_size = 28, num_classes = 10;  // cnn, resnet20
  int64_t n_layer = 4, n_head = 4, n_embd = 128, block_size = 128;  // gpt
  int64_t vocab_size = 65;
  bool bias = true;
  double dropout = 0;
};

std::vector<std::string> model_names();
// ConfigError for an unknown name or sizes that cannot be.
std::shared_ptr<Module> make_model(const ModelSpec& spec);

}  // namespace tinytorch::nn
