#pragma once
#include <utility>

#include "tinytorch/core/tensor.h"

namespace tinytorch {

// Values in order along a dimension, and their indices (i64) there. Equal values keep their order
// (PyTorch's stable = True). A NaN counts as larger than any number. The gradient goes to where the
// values came from. IndexError for a dim that x lacks.
std::pair<Tensor, Tensor> sort(const Tensor& x, int64_t dim = -1, bool descending = false);
Tensor argsort(const Tensor& x, int64_t dim = -1, bool descending = false);
// The k largest (or smallest) values along a dimension, in order, and their indices. Of equal ones
// the first come first (PyTorch leaves it open). ConfigError unless 0 <= k <= the dimension's size.
// Without `sorted` any order will do for the caller, as in PyTorch: it is the same one here.
std::pair<Tensor, Tensor> topk(const Tensor& x, int64_t k, int64_t dim = -1, bool largest = true,
                               bool sorted = true);

}  // namespace tinytorch
