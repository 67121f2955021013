// Pooling. Two dimensions with equal paddings run as our operations; everything else (1-d, 3-d,
// dilation, ceil_mode, indices) as one slice for each place of the kernel.
#include <limits>

#include "tinytorch/onnx/windows.h"
#include "tinytorch/ops/math.h"
#include "tinytorch/ops/ops.h"

namespace tinytorch::onnx {

namespace {

struct Pooling {
  Windows windows;
  Numbers places;
};

// ceil_mode lets a last window hang over the end, if it begins inside of the input or its padding
// at the front: `windows` gets the padding that it needs; `real_after` keeps what the file says.
Pooling read_pooling(const Node& n, Numbers& real_after) {
  const Tensor& x = n.in(0);
  Pooling p{read_windows(n, x, n.integers("kernel_shape")), {}};
  Windows& w = p.windows;
  real_after = w.after;
  for (int d = 0; d < w.dims(); ++d) {
    const auto i = static_cast<size_t>(d);
    const int64_t size = x.size(d + 2), reach = w.dilation[i] * (w.kernel[i] - 1) + 1;
    int64_t places = w.places(d, size);
    const int64_t next = places * w.stride[i];
    const int64_t uncovered =
        size + w.before[i] + w.after[i] - ((places - 1) * w.stride[i] + reach);
    if (n.integer("ceil_mode", 0) && uncovered > 0 && next < size + w.before[i]) {
      ++places;
      w.after[i] = std::max(w.after[i], next + reach - size - w.before[i]);
    }
    p.places.push_back(places);
  }
  return p;
}

bool is_plain(const Windows& w, const Tensor& x) {
  if (w.dims() != 2 || !w.symmetric() || !is_floating(x.dtype())) return false;
  for (size_t i = 0; i < 2; ++i)
    if (w.dilation[i] != 1 || w.before[i] > w.kernel[i] / 2) return false;
  return true;
}
PoolOptions options_of(const Windows& w) {
  PoolOptions o;
  for (size_t i = 0; i < 2; ++i) {
    o.kernel[i] = w.kernel[i];
    o.stride[i] = w.stride[i];
    o.padding[i] = w.before[i];
  }
  return o;
}

double lowest(DType dtype) {
  switch (dtype) {
    case DType::kU8:
      return 0;
    case DType::kI8:
      return -128;
    case DType::kI32:
      return std::numeric_limits<int32_t>::min();
    case DType::kI64:
      return static_cast<double>(std::numeric_limits<int64_t>::min());
    default:
      return -std::numeric_limits<double>::infinity();
  }
}

// The number of each value in the whole of x, (1 for all channels and samples: added later), row-
// major over the image or, with storage_order 1, column-major.
Tensor numbering(const Tensor& x, bool column_major) {
  Shape image = Shape::filled(x.dim(), 1);
  int64_t count = 1;
  for (int d = 2; d < x.dim(); ++d) count *= (image[d] = x.shape()[d]);
  Tensor places = arange(count);
  if (column_major && x.dim() == 4) places = places.reshape({image[3], image[2]}).t().contiguous();
  Shape maps = Shape::filled(x.dim(), 1);
  maps[0] = x.shape()[0];
  maps[1] = x.shape()[1];
  return places.reshape(image) + arange(maps[0] * maps[1]).reshape(maps) * count;
}

Tensors max_pool(const Node& n) {
  const Tensor& x = n.in(0);
  Numbers unused;
  const Pooling p = read_pooling(n, unused);
  const Windows& w = p.windows;
  if (n.outputs() == 1 && is_plain(w, x)) return {max_pool2d(x, options_of(w))};
  const Tensor padded = with_padding(x, w, lowest(x.dtype()));
  Tensor index_padded, best, index;
  if (n.outputs() > 1)
    index_padded = with_padding(numbering(x, n.integer("storage_order", 0) == 1), w, -1);
  Numbers offset(w.kernel.size(), 0);
  do {
    const Tensor value = at_offset(padded, w, offset, p.places);
    if (!best.defined()) {
      best = value;
      if (n.outputs() > 1) index = at_offset(index_padded, w, offset, p.places);
      continue;
    }
    // The padding's index is -1: a window's first real value takes its place, also a lowest one.
    if (n.outputs() > 1)
      index = where(logical_or(gt(value, best), lt(index, 0)),
                    at_offset(index_padded, w, offset, p.places), index);
    best = maximum(best, value);
  } while (next_offset(offset, w.kernel));
  Tensors out{best};
  if (n.outputs() > 1) out.push_back(index);
  return out;
}

Tensors average_pool(const Node& n) {
  const Tensor& x = n.in(0);
  Numbers real_after;
  const Pooling p = read_pooling(n, real_after);
  const Windows& w = p.windows;
  const bool with_pad = n.integer("count_include_pad", 0) != 0;
  if (is_plain(w, x) && real_after == w.after) {
    PoolOptions o = options_of(w);
    o.count_include_pad = with_pad;
    return {avg_pool2d(x, o)};
  }
  // What counts: the input, and its padding if asked, but never what ceil_mode adds behind.
  Windows counted = w, beyond = w;
  Shape one = x.shape();
  one[0] = one[1] = 1;
  Tensor count = ones(one, x.dtype());
  if (with_pad) {
    counted.after = real_after;
    count = with_padding(count, counted, 1);
    for (size_t i = 0; i < real_after.size(); ++i) {
      beyond.before[i] = 0;
      beyond.after[i] = w.after[i] - real_after[i];
    }
  }
  count = with_padding(count, with_pad ? beyond : w, 0);
  const Tensor padded = with_padding(x, w, 0);
  Tensor total, weight;
  Numbers offset(w.kernel.size(), 0);
  do {
    const Tensor value = at_offset(padded, w, offset, p.places);
    const Tensor counts = at_offset(count, w, offset, p.places);
    total = total.defined() ? total + value : value;
    weight = weight.defined() ? weight + counts : counts;
  } while (next_offset(offset, w.kernel));
  return {total / weight};
}

Numbers image_dims(const Tensor& x) {
  if (x.dim() < 3) raise<ShapeError>("{} has no image dimensions", x.shape().str());
  Numbers dims;
  for (int d = 2; d < x.dim(); ++d) dims.push_back(d);
  return dims;
}

Tensors global_average(const Node& n) {
  return {mean(n.in(0), image_dims(n.in(0)), true)};
}

Tensors global_max(const Node& n) {
  Tensor y = n.in(0);
  for (const int64_t d : image_dims(y)) y = max(y, d, true).first;
  return {y};
}

const OpRow kRows[] = {
    {"MaxPool", 1, max_pool},
    {"AveragePool", 1, average_pool},
    {"GlobalAveragePool", 1, global_average},
    {"GlobalMaxPool", 1, global_max},
};

}  // namespace

std::span<const OpRow> pool_rows() {
  return kRows;
}

}  // namespace tinytorch::onnx
