#include "modules/cnn/debug/tiled-inference.h"

#include "modules/harness/check.h"

namespace tinytorch::check {

namespace {

std::shared_ptr<nn::Conv2d> layer(int64_t in, int64_t out, int64_t kernel, uint32_t seed) {
  auto conv =
      std::make_shared<nn::Conv2d>(in, out, kernel, nn::Conv2d::Options{.padding = kernel / 2});
  for (Tensor p : conv->parameters()) {
    p.set_requires_grad(false);
    p.copy_(from_vector(numbers(static_cast<size_t>(p.numel()), seed++), p.shape()));
  }
  return conv;
}

void compare(const std::vector<std::shared_ptr<nn::Conv2d>>& layers, int64_t height, int64_t width,
             int64_t tile) {
  const hunt::TiledNetwork network(layers, tile);
  const int64_t channels = layers[0]->weight.size(1);
  const Tensor image = from_vector(numbers(static_cast<size_t>(channels * height * width), 91),
                                   {1, channels, height, width});
  const Tensor whole = network.whole(image);
  values({.what = std::to_string(layers.size()) + " layers over [1, " + std::to_string(channels) +
                  ", " + std::to_string(height) + ", " + std::to_string(width) + "], tiles of " +
                  std::to_string(tile) + ", against the whole image",
          .got = doubles(to_vector<float>(network.tiled(image))),
          .expected = doubles(to_vector<float>(whole)),
          .shape = whole.shape(),
          .tolerance = 1e-4});
}

}  // namespace

TASK_TEST(tiled_inference, of_one_tile) {
  compare({layer(2, 3, 3, 1), layer(3, 2, 5, 5)}, 9, 7, 64);
}

TASK_TEST(tiled_inference, of_large_tiles) {
  compare({layer(2, 3, 3, 1), layer(3, 2, 5, 5)}, 40, 33, 16);
}

TASK_TEST(tiled_inference, of_small_tiles) {
  compare({layer(1, 2, 5, 1), layer(2, 1, 5, 5)}, 14, 13, 3);
}

TASK_TEST(tiled_inference, of_a_deep_stack) {
  compare({layer(1, 2, 3, 1), layer(2, 2, 5, 5), layer(2, 2, 5, 9), layer(2, 1, 5, 13)}, 24, 19, 6);
}

}  // namespace tinytorch::check
