#pragma once
#include <cstdint>

#include "tinytorch/kernels/registry.h"

namespace tinytorch::kernels {

// out[i,:] = table[index[i],:] for i in [0, count); rows of row_bytes bytes of any dtype, dense in
// out, table_stride bytes apart in the table. Indices must lie in the table: the caller checks
// (first_out_of_range). out does not overlap the table.
struct GatherRowsArgs {
  int64_t count = 0, row_bytes = 0;
  const void* table = nullptr;
  int64_t table_stride = 0;
  const int64_t* index = nullptr;
  void* out = nullptr;
};

// out[r,:] = sum of rows[i,:] over the i with index[i] == r, in the order of i; out is table_rows x
// cols, rows count x cols, both dense. Every element of out has one owner that adds its
// contributions in index order: the same bits for any number of threads and every variant. Nothing
// aliases.
template <class T>
struct ScatterAddRowsArgs {
  int64_t count = 0, cols = 0, table_rows = 0;
  const T* rows = nullptr;
  const int64_t* index = nullptr;
  T* out = nullptr;
};

// First i with index[i] outside [0, size), -1 when there is none.
int64_t first_out_of_range(const int64_t* index, int64_t count, int64_t size);

extern Kernel<void(const GatherRowsArgs&)> gather_rows_any;  // "gather_rows"
extern Kernel<void(const ScatterAddRowsArgs<float>&)> scatter_add_rows_f32;

void gather_rows(const GatherRowsArgs& args);
// The chosen variant for float, loops for double.
void scatter_add_rows(const ScatterAddRowsArgs<float>& args);
void scatter_add_rows(const ScatterAddRowsArgs<double>& args);

namespace loops {
void gather_rows(const GatherRowsArgs& args);
template <class T>
void scatter_add_rows(const ScatterAddRowsArgs<T>& args);
}  // namespace loops

namespace simd {
void scatter_add_rows(const ScatterAddRowsArgs<float>& args);
}

}  // namespace tinytorch::kernels
