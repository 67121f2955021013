// 1957: one neuron tells two kinds of irises apart.
#include "milestones/evidence.h"
#include "tinytorch/data/csv.h"
#include "tinytorch/data/datasets.h"
#include "tinytorch/nn/linear.h"

using namespace tinytorch;

namespace {

struct Flowers {
  Tensor x, sign;  // (n, 4) lengths in cm; (n, 1): -1 setosa, +1 versicolor
};

// Of the first two kinds; every fifth flower is held out.
Flowers flowers(bool held_out) {
  const data::CsvTable table = data::read_csv(data::shipped_data("iris.csv"));
  std::vector<float> x, sign;
  for (int64_t row = 0; row < table.values.size(0); ++row) {
    const std::vector<float> v = to_vector<float>(table.values[row]);
    if (v[4] > 1 || (row % 5 == 4) != held_out) continue;
    x.insert(x.end(), v.begin(), v.begin() + 4);
    sign.push_back(v[4] == 0 ? -1.0F : 1.0F);
  }
  const auto n = static_cast<int64_t>(sign.size());
  return {from_vector(x, {n, 4}), from_vector(sign, {n, 1})};
}

milestone::Plan plan() {
  const Flowers train = flowers(false), test = flowers(true);
  milestone::Plan plan;
  plan.model = [] { return nn::make<nn::Linear>(4, 1); };
  plan.optimizer = [](const std::vector<Tensor>& parameters) {
    return std::make_unique<optim::Sgd>(parameters, optim::SgdOptions{.lr = 0.01});
  };
  plan.batch = [train](int64_t) { return std::pair(train.x, train.sign); };
  // What is on the wrong side, or within 1 of the line, counts by how far.
  plan.loss = [](const Tensor& y, const Tensor& sign) { return relu(1 - y * sign).mean(); };
  plan.accuracy = [test](nn::Module& model) {
    const std::vector<float> side = to_vector<float>(model(test.x) * test.sign);
    size_t right = 0;
    for (const float s : side) right += s > 0 ? 1 : 0;
    return static_cast<double>(right) / static_cast<double>(side.size());
  };
  plan.steps = 300;
  plan.bar = 0.95;
  plan.seconds_limit = 30;
  return plan;
}

}  // namespace

int main() {
  return milestone::certify("1957-perceptron", plan);
}
