#include "modules/cnn/debug/tiled-inference.h"

#include <algorithm>

#include "tinytorch/core/autograd.h"
#include "tinytorch/core/error.h"
#include "tinytorch/ops/ops.h"

namespace tinytorch::hunt {

namespace {

// One axis of a tile: the results [first, last) need the image's elements [from, to).
struct Span {
  int64_t first, last, from, to;

  // The halo reaches over the image's edge at the border tiles: there the layers' own padding does
  // what it does for the whole image, so the window ends with the image.
  Span(int64_t start, int64_t tile, int64_t halo, int64_t size)
      : first(start),
        last(std::min(start + tile, size)),
        from(std::max<int64_t>(first - halo, 0)),
        to(std::min(last + halo, size)) {}

  int64_t window() const { return to - from; }
  int64_t length() const { return last - first; }
  // Where the tile's own results begin inside of the window's. A tile at the image's edge has no
  // halo on that side; `halo` elements lie before any other.
  int64_t margin(int64_t halo) const {
    if (first == 0) return 0;
    return std::min(halo, window() - length());
  }
};

// Every start of a tile along an axis.
std::vector<int64_t> starts(int64_t size, int64_t tile) {
  std::vector<int64_t> list;
  for (int64_t at = 0; at < size; at += tile) list.push_back(at);
  return list;
}

}  // namespace

TiledNetwork::TiledNetwork(std::vector<std::shared_ptr<nn::Conv2d>> layers, int64_t tile)
    : layers_(std::move(layers)), tile_(tile) {
  if (tile < 1) throw ConfigError("TiledNetwork: tile must be at least 1.");
  for (const auto& layer : layers_) {
    const int64_t kernel = layer->weight.size(2);
    if (kernel % 2 == 0) throw ConfigError("TiledNetwork: kernels must be odd.");
    halo_ += kernel / 2;  // each layer sees half a kernel further
  }
}

Tensor TiledNetwork::whole(const Tensor& image) const {
  const NoGrad no_grad;
  Tensor out = image;
  for (size_t i = 0; i < layers_.size(); ++i)
    out = layers_[i]->forward(out, i + 1 < layers_.size() ? Fused::kRelu : Fused::kNone);
  if (out.size(2) != image.size(2) || out.size(3) != image.size(3))
    throw ShapeError("TiledNetwork: the layers must keep the image's size.");
  return out;
}

Tensor TiledNetwork::tiled(const Tensor& image) const {
  const NoGrad no_grad;
  const int64_t height = image.size(2), width = image.size(3);
  const int64_t channels = layers_.empty() ? image.size(1) : layers_.back()->weight.size(0);
  Tensor result = empty({1, channels, height, width});
  for (const int64_t top : starts(height, tile_)) {
    const Span rows(top, tile_, halo_, height);
    for (const int64_t left : starts(width, tile_)) {
      const Span cols(left, tile_, halo_, width);
      const Tensor window =
          image.narrow(2, rows.from, rows.window()).narrow(3, cols.from, cols.window());
      const Tensor out = whole(window);
      result.narrow(2, rows.first, rows.length())
          .narrow(3, cols.first, cols.length())
          .copy_(out.narrow(2, rows.margin(halo_), rows.length())
                     .narrow(3, cols.margin(halo_), cols.length()));
    }
  }
  return result;
}

}  // namespace tinytorch::hunt
