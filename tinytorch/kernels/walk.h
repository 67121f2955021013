#pragma once
#include <cstdint>

#include "tinytorch/core/dtype.h"
#include "tinytorch/core/shape.h"
#include "tinytorch/kernels/registry.h"

namespace tinytorch::kernels {

// The element-wise family is split as NumPy's ufuncs are: walk() goes over the outer dimensions of
// N strided operands, a row function does the innermost one. Operand 0 is the output.

inline constexpr int kMaxOperands = 6;

// One row: element i of operand j lies at data[j] + i * step[j] (bytes; 0 repeats one element).
// params points at the operation's own scalars (a clamp's bounds) or is nullptr.
using RowFn = void (*)(char* const* data, const int64_t* step, int64_t n, const void* params);

struct WalkArgs {
  int operands = 0;
  Shape shape;  // rank 0: one element
  char* data[kMaxOperands];
  Strides stride[kMaxOperands];  // bytes, one for each dimension; 0 broadcasts
  RowFn row = nullptr;
  const void* params = nullptr;
  void clear_unused() {
    shape.clear_unused();
    for (int i = operands; i < kMaxOperands; ++i) data[i] = nullptr, stride[i] = {};
    for (Strides& s : stride) s.clear_unused();
  }
};

// Serial: calls args.row for each innermost row, in row-major order of args.shape. Does nothing
// when the shape has a zero. The student of module 1 writes it (kernels/loops/walk.cpp).
namespace loops {
void walk(const WalkArgs& args);
}

// The driver: drops dimensions of size 1, orders and merges dimensions that lie behind each other
// for all operands, cuts the rest into chunks for the pool, calls loops::walk for each chunk.
// element_ns estimates the time for one element.
void parallel_walk(WalkArgs args, double element_ns);

// y[i] = x[i] for any strides and any two dtypes (conversion as a C cast; to bool: x != 0; to bf16:
// to nearest even). x and y do not overlap; an x stride of 0 repeats an element.
struct CopyArgs {
  Shape shape;
  const void* x = nullptr;
  DType x_dtype = DType::kF32;
  Strides x_stride;  // elements
  void* y = nullptr;
  DType y_dtype = DType::kF32;
  Strides y_stride;  // elements
  void clear_unused() { shape.clear_unused(), x_stride.clear_unused(), y_stride.clear_unused(); }
};
extern Kernel<void(const CopyArgs&)> copy_kernel;  // "copy"
void copy(const CopyArgs& args);                   // the chosen variant

// y[i] = *value for any strides; *value has the dtype of y.
struct FillArgs {
  Shape shape;
  void* y = nullptr;
  DType dtype = DType::kF32;
  Strides y_stride;  // elements
  const void* value = nullptr;
};
void fill(const FillArgs& args);

namespace loops {
// One row of a copy without conversion, items of `item` bytes (a student's task).
void copy_row(char* const* data, const int64_t* step, int64_t n, int64_t item);
void copy(const CopyArgs& args);  // walk over rows
}  // namespace loops
namespace simd {
void copy(const CopyArgs& args);  // and flat copies, transposes through tiles
}

}  // namespace tinytorch::kernels
