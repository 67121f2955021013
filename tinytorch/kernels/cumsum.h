#pragma once
#include <cstdint>

namespace tinytorch::kernels {

// Running sums over the middle of outer x count x inner, both x and y row-major without gaps:
//   y[o,r,i] = x[o,0,i] + ... + x[o,r,i];  reverse: x[o,r,i] + ... + x[o,count-1,i]
// Added one after the other, floats in double, so the bits depend on the values alone. y may be x.
template <class T>
struct CumsumArgs {
  int64_t outer = 1, count = 0, inner = 1;
  const T* x = nullptr;
  T* y = nullptr;
  bool reverse = false;
};

// T: float, double, int64_t. Each sum waits for the one before, so vectors would help only where
// inner is large, and there the compiler makes them.
template <class T>
void cumsum(const CumsumArgs<T>& args);

}  // namespace tinytorch::kernels
