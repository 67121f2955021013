#pragma once
#include "tinytorch/core/dataloader.h"

namespace tinytorch::data {

// One mean and one standard deviation a channel, of pixels in 0 to 1.
struct ChannelStats {
  std::vector<double> mean, deviation;
};

// Of u8 images (n, c, h, w) whose values 0 to `full_scale` stand for 0 to 1. The deviation is that
// of the population (divided by the number of pixels); a constant channel gets 1.
ChannelStats channel_stats(const Tensor& images, int full_scale);

// Small images kept as bytes and converted when a batch is made: a quarter of the memory, and one
// look-up a pixel, x = (pixel / full_scale - mean[c]) / deviation[c], rounded once from f64.
class ImageDataset final : public Dataset {
 public:
  // images u8 (n, c, h, w), labels u8 (n). IoError naming `name` for a label >= classes.
  // flatten: samples are (c * h * w) instead of (c, h, w).
  ImageDataset(std::string_view name, Tensor images, const Tensor& labels, int64_t classes,
               int full_scale, const ChannelStats& stats, bool flatten);

  int64_t size() const override { return images_.size(0); }
  Shape x_shape() const override;
  Shape y_shape() const override { return {}; }
  void fill(std::span<const int64_t> indices, const Tensor& x, const Tensor& y) const override;

 private:
  Tensor images_;
  std::vector<int64_t> labels_;
  std::vector<float> table_f32_;  // (channels, 256)
  std::vector<double> table_f64_;
  bool flatten_;
};

}  // namespace tinytorch::data
