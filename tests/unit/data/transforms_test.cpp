#include "tinytorch/data/transforms.h"

#include <gtest/gtest.h>

#include <set>

#include "tinytorch/core/error.h"

namespace tinytorch::data::transforms {
namespace {

// n images of c x h x w; the value tells where a pixel comes from: image 10000, channel 1000,
// row 10, column 1 (from 1, so that 0 is padding).
std::shared_ptr<const Dataset> images(int64_t n, int64_t c, int64_t h, int64_t w) {
  Tensor x = empty({n, c, h, w}), y = empty({n}, DType::kI64);
  float* p = x.data<float>();
  for (int64_t i = 0; i < n; ++i) {
    y.data<int64_t>()[i] = i % 3;
    for (int64_t k = 0; k < c * h * w; ++k)
      *p++ = static_cast<float>(10000 * (i + 1) + 1000 * (k / (h * w)) + 10 * (k / w % h + 1) +
                                k % w + 1);
  }
  return std::make_shared<TensorDataset>(x, y);
}

template <class T, class... Args>
TransformedDataset::Transforms only(Args&&... args) {
  return {std::make_shared<T>(std::forward<Args>(args)...)};
}

std::vector<float> values(const Tensor& t) {
  return {t.data<float>(), t.data<float>() + t.numel()};
}

// All batches of some epochs in one row.
std::vector<float> read_epochs(const std::shared_ptr<const Dataset>& dataset, int workers,
                               int epochs, LoaderState from = {}) {
  LoaderOptions options;
  options.batch_size = 4, options.shuffle = true, options.workers = workers, options.seed = 7;
  DataLoader loader(dataset, options);
  from.seed = 7;
  loader.set_state(from);
  std::vector<float> all;
  for (int64_t epoch = from.epoch; epoch < epochs; ++epoch)
    for (const Batch& batch : loader) {
      const std::vector<float> x = values(batch.x);
      all.insert(all.end(), x.begin(), x.end());
    }
  return all;
}

TEST(Transforms, NormalizeTakesMeanAndDeviationOfEachChannel) {
  const TransformedDataset set(
      images(1, 2, 1, 2),
      only<Normalize>(std::vector<double>{10000, 11000}, std::vector<double>{2, 4}));
  Tensor x = empty({1, 2, 1, 2}), y = empty({1}, DType::kI64);
  set.fill(std::vector<int64_t>{0}, x, y);
  EXPECT_EQ(values(x), (std::vector<float>{5.5f, 6, 2.75f, 3}));
  EXPECT_THROW(Normalize({1, 2}, {1}), ConfigError);
  EXPECT_THROW(Normalize({1}, {0}), ConfigError);
}

TEST(Transforms, AFlipMirrorsEveryRowInAboutHalfOfTheSamples) {
  const int64_t n = 400;
  const TransformedDataset set(images(n, 2, 2, 3), only<RandomHorizontalFlip>(), 5);
  Tensor x = empty({n, 2, 2, 3}), y = empty({n}, DType::kI64);
  set.fill(set.order(false, 0, 0), x, y);
  int flipped = 0;
  for (int64_t i = 0; i < n; ++i) {
    const std::vector<float> image = values(x.select(0, i).contiguous());
    const bool flip = image[0] > image[1];
    flipped += flip;
    for (int64_t k = 0; k < 12; ++k) {
      const int64_t column = flip ? 2 - k % 3 : k % 3;
      ASSERT_EQ(
          image[static_cast<size_t>(k)],
          static_cast<float>(10000 * (i + 1) + 1000 * (k / 6) + 10 * (k / 3 % 2 + 1) + column + 1));
    }
    EXPECT_EQ(y.data<int64_t>()[i], i % 3);  // the label stays with its image
  }
  EXPECT_NEAR(flipped, n / 2, 40);  // four deviations
}

TEST(Transforms, ACropIsAWindowOfThePaddedImageAndEveryPlaceOccurs) {
  const int64_t n = 600, h = 3, w = 4;
  const TransformedDataset set(images(n, 2, h, w), only<RandomCrop>(3, 4, 1, -1.0), 9);
  EXPECT_EQ(set.x_shape(), (Shape{2, 3, 4}));
  Tensor x = empty({n, 2, 3, 4}), y = empty({n}, DType::kI64);
  set.fill(set.order(false, 0, 0), x, y);
  std::set<std::pair<int64_t, int64_t>> places;
  for (int64_t i = 0; i < n; ++i) {
    const std::vector<float> image = values(x.select(0, i).contiguous());
    // The middle pixel is never padding: it tells the place.
    const auto code = static_cast<int64_t>(image[5]) - 10000 * (i + 1);
    const int64_t top = code / 10 - 1 - 1, left = code % 10 - 1 - 1;
    places.insert({top, left});
    for (int64_t k = 0; k < 24; ++k) {
      const int64_t c = k / 12, row = top + k / 4 % 3, column = left + k % 4;
      const bool inside = row >= 0 && row < h && column >= 0 && column < w;
      ASSERT_EQ(image[static_cast<size_t>(k)],
                inside
                    ? static_cast<float>(10000 * (i + 1) + 1000 * c + 10 * (row + 1) + column + 1)
                    : -1.0f)
          << "image " << i << " pixel " << k;
    }
  }
  EXPECT_EQ(places.size(), 9u);
  EXPECT_EQ(places.begin()->first, -1);
  EXPECT_THROW(TransformedDataset(images(1, 1, 3, 4), only<RandomCrop>(6, 4, 1)), ShapeError);
}

TEST(Transforms, AugmentationFollowsFromSeedEpochAndSampleAlone) {
  TransformedDataset::Transforms both = {std::make_shared<RandomCrop>(5, 5, 2),
                                         std::make_shared<RandomHorizontalFlip>()};
  const auto set = std::make_shared<TransformedDataset>(images(10, 1, 5, 5), both, 3);
  const std::vector<float> want = read_epochs(set, 0, 3);
  EXPECT_EQ(read_epochs(set, 1, 3), want);
  EXPECT_EQ(read_epochs(set, 3, 3), want);
  // From the middle of the second epoch on.
  const std::vector<float> rest = read_epochs(set, 2, 3, {7, 1, 1});
  ASSERT_EQ(rest.size(), want.size() - (10 + 4) * 25);
  EXPECT_TRUE(std::equal(rest.begin(), rest.end(), want.end() - static_cast<int64_t>(rest.size())));
  // Another seed and another epoch give other windows of the same sample.
  Tensor a = empty({10, 1, 5, 5}), b = empty(a.shape()), y = empty({10}, DType::kI64);
  set->fill(set->order(false, 0, 0), a, y);
  set->fill(set->order(false, 0, 1), b, y);
  EXPECT_NE(values(a), values(b));
  const TransformedDataset other(images(10, 1, 5, 5), both, 4);
  other.fill(other.order(false, 0, 0), b, y);
  EXPECT_NE(values(a), values(b));
}

TEST(Transforms, AFlatSampleIsRefusedWithItsShape) {
  const auto rows = std::make_shared<TensorDataset>(zeros({2, 6}), zeros({2}, DType::kI64));
  EXPECT_THROW(TransformedDataset(rows, only<RandomCrop>(1, 1)), ShapeError);
  const TransformedDataset set(rows, only<RandomHorizontalFlip>());
  Tensor x = empty({1, 6}), y = empty({1}, DType::kI64);
  EXPECT_THROW(set.fill(std::vector<int64_t>{0}, x, y), ShapeError);
}

}  // namespace
}  // namespace tinytorch::data::transforms
