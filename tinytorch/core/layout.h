#pragma once
// Where the elements of a tensor lie in its storage. Pure functions, no memory is touched; the
// student of module 1 writes them (core/tensor.cpp).
#include <optional>

#include "tinytorch/core/shape.h"

namespace tinytorch {

struct Layout {
  Shape shape;
  Strides strides;     // elements; 0 where a dimension is expanded
  int64_t offset = 0;  // elements from the start of the storage
};

// Row-major strides: the last dimension has stride 1. A zero size counts as 1 here.
Strides contiguous_strides(const Shape& shape);
// Strides of a 4-d shape n,c,h,w whose channels are innermost.
Strides channels_last_strides(const Shape& shape);
// Elements from the start of the storage to the element at `index` (one entry a dimension).
int64_t offset_of(const Layout& layout, std::span<const int64_t> index);
// Whether walking the shape in row-major order walks memory in order without gaps. Dimensions of
// size 1 may have any stride; an empty tensor is contiguous.
bool is_contiguous(const Shape& shape, const Strides& strides);

// Views: the same elements under other names. The caller has checked shapes and ranges.
std::optional<Layout> reshape_layout(const Layout& x, const Shape& shape);  // none: needs a copy
Layout permute_layout(const Layout& x, std::span<const int> dims);  // out dim i is x's dims[i]
Layout narrow_layout(const Layout& x, int dim, int64_t start, int64_t length, int64_t step);
Layout expand_layout(const Layout& x, const Shape& shape);  // new dims at the left, 1 -> n

}  // namespace tinytorch
