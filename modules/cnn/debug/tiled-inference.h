#pragma once
// Inference over images too large for memory, tile by tile.
#include <memory>
#include <vector>

#include "tinytorch/core/tensor.h"
#include "tinytorch/nn/conv.h"

namespace tinytorch::hunt {

// A stack of convolutions that keep the image's size (odd kernels, stride 1, padding that fits),
// with ReLU after each but the last.
class TiledNetwork {
 public:
  // `tile`: rows and columns of the results that are made at a time.
  TiledNetwork(std::vector<std::shared_ptr<nn::Conv2d>> layers, int64_t tile);

  Tensor whole(const Tensor& image) const;  // (1, c, h, w): all at once
  Tensor tiled(const Tensor& image) const;  // the same values, a tile at a time

  // Pixels of the image on either side that take part in one pixel of the result.
  int64_t halo() const { return halo_; }

 private:
  std::vector<std::shared_ptr<nn::Conv2d>> layers_;
  int64_t tile_, halo_ = 0;
};

}  // namespace tinytorch::hunt
