#pragma once
// What the reductions of reduce.cpp and statistics.cpp share. Internal.
#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "tinytorch/core/tensor.h"

namespace tinytorch {

// The dimensions to reduce, rising.
struct DimList {
  std::array<int, kMaxDims> dims{};
  size_t count = 0;
  std::span<const int> span() const { return {dims.data(), count}; }
  bool contains(int d) const {
    return std::find(dims.begin(), dims.begin() + count, d) != dims.begin() + count;
  }
};

// Empty means all. IndexError for a dimension out of range or named twice.
DimList resolve_dims(const Tensor& x, std::span<const int64_t> dims, const char* op);
int64_t count_of(const Tensor& x, const DimList& dims);  // elements that become one
void require_floating(const Tensor& x, const char* op);  // DTypeError

// The largest (smallest) value over `dims`, a NaN before all, and the row-major position of the
// first one among them. Not recorded. ShapeError names the dimension that is empty.
enum class Extreme : bool { kLargest, kSmallest };
std::pair<Tensor, Tensor> extreme_dims(const Tensor& x, const DimList& dims, bool keepdim,
                                       Extreme which, const char* op);
// Records out, an extreme over one dimension: g at the place `index`.
void record_picked(const char* op, Tensor& out, const Tensor& x, const Tensor& index,
                   const DimList& dims, bool keepdim);
// Records out, an extreme over `dims`: g shared by the values that equal it.
void record_shared(const char* op, Tensor& out, const Tensor& x, const DimList& dims, bool keepdim);

}  // namespace tinytorch
