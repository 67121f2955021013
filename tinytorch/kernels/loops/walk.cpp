// The strided walk under every element-wise operation, and the strided copy.
#include "tinytorch/kernels/walk.h"

#include <cstring>
#include <type_traits>

namespace tinytorch::kernels::loops {

// tito:begin 1.0
// tito:end 1.0

// Calls args.row once for each row of the innermost dimension, in row-major order of args.shape:
//   element (i0, ..., ik) of operand j lies at data[j] + i0 * stride[j][0] + ... + ik *
//   stride[j][k]
// in bytes. A rank of 0 is one row of one element; a size of 0 anywhere means no rows at all.
void walk(const WalkArgs& args) {
  // tito:begin 1.10
  const int rank = args.shape.rank();
  int64_t index[kMaxDims] = {};   // of the outer dimensions: where the walk is
  char* data[kMaxOperands] = {};  // of each operand there
  int64_t step[kMaxOperands] = {};
  for (int d = 0; d < rank; ++d)
    if (args.shape[d] == 0) return;
  for (int j = 0; j < args.operands; ++j) {
    data[j] = args.data[j];
    if (rank > 0) step[j] = args.stride[j][rank - 1];
  }
  const int64_t n = rank > 0 ? args.shape[rank - 1] : 1;
  while (true) {
    args.row(data, step, n, args.params);
    // Count up like an odometer: the last outer dimension first; one that is full goes back to 0.
    int d = rank - 2;
    while (d >= 0 && index[d] == args.shape[d] - 1) {
      for (int j = 0; j < args.operands; ++j) data[j] -= index[d] * args.stride[j][d];
      index[d] = 0;
      --d;
    }
    if (d < 0) return;
    ++index[d];
    for (int j = 0; j < args.operands; ++j) data[j] += args.stride[j][d];
  }
  // tito:end 1.10
}

// One row of a strided copy: element i, `item` bytes long, goes from data[1] + i * step[1] to
// data[0] + i * step[0]. The two do not overlap; step[1] may be 0.
void copy_row(char* const* data, const int64_t* step, int64_t n, int64_t item) {
  // tito:begin 1.11
  if (step[0] == item && step[1] == item) {
    std::memcpy(data[0], data[1], static_cast<size_t>(n * item));
    return;
  }
  const auto copy_items = [&](auto size) {  // a constant: memcpy is one load and one store then
    for (int64_t i = 0; i < n; ++i) std::memcpy(data[0] + i * step[0], data[1] + i * step[1], size);
  };
  if (item == 1) copy_items(std::integral_constant<size_t, 1>{});
  if (item == 2) copy_items(std::integral_constant<size_t, 2>{});
  if (item == 4) copy_items(std::integral_constant<size_t, 4>{});
  if (item == 8) copy_items(std::integral_constant<size_t, 8>{});
  // tito:end 1.11
}

}  // namespace tinytorch::kernels::loops
