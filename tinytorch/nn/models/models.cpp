// The ready models: mlp and cnn here, the larger two in their own files.
#include "tinytorch/nn/models.h"

#include "tinytorch/core/format.h"
#include "tinytorch/nn/activation.h"
#include "tinytorch/nn/conv.h"
#include "tinytorch/nn/linear.h"
#include "tinytorch/nn/models/internal.h"

namespace tinytorch::nn {

namespace {

// conv(c, 32) - ReLU - pool - conv(32, 64) - ReLU - pool - flatten - Linear(128) - ReLU - Linear
std::shared_ptr<Module> make_cnn(const ModelSpec& spec) {
  const int64_t side = spec.image_size / 4;  // two poolings of 2
  if (side < 1)
    raise<ConfigError>("cnn: images of {0}x{0} are too small; at least 4x4.", spec.image_size);
  Conv2d::Options padded;
  padded.padding = 1;
  return std::shared_ptr<Module>(new Sequential{
      make<Conv2d>(spec.in_channels, 32, 3, padded), make<ReLU>(), make<MaxPool2d>(2),
      make<Conv2d>(32, 64, 3, padded), make<ReLU>(), make<MaxPool2d>(2), make<Flatten>(),
      make<Linear>(64 * side * side, 128), make<ReLU>(), make<Linear>(128, spec.num_classes)});
}

}  // namespace

std::vector<std::string> model_names() {
  return {"mlp", "cnn", "resnet20", "gpt"};
}

std::shared_ptr<Module> make_model(const ModelSpec& spec) {
  if (spec.name == "mlp") return make<Mlp>(spec.layers);
  if (spec.name == "cnn") return make_cnn(spec);
  if (spec.name == "resnet20") return make_resnet20(spec);
  if (spec.name == "gpt") return make_gpt(spec);
  raise<ConfigError>("model '{}' is unknown. Known: {}.", spec.name, joined(model_names()));
}

}  // namespace tinytorch::nn
