#include "tinytorch/kernels/index.h"

namespace tinytorch::kernels {

namespace {
using Scatter = void(const ScatterAddRowsArgs<float>&);
constexpr Variant<void(const GatherRowsArgs&)> kGather[] = {
    {"loops", loops::gather_rows, "one memcpy a row"}};
constexpr Variant<Scatter> kScatter[] = {
    {"loops", loops::scatter_add_rows<float>, "one thread, in index order"},
    {"simd", simd::scatter_add_rows, "each task owns a tile of the table and reads all indices"}};
}  // namespace

Kernel<void(const GatherRowsArgs&)> gather_rows_any("gather_rows", kGather);
Kernel<Scatter> scatter_add_rows_f32("scatter_add_rows", kScatter);

void gather_rows(const GatherRowsArgs& args) {
  gather_rows_any(args);
}
void scatter_add_rows(const ScatterAddRowsArgs<float>& args) {
  scatter_add_rows_f32(args);
}
void scatter_add_rows(const ScatterAddRowsArgs<double>& args) {
  loops::scatter_add_rows(args);
}

int64_t first_out_of_range(const int64_t* index, int64_t count, int64_t size) {
  for (int64_t i = 0; i < count; ++i)
    if (index[i] < 0 || index[i] >= size) return i;
  return -1;
}

}  // namespace tinytorch::kernels
