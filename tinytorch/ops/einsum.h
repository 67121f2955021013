#pragma once
#include <initializer_list>
#include <span>
#include <string>

#include "tinytorch/core/tensor.h"

namespace tinytorch {

// Products of elements, summed by Einstein's convention. Each operand's dimensions have a letter;
// letters that are not in the output are summed over: "ij,jk->ik" is a matrix product, "ii->i" a
// diagonal, "bij,bjk->bik" a batched product, "ij->" a sum. Without "->" the output has the letters
// that stand once, in alphabetical order. "..." stands for any dimensions, aligned at the right and
// broadcast. Spaces are skipped; a size of 1 goes with any size. Operands are multiplied from the
// left to the right. ConfigError for an equation that cannot be read, ShapeError for operands that
// do not fit it, DTypeError for dtypes other than f32 and f64.
Tensor einsum(const std::string& equation, std::span<const Tensor> operands);
inline Tensor einsum(const std::string& equation, std::initializer_list<Tensor> operands) {
  return einsum(equation, std::span<const Tensor>(operands.begin(), operands.size()));
}
// a[i] b[j] for vectors: (n), (m) -> (n, m).
Tensor outer(const Tensor& a, const Tensor& b);

}  // namespace tinytorch
