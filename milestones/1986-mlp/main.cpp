// 1986: a multi-layer perceptron reads handwritten digits, by back-propagation.
#include "milestones/evidence.h"
#include "tinytorch/core/random.h"
#include "tinytorch/data/datasets.h"
#include "tinytorch/nn/linear.h"

using namespace tinytorch;

namespace {

constexpr int64_t kBatch = 64;

milestone::Plan plan() {
  const data::DataSource digits = data::load_dataset("digits", {.flatten = true});
  const int64_t n = digits.train->size();
  const auto samples = [](const Dataset& set, std::span<const int64_t> indices) {
    const auto count = static_cast<int64_t>(indices.size());
    Tensor x = empty({count, 64}), y = empty({count}, DType::kI64);
    set.fill(indices, x, y);
    return std::pair(x, y);
  };
  milestone::Plan plan;
  plan.model = [] { return nn::make<nn::Mlp>(std::vector<int64_t>{64, 64, 10}); };
  plan.optimizer = [](const std::vector<Tensor>& parameters) {
    return std::make_unique<optim::Sgd>(parameters, optim::SgdOptions{.lr = 0.05, .momentum = 0.9});
  };
  plan.batch = [=](int64_t step) {  // each epoch in an order of its own
    const int64_t a_epoch = n / kBatch;
    const std::vector<int64_t> order = permutation(n, 2, static_cast<uint64_t>(step / a_epoch * n));
    return samples(*digits.train,
                   std::span(order).subspan(static_cast<size_t>(step % a_epoch * kBatch), kBatch));
  };
  plan.loss = [](const Tensor& y, const Tensor& target) { return cross_entropy(y, target); };
  plan.accuracy = [=](nn::Module& model) {
    std::vector<int64_t> all(static_cast<size_t>(digits.test->size()));
    for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<int64_t>(i);
    const auto [x, target] = samples(*digits.test, all);
    return milestone::share_right(model(x), target);
  };
  plan.steps = 20 * (n / kBatch);
  plan.bar = 0.95;
  plan.seconds_limit = 60;
  return plan;
}

}  // namespace

int main() {
  return milestone::certify("1986-mlp", plan);
}
