// Four rows of the element-wise family by hand. The rows of all other operations are generated from
// their scalar formula (kernels/loops_row.h) and look the same.
//
// A row computes n elements. Element i of operand j lies at data[j] + i * step[j], counted in
// bytes; operand 0 is the output. A step of 0 repeats one element (broadcasting). The output may be
// one of the inputs, element for element.
#include <cmath>

#include "tinytorch/kernels/pointwise.h"

namespace tinytorch::kernels::loops {

// tito:begin 1.0
// tito:end 1.0

// out[i] = a[i] + b[i]
template <class T>
void add_row(char* const* data, const int64_t* step, int64_t n, const void* /*params*/) {
  // tito:begin 1.9a
  for (int64_t i = 0; i < n; ++i) {
    const T a = *reinterpret_cast<const T*>(data[1] + i * step[1]);
    const T b = *reinterpret_cast<const T*>(data[2] + i * step[2]);
    *reinterpret_cast<T*>(data[0] + i * step[0]) = a + b;
  }
  // tito:end 1.9a
}

// out[i] = a[i] b[i]
template <class T>
void mul_row(char* const* data, const int64_t* step, int64_t n, const void* /*params*/) {
  // tito:begin 1.9b
  for (int64_t i = 0; i < n; ++i) {
    const T a = *reinterpret_cast<const T*>(data[1] + i * step[1]);
    const T b = *reinterpret_cast<const T*>(data[2] + i * step[2]);
    *reinterpret_cast<T*>(data[0] + i * step[0]) = a * b;
  }
  // tito:end 1.9b
}

// out[i] = max(a[i], 0); a NaN stays a NaN
template <class T>
void relu_row(char* const* data, const int64_t* step, int64_t n, const void* /*params*/) {
  // tito:begin 1.9c
  for (int64_t i = 0; i < n; ++i) {
    const T a = *reinterpret_cast<const T*>(data[1] + i * step[1]);
    *reinterpret_cast<T*>(data[0] + i * step[0]) = a < 0 ? T(0) : a;
  }
  // tito:end 1.9c
}

// out[i] = e^a[i]
template <class T>
void exp_row(char* const* data, const int64_t* step, int64_t n, const void* /*params*/) {
  // tito:begin 1.9d
  for (int64_t i = 0; i < n; ++i) {
    const T a = *reinterpret_cast<const T*>(data[1] + i * step[1]);
    *reinterpret_cast<T*>(data[0] + i * step[0]) = std::exp(a);
  }
  // tito:end 1.9d
}

template void add_row<float>(char* const*, const int64_t*, int64_t, const void*);
template void add_row<double>(char* const*, const int64_t*, int64_t, const void*);
template void mul_row<float>(char* const*, const int64_t*, int64_t, const void*);
template void mul_row<double>(char* const*, const int64_t*, int64_t, const void*);
template void relu_row<float>(char* const*, const int64_t*, int64_t, const void*);
template void relu_row<double>(char* const*, const int64_t*, int64_t, const void*);
template void exp_row<float>(char* const*, const int64_t*, int64_t, const void*);
template void exp_row<double>(char* const*, const int64_t*, int64_t, const void*);

}  // namespace tinytorch::kernels::loops
