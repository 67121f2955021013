// ResNet-20 for small images. Source: He et al. 2016, section 4.2, with 1x1-convolution shortcuts
// (option B) and torchvision's names.
#include <cmath>

#include "tinytorch/core/format.h"
#include "tinytorch/nn/activation.h"
#include "tinytorch/nn/conv.h"
#include "tinytorch/nn/init.h"
#include "tinytorch/nn/linear.h"
#include "tinytorch/nn/models/internal.h"
#include "tinytorch/nn/norm.h"

namespace tinytorch::nn {

namespace {

Conv2d::Options convolution(int64_t stride, int64_t padding) {
  Conv2d::Options o;
  o.stride = stride, o.padding = padding, o.bias = false;
  return o;
}

// Batch norm with what follows it, in one kernel or, in a lab, step by step.
Tensor normalize(BatchNorm2d& bn, const Tensor& x, const Tensor& residual, bool with_relu) {
  if (fusion_enabled() && !bn.has_hooks())
    return bn.forward(x, residual, with_relu ? Fused::kRelu : Fused::kNone);
  Tensor y = bn(x);
  if (residual.defined()) y = y + residual;
  return with_relu ? relu(y) : y;
}

class BasicBlock : public Module {
 public:
  BasicBlock(int64_t in, int64_t out, int64_t stride)
      : conv1_(add<Conv2d>("conv1", in, out, 3, convolution(stride, 1))),
        bn1_(add<BatchNorm2d>("bn1", out)),
        conv2_(add<Conv2d>("conv2", out, out, 3, convolution(1, 1))),
        bn2_(add<BatchNorm2d>("bn2", out)) {
    if (stride == 1 && in == out) return;
    auto shortcut = make<Sequential>();
    shortcut->push_back(make<Conv2d>(in, out, 1, convolution(stride, 0)));
    shortcut->push_back(make<BatchNorm2d>(out));
    shortcut_ = shortcut.get();
    register_module("downsample", std::move(shortcut));
  }
  Tensor forward(const Tensor& x) override {
    const Tensor h = normalize(bn1_, conv1_(x), {}, true);
    return normalize(bn2_, conv2_(h), shortcut_ ? (*shortcut_)(x) : x, true);
  }
  const char* kind() const override { return "BasicBlock"; }

 private:
  Conv2d& conv1_;
  BatchNorm2d& bn1_;
  Conv2d& conv2_;
  BatchNorm2d& bn2_;
  Sequential* shortcut_ = nullptr;
};

class ResNet20 : public Module {
 public:
  explicit ResNet20(const ModelSpec& spec)
      : conv1_(add<Conv2d>("conv1", spec.in_channels, 16, 3, convolution(1, 1))),
        bn1_(add<BatchNorm2d>("bn1", 16)) {
    if (spec.image_size < 4)
      raise<ConfigError>("resnet20: images of {0}x{0} are too small; at least 4x4.",
                         spec.image_size);
    int64_t in = 16;
    for (int stage = 0; stage < 3; ++stage) {
      auto blocks = make<Sequential>();
      const int64_t out = int64_t{16} << stage;
      for (int b = 0; b < 3; ++b) {
        blocks->push_back(make<BasicBlock>(in, out, stage > 0 && b == 0 ? 2 : 1));
        in = out;
      }
      layers_[stage] = blocks.get();
      register_module("layer" + std::to_string(stage + 1), std::move(blocks));
    }
    fc_ = &add<Linear>("fc", 64, spec.num_classes);
  }
  Tensor forward(const Tensor& x) override {
    Tensor h = normalize(bn1_, conv1_(x), {}, true);
    for (Sequential* layer : layers_) h = (*layer)(h);
    return (*fc_)(adaptive_avg_pool2d(h, 1, 1).flatten(1));
  }
  const char* kind() const override { return "ResNet20"; }

 private:
  Conv2d& conv1_;
  BatchNorm2d& bn1_;
  Sequential* layers_[3] = {};
  Linear* fc_ = nullptr;
};

}  // namespace

std::shared_ptr<Module> make_resnet20(const ModelSpec& spec) {
  auto model = make<ResNet20>(spec);
  for (auto& [name, tensor] : model->named_parameters())  // He et al. 2015, fan out, as torchvision
    if (tensor.dim() == 4)
      init::normal_(tensor, 0, std::sqrt(2.0 / static_cast<double>(init::fan_out(tensor))));
  return model;
}

}  // namespace tinytorch::nn
