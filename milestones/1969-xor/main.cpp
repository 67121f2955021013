// 1969: what no single layer can learn, and two can.
#include "milestones/evidence.h"
#include "tinytorch/core/random.h"
#include "tinytorch/nn/linear.h"

using namespace tinytorch;

namespace {

// Points of the square from -1 to 1; the class says whether the signs of their coordinates differ.
// The corners stand first.
std::pair<Tensor, Tensor> points(int64_t n, uint64_t seed) {
  Generator generator(seed);
  std::vector<float> x = {-1, -1, -1, 1, 1, -1, 1, 1};
  while (x.size() < static_cast<size_t>(2 * n)) {
    const auto a = static_cast<float>(2 * generator.uniform() - 1);
    const auto b = static_cast<float>(2 * generator.uniform() - 1);
    x.push_back(a), x.push_back(b);
  }
  std::vector<int64_t> target;
  for (size_t i = 0; i < x.size(); i += 2) target.push_back((x[i] < 0) != (x[i + 1] < 0) ? 1 : 0);
  return {from_vector(x, {n, 2}), from_vector(target, {n})};
}

milestone::Plan plan_of(const std::vector<int64_t>& layers) {
  auto train = points(400, 11), test = points(400, 12);
  milestone::Plan plan;
  plan.model = [layers] { return nn::make<nn::Mlp>(layers); };
  plan.optimizer = [](const std::vector<Tensor>& parameters) {
    return std::make_unique<optim::Adam>(parameters, optim::AdamOptions{.lr = 0.01});
  };
  plan.batch = [train](int64_t) { return train; };
  plan.loss = [](const Tensor& y, const Tensor& target) { return cross_entropy(y, target); };
  plan.accuracy = [test](nn::Module& model) {
    return milestone::share_right(model(test.first), test.second);
  };
  plan.steps = 600;
  plan.bar = 0.95;
  plan.seconds_limit = 60;
  return plan;
}

// A line can have three of the four corners on their right sides, never all: at most 3/4 of the
// square.
std::vector<milestone::Claim> claims() {
  const double accuracy = milestone::accuracy_after_training(plan_of({2, 2}));
  return {{"one_layer_fails", accuracy, accuracy < 0.8}};
}

}  // namespace

int main() {
  return milestone::certify("1969-xor", [] { return plan_of({2, 16, 2}); }, claims);
}
