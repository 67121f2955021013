// Gather and scatter-add of rows as plain loops.
#include <cstdint>
#include <cstring>

#include "tinytorch/kernels/index.h"
#include "tinytorch/kernels/rows.h"

namespace tinytorch::kernels::loops {

void gather_rows(const GatherRowsArgs& a) {
  const char* table = static_cast<const char*>(a.table);
  char* out = static_cast<char*>(a.out);
  if (a.row_bytes == 0) return;
  const double row_ns = 4 + static_cast<double>(a.row_bytes) / 16;
  parallel_rows(a.count, row_ns, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      std::memcpy(out + i * a.row_bytes, table + a.index[i] * a.table_stride,
                  static_cast<size_t>(a.row_bytes));
  });
}

template <class T>
void scatter_add_rows(const ScatterAddRowsArgs<T>& a) {
  for (int64_t i = 0; i < a.table_rows * a.cols; ++i) a.out[i] = 0;
  for (int64_t i = 0; i < a.count; ++i) {
    T* out = a.out + a.index[i] * a.cols;
    for (int64_t c = 0; c < a.cols; ++c) out[c] += a.rows[i * a.cols + c];
  }
}

template void scatter_add_rows(const ScatterAddRowsArgs<float>&);
template void scatter_add_rows(const ScatterAddRowsArgs<double>&);

}  // namespace tinytorch::kernels::loops
