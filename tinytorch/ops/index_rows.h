#pragma once
// What the operations on indices share: rows of a table taken and added, each the other's gradient.
// Internal.
#include "tinytorch/ops/common.h"

namespace tinytorch {

// Index tensors as contiguous i64. DTypeError for others than i64 and i32.
Tensor as_index(const Tensor& index, const char* op);
// IndexError unless all of a contiguous i64 index is in [0, size), the size of dim of x.
void check_range(const Tensor& index, int64_t size, const char* op, const Tensor& x, int dim);
// For each element p of index (i64, contiguous) the row-major place in a tensor of that shape of
// the element that has p's coordinates, but index[p] in dimension dim. As a vector.
Tensor places(const Tensor& index, const Shape& shape, int dim);

// out[i, :] = table[index[i], :] for a table of any rank; its first dimension is indexed. index is
// a contiguous i64 vector, the result has the shape index_shape + the table's other dimensions.
Tensor take_rows(const char* name, const Tensor& table, const Tensor& index,
                 const Shape& index_shape);
// A tensor of the shape `table`: zeros, to whose row index[i] row i of `rows` is added, in the
// order of i.
Tensor add_rows(const char* name, const Tensor& rows, const Tensor& index, const Shape& table);

}  // namespace tinytorch
