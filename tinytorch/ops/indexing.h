#pragma once
#include <vector>

#include "tinytorch/core/tensor.h"

namespace tinytorch {

// Writing and reading at places that tensors name. Indices are i64 or i32, from 0 on (PyTorch's
// index_put takes negative ones, too); IndexError for those out of range. Where places coincide,
// sums are made in the order of the indices, whatever the number of threads.

// A copy of x with src[p] added at p, but with index[p] in dimension dim, for every p of index. x,
// index and src have the same number of dimensions; index is nowhere larger than src and, but for
// dim, than x. ShapeError, DTypeError (src must have x's dtype).
Tensor scatter_add(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& src);
// The elements of x where the mask (bool, broadcast with x) is true, as a vector in row-major
// order.
Tensor masked_select(const Tensor& x, const Tensor& mask);
// A copy of x with x[indices[0][p], indices[1][p], ...] = values[p], for index tensors that
// broadcast to one shape; values broadcast to that shape followed by x's other dimensions.
// accumulate adds to what is there; else the last of equal places counts (PyTorch leaves it open).
Tensor index_put(const Tensor& x, const std::vector<Tensor>& indices, const Tensor& values,
                 bool accumulate = false);

}  // namespace tinytorch
