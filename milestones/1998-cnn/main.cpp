// 1998: a convolutional network tells ten kinds of clothes apart.
#include <cmath>

#include "milestones/evidence.h"
#include "tinytorch/core/random.h"
#include "tinytorch/data/datasets.h"
#include "tinytorch/kernels/registry.h"
#include "tinytorch/nn/activation.h"
#include "tinytorch/nn/conv.h"
#include "tinytorch/nn/linear.h"

using namespace tinytorch;

namespace {

constexpr int64_t kBatch = 32;

std::pair<Tensor, Tensor> samples(const Dataset& set, std::span<const int64_t> indices) {
  const auto count = static_cast<int64_t>(indices.size());
  Tensor x = empty({count, 1, 28, 28}), y = empty({count}, DType::kI64);
  set.fill(indices, x, y);
  return {x, y};
}

milestone::Plan plan() {
  // Convolutions go by im2col and the matrix product of module 2.
  kernels::KernelBase* convolution = kernels::find_kernel("conv2d");
  convolution->select(convolution->find("im2col"));

  const data::DataSource clothes = data::load_dataset("fashion-mnist");
  const int64_t n = clothes.train->size(), epoch = n / kBatch;
  milestone::Plan plan;
  plan.model = []() -> std::shared_ptr<nn::Module> {
    return std::shared_ptr<nn::Module>(new nn::Sequential{
        nn::make<nn::Conv2d>(1, 6, 3, nn::Conv2d::Options{.padding = 1}),
        nn::make<nn::ReLU>(),
        nn::make<nn::MaxPool2d>(2),
        nn::make<nn::Conv2d>(6, 12, 3, nn::Conv2d::Options{.stride = 2, .padding = 1}),
        nn::make<nn::ReLU>(),
        nn::make<nn::Flatten>(),
        nn::make<nn::Linear>(12 * 7 * 7, 128),
        nn::make<nn::ReLU>(),
        nn::make<nn::Linear>(128, 10),
    });
  };
  plan.optimizer = [](const std::vector<Tensor>& parameters) {
    return std::make_unique<optim::Adam>(parameters, optim::AdamOptions{});
  };
  plan.steps = 2 * epoch;
  plan.learning_rate = [steps = plan.steps](int64_t step) {
    return 2e-3 *
           (0.02 +
            0.98 * (1 + std::cos(M_PI * static_cast<double>(step) / static_cast<double>(steps))) /
                2);
  };
  plan.batch = [=, order = std::make_shared<std::vector<int64_t>>()](int64_t step) {
    if (step % epoch == 0) *order = permutation(n, 2, static_cast<uint64_t>(step / epoch * n));
    return samples(*clothes.train, std::span<const int64_t>(*order).subspan(
                                       static_cast<size_t>(step % epoch * kBatch), kBatch));
  };
  plan.loss = [](const Tensor& y, const Tensor& target) { return cross_entropy(y, target); };
  plan.accuracy = [=](nn::Module& model) {
    double right = 0;
    std::vector<int64_t> some(100);
    for (int64_t at = 0; at < clothes.test->size(); at += 100) {
      for (size_t i = 0; i < some.size(); ++i) some[i] = at + static_cast<int64_t>(i);
      const auto [x, target] = samples(*clothes.test, some);
      right += milestone::share_right(model(x), target);
    }
    return right * 100 / static_cast<double>(clothes.test->size());
  };
  plan.bar = 0.88;
  plan.seconds_limit = 180;
  return plan;
}

}  // namespace

int main() {
  return milestone::certify("1998-cnn", plan);
}
