#pragma once
#include <cstdint>

#include "tinytorch/core/shape.h"

namespace tinytorch::kernels {

// Brings the dimensions that N strided operands share into the form that is walked fastest: drops
// dimensions of size 1, orders the rest by the stride of operand 0 (ties by the next operands),
// longest first, and merges neighbours that lie behind each other in every operand. The set of
// elements visited stays the same; their order does not. Strides in any one unit.
void coalesce(Shape& shape, Strides* stride, int operands);

}  // namespace tinytorch::kernels
