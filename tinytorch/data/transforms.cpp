#include "tinytorch/data/transforms.h"

#include <algorithm>

#include "tinytorch/core/autograd.h"
#include "tinytorch/core/format.h"
#include "tinytorch/core/philox.h"

namespace tinytorch::data::transforms {

namespace {

constexpr int kEpochShift = 40;  // of an index: room for 10^12 samples and four million epochs
constexpr int64_t kIndexMask = (int64_t{1} << kEpochShift) - 1;
// Apart from every fill's stream, whose counters end in 0, 0 (core/philox.h).
constexpr uint32_t kStream = 1;

void require_image(const Shape& s, const char* transform) {
  if (s.rank() != 3)
    raise<ShapeError>("{}: a sample of shape {} is no image (c, h, w).", transform, s.str());
}

template <class Body>
void with_type(const Tensor& x, const char* transform, Body body) {
  if (x.dtype() == DType::kF32)
    body(float());  // NOLINT(bugprone-branch-clone): the types differ
  else if (x.dtype() == DType::kF64)
    body(double());
  else
    raise<DTypeError>("{}: samples must be f32 or f64, not {}.", transform, dtype_name(x.dtype()));
}

}  // namespace

double SampleRandom::uniform() {
  // Index and epoch together as they stand in an order: 64 bits.
  const auto place = static_cast<uint64_t>(epoch_ << kEpochShift | index_);
  const philox::Block b = philox::block(
      {static_cast<uint32_t>(place), static_cast<uint32_t>(place >> 32), drawn_++, kStream},
      static_cast<uint32_t>(seed_), static_cast<uint32_t>(seed_ >> 32));
  return philox::uniform_f64(philox::low_first(b[0], b[1]));
}

int64_t SampleRandom::integer(int64_t low, int64_t high) {
  const auto range = static_cast<double>(high - low);
  return low + std::min(static_cast<int64_t>(uniform() * range), high - low - 1);
}

Normalize::Normalize(std::vector<double> mean, std::vector<double> deviation)
    : mean_(std::move(mean)), deviation_(std::move(deviation)) {
  const bool positive =
      std::all_of(deviation_.begin(), deviation_.end(), [](double d) { return d > 0; });
  if (mean_.empty() || mean_.size() != deviation_.size() || !positive)
    raise<ConfigError>(
        "Normalize: {} means and {} deviations; one of each for every channel, the "
        "deviations positive.",
        mean_.size(), deviation_.size());
}

Tensor Normalize::apply(const Tensor& x, SampleRandom&) const {
  require_image(x.shape(), "Normalize");
  if (x.size(0) != static_cast<int64_t>(mean_.size()))
    raise<ShapeError>("Normalize: an image of {} channels, but {} means.", x.size(0), mean_.size());
  Tensor out = empty(x.shape(), x.dtype());
  with_type(x, "Normalize", [&](auto type) {
    using T = decltype(type);
    const int64_t plane = x.size(1) * x.size(2);
    for (int64_t i = 0; i < x.numel(); ++i) {
      const auto c = static_cast<size_t>(i / plane);
      out.data<T>()[i] = static_cast<T>((x.data<T>()[i] - mean_[c]) / deviation_[c]);
    }
  });
  return out;
}

Tensor RandomHorizontalFlip::apply(const Tensor& x, SampleRandom& random) const {
  require_image(x.shape(), "RandomHorizontalFlip");
  if (!(random.uniform() < p_)) return x;
  Tensor out = empty(x.shape(), x.dtype());
  with_type(x, "RandomHorizontalFlip", [&](auto type) {
    using T = decltype(type);
    const int64_t w = x.size(2);
    for (int64_t row = 0; row < x.numel(); row += w)
      std::reverse_copy(x.data<T>() + row, x.data<T>() + row + w, out.data<T>() + row);
  });
  return out;
}

Shape RandomCrop::shape(const Shape& sample) const {
  require_image(sample, "RandomCrop");
  if (height_ < 1 || width_ < 1 || padding_ < 0 || height_ > sample[1] + 2 * padding_ ||
      width_ > sample[2] + 2 * padding_)
    raise<ShapeError>("RandomCrop: a window of {}x{} does not fit an image {} padded by {}.",
                      height_, width_, sample.str(), padding_);
  return {sample[0], height_, width_};
}

Tensor RandomCrop::apply(const Tensor& x, SampleRandom& random) const {
  Tensor out = empty(shape(x.shape()), x.dtype());
  const int64_t h = x.size(1), w = x.size(2);
  const int64_t top = random.integer(0, h + 2 * padding_ - height_ + 1) - padding_;
  const int64_t left = random.integer(0, w + 2 * padding_ - width_ + 1) - padding_;
  // Columns [from, to) of the window lie in the image.
  const int64_t from = std::clamp<int64_t>(-left, 0, width_);
  const int64_t to = std::clamp<int64_t>(w - left, from, width_);
  with_type(x, "RandomCrop", [&](auto type) {
    using T = decltype(type);
    T* row = out.data<T>();
    for (int64_t i = 0; i < out.size(0) * height_; ++i, row += width_) {
      const int64_t c = i / height_, y = top + i % height_;
      std::fill_n(row, width_, static_cast<T>(value_));
      if (y < 0 || y >= h) continue;
      const T* source = x.data<T>() + (c * h + y) * w + left;
      std::copy(source + from, source + to, row + from);
    }
  });
  return out;
}

TransformedDataset::TransformedDataset(std::shared_ptr<const Dataset> base, Transforms transforms,
                                       uint64_t seed)
    : base_(std::move(base)), transforms_(std::move(transforms)), seed_(seed) {
  x_shape_ = base_->x_shape();
  for (const auto& transform : transforms_) x_shape_ = transform->shape(x_shape_);
}

std::vector<int64_t> TransformedDataset::order(bool shuffle, uint64_t seed, int64_t epoch) const {
  std::vector<int64_t> order = base_->order(shuffle, seed, epoch);
  for (int64_t& index : order) index |= epoch << kEpochShift;
  return order;
}

void TransformedDataset::fill(std::span<const int64_t> indices, const Tensor& x,
                              const Tensor& y) const {
  const NoGrad no_grad;
  std::vector<int64_t> plain(indices.begin(), indices.end());
  for (int64_t& index : plain) index &= kIndexMask;
  Shape shape = base_->x_shape();
  shape.insert(0, static_cast<int64_t>(indices.size()));
  const Tensor before = empty(shape, x.dtype());
  base_->fill(plain, before, y);
  for (size_t i = 0; i < indices.size(); ++i) {
    Tensor sample = before.select(0, static_cast<int64_t>(i));
    SampleRandom random(seed_, indices[i] >> kEpochShift, plain[i]);
    for (const auto& transform : transforms_)
      sample = transform->apply(sample, random).contiguous();
    x.select(0, static_cast<int64_t>(i)).copy_(sample);
  }
}

}  // namespace tinytorch::data::transforms
