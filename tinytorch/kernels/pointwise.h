#pragma once
#include "tinytorch/core/dtype.h"
#include "tinytorch/kernels/registry.h"
#include "tinytorch/kernels/simd/isa.h"
#include "tinytorch/kernels/walk.h"

namespace tinytorch::kernels {

// Variant switch "pointwise" (loops | simd) for all element-wise operations together: which f32
// rows they use.
class PointwiseKernel : public KernelBase {
 public:
  PointwiseKernel();
  bool simd() const { return chosen() == 1; }
};
extern PointwiseKernel pointwise;

// The usual parameters of a formula: a clamp's bounds, a slope, an exponent. (A type that a formula
// file declares itself exists once for each target; declare others in a header.)
struct Scalars {
  double a = 0, b = 0;
};

// The rows of one formula (one forward, or one gradient with respect to one input). Made by
// TINYTORCH_ROWS of kernels/simd/rows-inl.h. Inputs and output have the dtype that indexes the
// table, except that conditions and results of comparisons are bool.
struct PointwiseRows {
  static constexpr int kDTypes = 8;
  RowFn loops[kDTypes] = {};       // by DType; nullptr where the operation does not exist
  RowFn simd_f32[kIsaCount] = {};  // by Isa; nullptr where not compiled in

  // The row in force for operands of `dtype`; nullptr when there is none.
  RowFn row(DType dtype) const {
    if (dtype == DType::kF32 && pointwise.simd())
      if (RowFn fast = simd_f32[static_cast<int>(current_isa())]) return fast;
    return loops[static_cast<int>(dtype)];
  }
  // The same for operands that need no walk, where "pointwise" is "simd".
  RowFn dense_row(DType dtype) const {
    const RowFn fast = dtype == DType::kF32 ? simd_f32[static_cast<int>(current_isa())] : nullptr;
    return fast ? fast : loops[static_cast<int>(dtype)];
  }
};

// Rows written by hand for T = float and double: the students of module 1
// (kernels/loops/elementwise.cpp) and of module 4 (gradient_rows.cpp) write them.
namespace loops {
template <class T>
void add_row(char* const* data, const int64_t* step, int64_t n, const void* params);  // a + b
template <class T>
void mul_row(char* const* data, const int64_t* step, int64_t n, const void* params);  // a b
template <class T>
void relu_row(char* const* data, const int64_t* step, int64_t n, const void* params);  // max(a, 0)
template <class T>
void exp_row(char* const* data, const int64_t* step, int64_t n, const void* params);  // e^a
template <class T>  // operands g, y: 0 where y <= 0, else g
void relu_grad_row(char* const* data, const int64_t* step, int64_t n, const void* params);
}  // namespace loops

}  // namespace tinytorch::kernels
