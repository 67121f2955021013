#include "modules/autograd/debug/scaled-branch.h"
#include "modules/harness/check.h"
#include "tinytorch/ops/ops.h"

namespace tinytorch::check {

namespace {

// The gradient at the input of a block whose weights are small numbers, and what it must be.
void check_block(const Shape& shape) {
  const int64_t n = shape[0], f = shape.product() / shape[0];
  hunt::ResidualBlock block(f, 3, 0.25);
  const auto fill = [](Tensor t, uint32_t seed) {
    const std::vector<float> some = numbers(static_cast<size_t>(t.numel()), seed);
    for (size_t i = 0; i < some.size(); ++i) t.data<float>()[i] = some[i];
  };
  fill(block.first.weight, 1), fill(block.first.bias, 2);
  fill(block.second.weight, 3), fill(block.second.bias, 4);
  const std::vector<float> values_x = numbers(static_cast<size_t>(n * f), 5);
  const std::vector<float> g = numbers(static_cast<size_t>(n * f), 6);
  const Tensor leaf = from_vector(values_x, shape).set_requires_grad();
  const Tensor x = leaf * 1;
  block(x).backward(from_vector(g, shape));
  const auto w1 = to_vector<float>(block.first.weight.detach());
  const auto b1 = to_vector<float>(block.first.bias.detach());
  const auto w2 = to_vector<float>(block.second.weight.detach());
  std::vector<double> expected(g.begin(), g.end());
  for (int64_t i = 0; i < n; ++i)
    for (int64_t k = 0; k < 3; ++k) {
      double h = b1[static_cast<size_t>(k)], dh = 0;
      for (int64_t c = 0; c < f; ++c) {
        h += double(w1[static_cast<size_t>(k * f + c)]) * values_x[static_cast<size_t>(i * f + c)];
        dh += 0.25 * g[static_cast<size_t>(i * f + c)] * w2[static_cast<size_t>(c * 3 + k)];
      }
      if (h <= 0) continue;
      for (int64_t c = 0; c < f; ++c)
        expected[static_cast<size_t>(i * f + c)] += dh * w1[static_cast<size_t>(k * f + c)];
    }
  values({.what = "the gradient at the input of a residual block, x " + shape.str(),
          .got = doubles(to_vector<float>(leaf.grad())),
          .expected = expected,
          .shape = shape,
          .tolerance = 1e-5});
}

}  // namespace

TASK_TEST(scaled_branch, of_rows) {
  check_block({4, 6});
}

TASK_TEST(scaled_branch, of_images) {
  check_block({4, 1, 2, 3});
}

TASK_TEST(scaled_branch, of_a_single_value) {
  const Tensor x = Tensor::of({1, 2, 3}).set_requires_grad();
  hunt::scale_gradient(x * 2, 0.5).backward(Tensor::of({1, 10, 100}));
  values({.what = "the gradient of x in y = scale_gradient(2x, 0.5)",
          .got = doubles(to_vector<float>(x.grad())),
          .expected = {1, 10, 100}});
}

TASK_TEST(scaled_branch, rows_and_images_learn_alike) {
  const std::vector<float> some = numbers(60, 7);
  std::vector<double> profiles[2];
  for (const bool images : {false, true}) {
    hunt::ResidualNet net(6, 4, 3, 4, 0.5);
    uint32_t seed = 10;
    for (const Tensor& p : net.parameters()) {
      const std::vector<float> w = numbers(static_cast<size_t>(p.numel()), seed++);
      for (size_t i = 0; i < w.size(); ++i) p.data<float>()[i] = w[i] / 2;
    }
    const Tensor x = from_vector(some, images ? Shape{10, 1, 2, 3} : Shape{10, 6});
    cross_entropy(net(x), Tensor::of({0, 1, 2, 0, 1, 2, 0, 1, 2, 0}, {}, DType::kI64)).backward();
    profiles[images] = hunt::gradient_profile(net, 4);
  }
  values({.what = "the gradients of four blocks against the head's, the same samples as images",
          .got = profiles[1],
          .expected = profiles[0],
          .tolerance = 1e-5});
}

}  // namespace tinytorch::check
