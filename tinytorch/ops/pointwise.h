#pragma once
// How element-wise operations run: rows of a formula over broadcast operands. Internal.
#include <span>

#include "tinytorch/core/tensor.h"
#include "tinytorch/kernels/pointwise.h"

namespace tinytorch {

// The numbers of a formula: a clamp's bounds, an alpha.
using FormulaNumbers = kernels::Scalars;

// out = formula(inputs...), elementwise with broadcasting. `dtype` chooses the row; operands must
// have it already, except for bool conditions. ns: rough time for one element.
Tensor run_pointwise(const char* op, const kernels::PointwiseRows& rows, DType dtype,
                     DType out_dtype, std::span<const Tensor* const> inputs,
                     const FormulaNumbers* params = nullptr, double ns = 0.2);
// Its quick parts: operands that share dtype, shape and dense order; else undefined. The second
// gives the dtype of its inputs.
Tensor run_dense(const kernels::PointwiseRows& rows, DType dtype, DType out_dtype,
                 std::span<const Tensor* const> inputs, const FormulaNumbers* params = nullptr,
                 double ns = 0.2);
Tensor run_dense(const kernels::PointwiseRows& rows, const Tensor& a, const Tensor& b,
                 const FormulaNumbers* params = nullptr);
// The same into a given tensor of the broadcast shape, which may be one of the inputs.
void run_pointwise_into(const char* op, const kernels::PointwiseRows& rows, DType dtype,
                        const Tensor& out, std::span<const Tensor* const> inputs,
                        const FormulaNumbers* params = nullptr, double ns = 0.2);

}  // namespace tinytorch
