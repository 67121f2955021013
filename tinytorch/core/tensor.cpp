// Strides, and the views that are made from them: a view is a new layout over the same memory.
#include "tinytorch/core/layout.h"

#include <algorithm>

namespace tinytorch {

// tito:begin 1.0
// tito:end 1.0

int64_t offset_of(const Layout& layout, std::span<const int64_t> index) {
  // tito:begin 1.4
  int64_t offset = layout.offset;
  for (size_t i = 0; i < index.size(); ++i)
    offset += index[i] * layout.strides[static_cast<int>(i)];
  return offset;
  // tito:end 1.4
}

Strides contiguous_strides(const Shape& shape) {
  // tito:begin 1.5
  Strides strides = Dims::filled(shape.rank(), 1);
  for (int i = shape.rank() - 2; i >= 0; --i)
    strides[i] = strides[i + 1] * std::max<int64_t>(shape[i + 1], 1);
  return strides;
  // tito:end 1.5
}

bool is_contiguous(const Shape& shape, const Strides& strides) {
  // tito:begin 1.6
  bool dense = true;
  int64_t expected = 1;  // the stride that leaves no gap
  for (int i = shape.rank() - 1; i >= 0; --i) {
    if (shape[i] == 0) return true;
    if (shape[i] != 1 && strides[i] != expected) dense = false;
    expected *= shape[i];
  }
  return dense;
  // tito:end 1.6
}

Layout permute_layout(const Layout& x, std::span<const int> dims) {
  // tito:begin 1.7a
  Layout out{{}, {}, x.offset};
  for (const int d : dims) {
    out.shape.push_back(x.shape[d]);
    out.strides.push_back(x.strides[d]);
  }
  return out;
  // tito:end 1.7a
}

Layout narrow_layout(const Layout& x, int dim, int64_t start, int64_t length, int64_t step) {
  // tito:begin 1.7b
  Layout out = x;
  out.offset += start * x.strides[dim];
  out.shape[dim] = length;
  out.strides[dim] *= step;
  return out;
  // tito:end 1.7b
}

Layout expand_layout(const Layout& x, const Shape& shape) {
  // tito:begin 1.7c
  Layout out{shape, Dims::filled(shape.rank(), 0), x.offset};
  const int extra = shape.rank() - x.shape.rank();
  for (int i = 0; i < x.shape.rank(); ++i)
    if (x.shape[i] == shape[i + extra]) out.strides[i + extra] = x.strides[i];
  return out;
  // tito:end 1.7c
}

std::optional<Layout> reshape_layout(const Layout& x, const Shape& shape) {
  // tito:begin 1.8
  if (shape.product() == 0) return Layout{shape, contiguous_strides(shape), x.offset};
  // Walk both shapes from the right. A run of old dimensions that lie behind each other in memory
  // (stride[i] == stride[i+1] * size[i+1]) may be cut anew; a cut across two runs needs a copy.
  Layout out{shape, Dims::filled(shape.rank(), 1), x.offset};
  int to = shape.rank() - 1;
  int from = x.shape.rank() - 1;
  while (from >= 0) {
    int64_t run = x.shape[from];
    const int64_t unit = x.strides[from];
    while (from > 0 && (x.shape[from - 1] == 1 || x.strides[from - 1] == unit * run))
      run *= x.shape[--from];
    --from;
    int64_t filled = 1;
    while (to >= 0 && (filled < run || shape[to] == 1)) {
      out.strides[to] = unit * filled;
      filled *= shape[to--];
    }
    if (filled != run) return std::nullopt;
  }
  return out;
  // tito:end 1.8
}

Strides channels_last_strides(const Shape& s) {
  return {s[1] * s[2] * s[3], 1, s[3] * s[1], s[1]};
}

}  // namespace tinytorch
