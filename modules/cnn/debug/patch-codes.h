#pragma once
// Which of K patterns fits best at each position of an image: a convolution with one output channel
// a pattern, then an argmax. The columns of an image are made once and kept while it is asked
// about.
#include <vector>

#include "tinytorch/core/tensor.h"

namespace tinytorch::hunt {

// The windows of one image as a matrix: (channels * size * size, positions).
class ColumnCache {
 public:
  explicit ColumnCache(int64_t size) : size_(size) {}
  // Of image number `index` of a batch (n, c, h, w); made anew only when it is another image, or
  // when the image has been written to.
  const Tensor& columns(const Tensor& images, int64_t index);

 private:
  int64_t size_;
  Tensor image_;  // the one that columns_ belongs to
  uint32_t version_ = 0;
  Tensor columns_;
};

class PatchCodes {
 public:
  // patterns (K, channels, size, size)
  explicit PatchCodes(const Tensor& patterns);
  // For each image of (n, c, h, w): the number of the best pattern at each position, row-major over
  // the (h - size + 1) x (w - size + 1) positions. Of equal ones the first.
  std::vector<std::vector<int64_t>> codes(const Tensor& images);

 private:
  Tensor patterns_;  // (K, channels * size * size)
  int64_t size_;
  ColumnCache cache_;
};

}  // namespace tinytorch::hunt
