#include "tinytorch/data/image_dataset.h"

#include <cmath>

#include "tinytorch/core/format.h"

namespace tinytorch::data {

namespace {

constexpr int64_t kLevels = 256;

template <class T>
void convert(const uint8_t* pixels, int64_t channels, int64_t plane, const T* table, T* out) {
  for (int64_t c = 0; c < channels; ++c, table += kLevels, pixels += plane, out += plane)
    for (int64_t i = 0; i < plane; ++i) out[i] = table[pixels[i]];
}

}  // namespace

ChannelStats channel_stats(const Tensor& images, int full_scale) {
  const int64_t count = images.size(0), channels = images.size(1);
  const int64_t plane = images.size(2) * images.size(3);
  // Counting levels makes the sums exact whatever the number of pixels.
  std::vector<int64_t> histogram(static_cast<size_t>(channels * kLevels));
  const uint8_t* p = images.data<uint8_t>();
  for (int64_t i = 0; i < count; ++i)
    for (int64_t c = 0; c < channels; ++c)
      for (const uint8_t* end = p + plane; p < end; ++p)
        ++histogram[static_cast<size_t>(c * kLevels + *p)];
  ChannelStats stats;
  const double pixels = static_cast<double>(count * plane);
  for (int64_t c = 0; c < channels; ++c) {
    const int64_t* h = &histogram[static_cast<size_t>(c * kLevels)];
    double mean = 0, variance = 0;
    for (int64_t v = 0; v < kLevels; ++v)
      mean += static_cast<double>(h[v]) * static_cast<double>(v) / full_scale / pixels;
    for (int64_t v = 0; v < kLevels; ++v) {
      const double d = static_cast<double>(v) / full_scale - mean;
      variance += static_cast<double>(h[v]) * d * d / pixels;
    }
    stats.mean.push_back(pixels > 0 ? mean : 0);
    // A constant channel leaves a rounding error of its mean, far below one level.
    stats.deviation.push_back(variance > 1e-12 ? std::sqrt(variance) : 1);
  }
  return stats;
}

ImageDataset::ImageDataset(std::string_view name, Tensor images, const Tensor& labels,
                           int64_t classes, int full_scale, const ChannelStats& stats, bool flatten)
    : images_(std::move(images)), flatten_(flatten) {
  const uint8_t* label = labels.data<uint8_t>();
  for (int64_t i = 0; i < labels.size(0); ++i) {
    if (label[i] >= classes)
      raise<IoError>("{}: label {} is {}, expected 0 to {}.", name, i, label[i], classes - 1);
    labels_.push_back(label[i]);
  }
  for (int64_t c = 0; c < images_.size(1); ++c)
    for (int64_t v = 0; v < kLevels; ++v) {
      const auto channel = static_cast<size_t>(c);
      const double pixel = static_cast<double>(v) / full_scale;
      table_f64_.push_back((pixel - stats.mean[channel]) / stats.deviation[channel]);
    }
  table_f32_.assign(table_f64_.begin(), table_f64_.end());
}

Shape ImageDataset::x_shape() const {
  const int64_t c = images_.size(1), h = images_.size(2), w = images_.size(3);
  return flatten_ ? Shape{c * h * w} : Shape{c, h, w};
}

void ImageDataset::fill(std::span<const int64_t> indices, const Tensor& x, const Tensor& y) const {
  const int64_t channels = images_.size(1), plane = images_.size(2) * images_.size(3);
  const int64_t length = channels * plane;
  const uint8_t* images = images_.data<uint8_t>();
  int64_t* labels = y.data<int64_t>();
  for (size_t i = 0; i < indices.size(); ++i) {
    const uint8_t* image = images + indices[i] * length;
    const int64_t at = static_cast<int64_t>(i) * length;
    if (x.dtype() == DType::kF32)
      convert(image, channels, plane, table_f32_.data(), x.data<float>() + at);
    else
      convert(image, channels, plane, table_f64_.data(), x.data<double>() + at);
    labels[i] = labels_[static_cast<size_t>(indices[i])];
  }
}

}  // namespace tinytorch::data
