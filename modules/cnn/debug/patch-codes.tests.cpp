#include "modules/cnn/debug/patch-codes.h"

#include "modules/harness/check.h"
#include "tinytorch/core/memory_stats.h"

namespace tinytorch::check {

namespace {

constexpr int64_t kSize = 3, kChannels = 2;

Tensor random(const Shape& shape, uint32_t seed) {
  return from_vector(numbers(static_cast<size_t>(shape.product()), seed), shape);
}

std::vector<double> expected(const std::vector<float>& patterns, int64_t count,
                             const std::vector<float>& image, int64_t h, int64_t w) {
  std::vector<double> codes;
  for (int64_t i = 0; i + kSize <= h; ++i)
    for (int64_t j = 0; j + kSize <= w; ++j) {
      double best = -1e300, winner = 0;
      for (int64_t k = 0; k < count; ++k) {
        double fit = 0;
        for (int64_t c = 0; c < kChannels; ++c)
          for (int64_t p = 0; p < kSize; ++p)
            for (int64_t q = 0; q < kSize; ++q)
              fit += static_cast<double>(patterns[static_cast<size_t>(
                         ((k * kChannels + c) * kSize + p) * kSize + q)]) *
                     static_cast<double>(image[static_cast<size_t>((c * h + i + p) * w + j + q)]);
        if (fit > best) best = fit, winner = static_cast<double>(k);
      }
      codes.push_back(winner);
    }
  return codes;
}

void compare(hunt::PatchCodes& coder, const Tensor& patterns, const Tensor& images) {
  const auto got = coder.codes(images);
  const std::vector<float> flat = to_vector<float>(patterns);
  for (int64_t i = 0; i < images.size(0); ++i)
    values({.what = "the codes of image " + std::to_string(i) + " of " + images.shape().str(),
            .got = doubles(got[static_cast<size_t>(i)]),
            .expected = expected(flat, patterns.size(0), to_vector<float>(images.select(0, i)),
                                 images.size(2), images.size(3))});
}

}  // namespace

TASK_TEST(patch_codes, of_known_patterns) {
  const Tensor patterns = random({5, kChannels, kSize, kSize}, 1);
  hunt::PatchCodes coder(patterns);
  compare(coder, patterns, random({1, kChannels, 6, 5}, 2));
}

TASK_TEST(patch_codes, of_several_images) {
  const Tensor patterns = random({7, kChannels, kSize, kSize}, 3);
  hunt::PatchCodes coder(patterns);
  compare(coder, patterns, random({3, kChannels, 5, 8}, 4));
  compare(coder, patterns, random({2, kChannels, 5, 8}, 5));
}

TASK_TEST(patch_codes, sees_a_changed_image) {
  const Tensor patterns = random({4, kChannels, kSize, kSize}, 6);
  hunt::PatchCodes coder(patterns);
  Tensor images = random({1, kChannels, 6, 6}, 7);
  compare(coder, patterns, images);
  images.mul_(-1);
  compare(coder, patterns, images);
}

TASK_TEST(patch_codes, copies_each_image_once) {
  const Tensor images = random({3, kChannels, 8, 8}, 8);
  const auto allocations = [&](int64_t count) {
    const Tensor patterns = random({count, kChannels, kSize, kSize}, 9);
    hunt::PatchCodes coder(patterns);
    const int64_t before = memory_stats().allocations;
    coder.codes(images);
    return memory_stats().allocations - before;
  };
  const int64_t one = allocations(1), many = allocations(64);
  that(many - one <= 3 * 63 + 8,
       "3 images took " + std::to_string(one) + " tensors with 1 pattern and " +
           std::to_string(many) + " with 64; one fit for each further pattern and image would be " +
           std::to_string(3 * 63) + " more");
}

}  // namespace tinytorch::check
