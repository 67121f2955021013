#pragma once
// NumPy's .npy: magic, version, a header that is a Python dictionary (descr, fortran_order, shape),
// then the elements. Source: NumPy Enhancement Proposal 1.
#include "tinytorch/core/tensor.h"
#include "tinytorch/data/bytes.h"

namespace tinytorch::data {

// f32, f64, i64, i32, i8, u8 and bool; either byte order; Fortran order is turned into row-major.
// Other types (f16, complex, objects, structures) are refused by name. The file must hold exactly
// one array.
Tensor read_npy(const std::string& path);
Tensor parse_npy(Bytes bytes, std::string_view name);

// Row-major, little-endian, version 1.0; replaces the file atomically. bf16 has no NumPy type:
// DTypeError.
void write_npy(const std::string& path, const Tensor& x);

// What stands before the row-major elements of `x` in such a file; `what` names the writer in the
// error.
std::string npy_header(const Tensor& x, std::string_view what);

}  // namespace tinytorch::data
