#include "modules/cnn/debug/patch-codes.h"

#include <limits>

#include "tinytorch/core/autograd.h"
#include "tinytorch/core/error.h"
#include "tinytorch/ops/ops.h"

namespace tinytorch::hunt {

namespace {

// Row (c, p, q) holds the image of channel c moved by (p, q).
Tensor make_columns(const Tensor& image, int64_t size) {
  const int64_t channels = image.size(0);
  const int64_t rows = image.size(1) - size + 1, cols = image.size(2) - size + 1;
  Tensor columns = empty({channels, size, size, rows, cols});
  for (int64_t p = 0; p < size; ++p)
    for (int64_t q = 0; q < size; ++q)
      columns.select(1, p).select(1, q).copy_(image.narrow(1, p, rows).narrow(2, q, cols));
  return columns.reshape({channels * size * size, rows * cols});
}

// The same elements of the same memory, seen the same way.
bool same_view(const Tensor& a, const Tensor& b) {
  return a.defined() && b.defined() && a.raw_data() == b.raw_data() && a.shape() == b.shape() &&
         a.strides() == b.strides();
}

}  // namespace

const Tensor& ColumnCache::columns(const Tensor& images, int64_t index) {
  const Tensor image = images.select(0, index);
  const bool known = same_view(image_, image) && version_ == image.version();
  if (!known) {
    columns_ = make_columns(image, size_);
    image_ = image;
    version_ = image.version();
  }
  return columns_;
}

PatchCodes::PatchCodes(const Tensor& patterns)
    : patterns_(patterns.detach().reshape({patterns.size(0), -1})),
      size_(patterns.size(3)),
      cache_(size_) {
  if (patterns.dim() != 4 || patterns.size(2) != patterns.size(3))
    throw ShapeError("PatchCodes: patterns must be (K, channels, size, size).");
}

std::vector<std::vector<int64_t>> PatchCodes::codes(const Tensor& images) {
  const NoGrad no_grad;
  if (images.dim() != 4 || images.size(2) < size_ || images.size(3) < size_)
    throw ShapeError("PatchCodes: images must be (n, c, h, w), at least as large as a pattern.");
  const int64_t positions = (images.size(2) - size_ + 1) * (images.size(3) - size_ + 1);
  std::vector<std::vector<int64_t>> all;
  for (int64_t i = 0; i < images.size(0); ++i) {
    std::vector<int64_t> code(static_cast<size_t>(positions), 0);
    std::vector<float> best(code.size(), -std::numeric_limits<float>::infinity());
    // Pattern by pattern: the fits of all K at once would be K images.
    for (int64_t k = 0; k < patterns_.size(0); ++k) {
      const Tensor fit = matmul(patterns_.select(0, k), cache_.columns(images, i));
      const float* fits = fit.data<float>();
      for (size_t at = 0; at < code.size(); ++at)
        if (fits[at] > best[at]) {
          best[at] = fits[at];
          code[at] = k;
        }
    }
    all.push_back(std::move(code));
  }
  return all;
}

}  // namespace tinytorch::hunt
