#pragma once
// Changes to samples on their way into a batch: normalisation and random augmentation of images.
#include <functional>
#include <memory>
#include <vector>

#include "tinytorch/core/dataloader.h"

namespace tinytorch::data::transforms {

// The random numbers of one sample in one epoch. They follow from seed, epoch and index alone, so
// augmentation does not depend on workers, on the order of samples or on where a run resumed.
class SampleRandom {
 public:
  SampleRandom(uint64_t seed, int64_t epoch, int64_t index)
      : seed_(seed), epoch_(epoch), index_(index) {}
  double uniform();                            // [0, 1)
  int64_t integer(int64_t low, int64_t high);  // [low, high)

 private:
  uint64_t seed_;
  int64_t epoch_, index_;
  uint32_t drawn_ = 0;
};

// A function of one sample's input (contiguous, f32 or f64). Called by several threads at once.
class Transform {
 public:
  virtual ~Transform() = default;
  virtual Tensor apply(const Tensor& x, SampleRandom& random) const = 0;
  virtual Shape shape(const Shape& sample) const { return sample; }  // of its result
};

// (x[c] - mean[c]) / deviation[c] for images (c, h, w). ConfigError unless there are as many means
// as deviations, all of these positive.
class Normalize final : public Transform {
 public:
  Normalize(std::vector<double> mean, std::vector<double> deviation);
  Tensor apply(const Tensor& x, SampleRandom& random) const override;

 private:
  std::vector<double> mean_, deviation_;
};

// Mirrors an image (c, h, w) left to right with probability p.
class RandomHorizontalFlip final : public Transform {
 public:
  explicit RandomHorizontalFlip(double p = 0.5) : p_(p) {}
  Tensor apply(const Tensor& x, SampleRandom& random) const override;

 private:
  double p_;
};

// A window of height x width at a random place of the image (c, h, w) with `padding` pixels of
// `value` around it: (c, height, width). ShapeError when the window is larger.
class RandomCrop final : public Transform {
 public:
  RandomCrop(int64_t height, int64_t width, int64_t padding = 0, double value = 0)
      : height_(height), width_(width), padding_(padding), value_(value) {}
  Tensor apply(const Tensor& x, SampleRandom& random) const override;
  Shape shape(const Shape& sample) const override;

 private:
  int64_t height_, width_, padding_;
  double value_;
};

// A data set seen through transforms, first to last. Targets pass unchanged. Give the training set
// random ones, the test set none of them.
class TransformedDataset final : public Dataset {
 public:
  using Transforms = std::vector<std::shared_ptr<const Transform>>;
  TransformedDataset(std::shared_ptr<const Dataset> base, Transforms transforms, uint64_t seed = 0);

  int64_t size() const override { return base_->size(); }
  Shape x_shape() const override { return x_shape_; }
  Shape y_shape() const override { return base_->y_shape(); }
  DType x_dtype(DType wanted) const override { return base_->x_dtype(wanted); }
  DType y_dtype(DType wanted) const override { return base_->y_dtype(wanted); }
  void fill(std::span<const int64_t> indices, const Tensor& x, const Tensor& y) const override;
  // The base's order, each index with the epoch in its upper bits: that is how fill learns it.
  std::vector<int64_t> order(bool shuffle, uint64_t seed, int64_t epoch) const override;

 private:
  std::shared_ptr<const Dataset> base_;
  Transforms transforms_;
  uint64_t seed_;
  Shape x_shape_;
};

}  // namespace tinytorch::data::transforms
