#pragma once
#include <initializer_list>
#include <span>

#include "tinytorch/core/tensor.h"

namespace tinytorch {

// Elements in other places. Lists of dimensions may count from the end; IndexError for those that x
// lacks or that are named twice.

// The elements of these dimensions in reverse order (a copy, as PyTorch's).
Tensor flip(const Tensor& x, std::span<const int64_t> dims);
// Moves the elements of dims[i] by shifts[i] places; those that fall off come in at the other end.
// Without dims x is rolled as one row. ConfigError unless there are as many shifts as dims.
Tensor roll(const Tensor& x, std::span<const int64_t> shifts, std::span<const int64_t> dims = {});
// x times[i] times along dimension i (torch.Tensor.repeat); times may have more dimensions than x,
// which come first. ShapeError for fewer or negative ones.
Tensor repeat(const Tensor& x, std::span<const int64_t> times);
// Windows of `size` along dim, `step` apart: that dimension becomes the number of windows, and a
// last dimension of the window's elements is added. A copy, where torch.Tensor.unfold is a view.
// ShapeError for a size that does not fit or a step below 1.
Tensor unfold(const Tensor& x, int64_t dim, int64_t size, int64_t step);
// The last two dimensions with zeros above (tril) or below (triu) a diagonal: 0 the main one, 1 the
// one above it. ShapeError for less than two dimensions.
Tensor tril(const Tensor& x, int64_t diagonal = 0);
Tensor triu(const Tensor& x, int64_t diagonal = 0);

inline Tensor flip(const Tensor& x, std::initializer_list<int64_t> dims) {
  return flip(x, std::span<const int64_t>(dims.begin(), dims.size()));
}
inline Tensor roll(const Tensor& x, std::initializer_list<int64_t> shifts,
                   std::initializer_list<int64_t> dims = {}) {
  return roll(x, std::span<const int64_t>(shifts.begin(), shifts.size()),
              std::span<const int64_t>(dims.begin(), dims.size()));
}
inline Tensor repeat(const Tensor& x, std::initializer_list<int64_t> times) {
  return repeat(x, std::span<const int64_t>(times.begin(), times.size()));
}

}  // namespace tinytorch
