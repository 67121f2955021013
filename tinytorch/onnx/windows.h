#pragma once
// Sliding windows of convolution and pooling: their attributes, for any number of dimensions.
#include "tinytorch/onnx/node.h"

namespace tinytorch::onnx {

struct Windows {
  Numbers kernel, stride, dilation, before, after;  // one an image dimension; paddings
  int dims() const { return static_cast<int>(kernel.size()); }
  bool symmetric() const { return before == after; }
  // Places of dimension d of an input of this size, padding included. ShapeError if none.
  int64_t places(int d, int64_t size) const;
};

// Reads strides, dilations, pads and auto_pad for an input (n, c, sizes...). Sizes are checked.
Windows read_windows(const Node& node, const Tensor& x, const Numbers& kernel);

// x with the windows' paddings filled with `value`, and none left in `windows`.
Tensor with_padding(const Tensor& x, const Windows& windows, double value);

// The view of a padded x that holds, for each window, the value at `offset` of its kernel.
Tensor at_offset(const Tensor& padded, const Windows& windows, const Numbers& offset,
                 const Numbers& places);

// Counts through the offsets of a kernel: {0, 0}, {0, 1}, ...; false after the last.
bool next_offset(Numbers& offset, const Numbers& kernel);

}  // namespace tinytorch::onnx
