#pragma once
// More reductions. Semantics are PyTorch's: empty dims means all, negative dims count from the end,
// reduced dimensions vanish or, with keepdim, stay with size 1. A dim out of range or named twice:
// IndexError. Each stands in the file of ops/ named above it.
#include <initializer_list>
#include <span>
#include <utility>

#include "tinytorch/ops/ops.h"

namespace tinytorch {

// ---- extreme_values.cpp: a NaN wins; ShapeError where a reduced dimension is empty
Tensor min(const Tensor& x);  // the gradient is shared among equal minima
// Values and indices (i64, the first of equals); the gradient goes to that one.
std::pair<Tensor, Tensor> min(const Tensor& x, int64_t dim, bool keepdim = false);
Tensor argmin(const Tensor& x, int64_t dim, bool keepdim = false);  // i64
Tensor argmin(const Tensor& x);                                     // position in row-major order
Tensor argmax(const Tensor& x);
// Over several dimensions; equal values share the gradient.
Tensor amax(const Tensor& x, std::span<const int64_t> dims = {}, bool keepdim = false);
Tensor amin(const Tensor& x, std::span<const int64_t> dims = {}, bool keepdim = false);

// ---- statistics.cpp: floating dtypes where it does not say otherwise (DTypeError)
// (Where `using namespace tinytorch` is in force, call it tt::std.) sqrt(var): NaN for one value
// unless biased; gradient 0 where it is 0.
Tensor std(const Tensor& x, std::span<const int64_t> dims = {}, bool unbiased = true,
           bool keepdim = false);
// (sum |x|^p)^(1/p); p inf: the largest |x|, -inf: the smallest, 0: how many are not 0. Gradient 0
// where the norm is 0.
Tensor norm(const Tensor& x, double p = 2, std::span<const int64_t> dims = {},
            bool keepdim = false);
// log sum e^x, without overflow.
Tensor logsumexp(const Tensor& x, std::span<const int64_t> dims = {}, bool keepdim = false);

// ---- accumulate.cpp: integers and bool give i64
// Product, multiplied as a tree; 1 of nothing. The gradient is right with any number of zeros.
Tensor prod(const Tensor& x);
Tensor prod(const Tensor& x, int64_t dim, bool keepdim = false);
// Running sums along dim, of x's shape; floats are summed in double.
Tensor cumsum(const Tensor& x, int64_t dim);

// The same with dims in braces: amax(x, {0, 2}).
inline Tensor amax(const Tensor& x, DimInit dims, bool keepdim = false) {
  return amax(x, std::span<const int64_t>(dims.begin(), dims.size()), keepdim);
}
inline Tensor amin(const Tensor& x, DimInit dims, bool keepdim = false) {
  return amin(x, std::span<const int64_t>(dims.begin(), dims.size()), keepdim);
}
inline Tensor std(const Tensor& x, DimInit dims, bool unbiased = true, bool keepdim = false) {
  return std(x, std::span<const int64_t>(dims.begin(), dims.size()), unbiased, keepdim);
}
inline Tensor norm(const Tensor& x, double p, DimInit dims, bool keepdim = false) {
  return norm(x, p, std::span<const int64_t>(dims.begin(), dims.size()), keepdim);
}
inline Tensor logsumexp(const Tensor& x, DimInit dims, bool keepdim = false) {
  return logsumexp(x, std::span<const int64_t>(dims.begin(), dims.size()), keepdim);
}

}  // namespace tinytorch
