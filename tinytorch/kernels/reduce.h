#pragma once
#include <cstdint>

#include "tinytorch/kernels/registry.h"

namespace tinytorch::kernels {

// A reduction sees its input as outer x count x inner and removes the middle: y is outer x inner,
// row-major. x may have any strides (elements): (o, r, i) lies at x[o*x_outer + r*x_count +
// i*x_inner]. y does not overlap x. T is float, double or int64_t where it says so.
template <class T>
struct ReduceArgs {
  int64_t outer = 1, count = 0, inner = 1;
  const T* x = nullptr;
  int64_t x_outer = 0, x_count = 0, x_inner = 0;
  T* y = nullptr;
  int64_t* index = nullptr;  // max: where the maximum was found, or nullptr
};

// sum:  y = sum_r x. count 0 gives 0.
// max:  y = max_r x, the first one's r in index; a NaN wins. count >= 1.
// sum_squared_deviation:  y = sum_r (x - m)^2, m the mean over r, in two passes. count >= 1.
//
// Order of the f32 simd sums (contract), a function of count and inner alone, so that strides,
// threads and instruction sets change no bit. With inner = 1: blocks of 16,384 along r; in a block
// element r belongs to lane r mod 64, and lanes fold in halves (l with l + 32, then 16, 8, 4, 2,
// 1). With inner > 1: blocks of 256 along r; in a block element r belongs to chain r mod 4, folded
// as (c0 + c2) + (c1 + c3). Blocks are added in order, in double. The loops add along r, in double.
extern Kernel<void(const ReduceArgs<float>&)> sum_f32;  // "sum"
extern Kernel<void(const ReduceArgs<float>&)> max_f32;  // "max"
extern Kernel<void(const ReduceArgs<float>&)> sum_squared_deviation_f32;

// The chosen variant for float, loops otherwise.
void sum(const ReduceArgs<float>& args);
void sum(const ReduceArgs<double>& args);
void sum(const ReduceArgs<int64_t>& args);
void max(const ReduceArgs<float>& args);
void max(const ReduceArgs<double>& args);
void max(const ReduceArgs<int64_t>& args);
void sum_squared_deviation(const ReduceArgs<float>& args);
void sum_squared_deviation(const ReduceArgs<double>& args);

namespace loops {
template <class T>
void sum(const ReduceArgs<T>& args);
template <class T>
void max(const ReduceArgs<T>& args);
template <class T>
void sum_squared_deviation(const ReduceArgs<T>& args);
}  // namespace loops
namespace simd {
void sum(const ReduceArgs<float>& args);
void max(const ReduceArgs<float>& args);
void sum_squared_deviation(const ReduceArgs<float>& args);
}  // namespace simd

}  // namespace tinytorch::kernels
