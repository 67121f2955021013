#pragma once
// What the tests of layouts share: every index of a shape, and the address of an element by the
// chapter's rule.
#include <vector>

#include "modules/tensor/tests/invariants.h"
#include "tinytorch/core/layout.h"

namespace tinytorch::check {

// Every index of the shape in row-major order.
inline std::vector<std::vector<int64_t>> indices(const Shape& shape) {
  int64_t count = 1;
  for (const int64_t size : shape) count *= size;
  std::vector<std::vector<int64_t>> out;
  for (int64_t k = 0; k < count; ++k) {
    std::vector<int64_t> index(static_cast<size_t>(shape.rank()));
    int64_t rest = k;
    for (int d = shape.rank() - 1; d >= 0; --d) {
      index[static_cast<size_t>(d)] = rest % shape[d];
      rest /= shape[d];
    }
    out.push_back(index);
  }
  return out;
}

inline int64_t address(const Layout& x, const std::vector<int64_t>& index) {
  int64_t at = x.offset;
  for (size_t d = 0; d < index.size(); ++d) at += index[d] * x.strides[static_cast<int>(d)];
  return at;
}

// The addresses of all elements in row-major order.
inline std::vector<double> addresses(const Layout& x) {
  std::vector<double> out;
  for (const auto& index : indices(x.shape)) out.push_back(static_cast<double>(address(x, index)));
  return out;
}

inline std::string text_of(const Layout& x) {
  return "shape " + x.shape.str() + ", strides " + x.strides.str() + ", offset " +
         std::to_string(x.offset);
}

}  // namespace tinytorch::check
