#pragma once
#include <memory>
#include <string>
#include <vector>

#include "tinytorch/config/config.h"
#include "tinytorch/data/datasets.h"
#include "tinytorch/nn/module.h"

namespace tinytorch {

// A network that a config describes layer by layer, as one nn::Sequential:
//   [[model.layers]]
//   type = "Conv2d"        # PyTorch's name, in any case, with or without underscores
//   out_channels = 16      # PyTorch's arguments
//   kernel_size = 3
// Sizes that follow from what comes in (in_features, in_channels, num_features, ...) may be left
// out, and so may out_features of a last Linear; they are written back, and so is
// model.input_shape, the shape of one sample. A stack that begins with a Linear flattens images.

// Whether the config has [[model.layers]].
bool has_layers(const Config& config);
// Whether what comes in are tokens: the stack begins with an Embedding.
bool layers_take_tokens(const Config& config);
// The types, as PyTorch spells them.
std::vector<std::string> layer_types();
// The stack. Loads the data only if a size is missing and `source` is null. ConfigErrors name the
// layer: an unknown type, a missing argument, an input that the layer cannot take.
std::shared_ptr<nn::Module> make_layers(Config& config, const data::DataSource* source = nullptr);

}  // namespace tinytorch
