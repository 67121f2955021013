#include <algorithm>
#include <cmath>
#include <numeric>

#include "modules/harness/check.h"
#include "modules/mlp/debug/hard-examples.h"
#include "tinytorch/core/autograd.h"
#include "tinytorch/core/memory_stats.h"

namespace tinytorch::check {

namespace {

constexpr int64_t kFeatures = 96;

// Logits are the first three features, so that a row's loss is known without a model.
class FirstThree : public nn::Module {
 public:
  Tensor forward(const Tensor& x) override { return x.narrow(1, 0, 3); }
  const char* kind() const override { return "FirstThree"; }
};

struct Data {
  explicit Data(int64_t count)
      : rows(count), values(numbers(static_cast<size_t>(count * kFeatures), 31)) {
    for (int64_t r = 0; r < rows; ++r) labels.push_back(r % 3);
  }
  double loss(int64_t row) const {
    const float* x = values.data() + row * kFeatures;
    double sum = 0;
    for (int c = 0; c < 3; ++c) sum += std::exp(static_cast<double>(x[c]));
    return std::log(sum) - static_cast<double>(x[labels[static_cast<size_t>(row)]]);
  }
  std::vector<int64_t> hardest(int64_t most) const {
    std::vector<int64_t> order(static_cast<size_t>(rows));
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(),
                     [&](int64_t a, int64_t b) { return loss(a) > loss(b); });
    order.resize(static_cast<size_t>(most));
    return order;
  }
  void show(hunt::HardExamples& watcher, int64_t batch) const {
    for (int64_t r = 0; r < rows; r += batch) {
      const int64_t n = std::min(batch, rows - r);
      const auto begin = values.begin() + r * kFeatures;
      watcher.watch(
          from_vector(std::vector<float>(begin, begin + n * kFeatures), {n, kFeatures}),
          from_vector(std::vector<int64_t>(labels.begin() + r, labels.begin() + r + n), {n}));
    }
  }
  int64_t rows;
  std::vector<float> values;
  std::vector<int64_t> labels;
};

}  // namespace

TASK_TEST(hard_examples, keeps_the_rows_with_the_largest_loss) {
  FirstThree model;
  const Data data(300);
  hunt::HardExamples watcher(model, 5);
  data.show(watcher, 64);
  Values v{.what = "the 5 hardest of 300 rows", .got = {}, .expected = doubles(data.hardest(5))};
  for (const hunt::Example& e : watcher.found()) v.got.push_back(static_cast<double>(e.row));
  values(v);
}

TASK_TEST(hard_examples, gives_the_rows_as_they_were) {
  FirstThree model;
  const Data data(120);
  hunt::HardExamples watcher(model, 3);
  data.show(watcher, 50);
  for (const hunt::Example& e : watcher.found()) {
    const auto begin = data.values.begin() + e.row * kFeatures;
    values({.what = "the features of row " + std::to_string(e.row),
            .got = doubles(to_vector<float>(e.features)),
            .expected = doubles(std::vector<float>(begin, begin + kFeatures))});
  }
}

TASK_TEST(hard_examples, holds_no_more_memory_than_its_rows) {
  FirstThree model;
  const Data data(4096);
  const int64_t before = memory_stats().live_bytes;
  hunt::HardExamples watcher(model, 16);
  data.show(watcher, 256);
  const int64_t held = memory_stats().live_bytes - before, rows = 16 * kFeatures * 4;
  that(held <= 2 * rows, "16 rows of " + std::to_string(kFeatures) + " floats are " +
                             std::to_string(rows) + " bytes; " + std::to_string(held) +
                             " bytes of tensors are alive when all batches are gone");
}

}  // namespace tinytorch::check
