// Scatter-add of rows. A task owns a tile of the table (a range of rows by a range of columns) and
// goes through all indices in order: no sorting, no atomics, and the same bits for any number of
// threads. A small table is cut by columns, where every task has the same work; a large one by
// rows, so that clearing it writes whole rows.
#include <algorithm>

#include "tinytorch/kernels/index.h"
#include "tinytorch/kernels/rows.h"
#include "tinytorch/kernels/simd/isa.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tinytorch/kernels/simd/index.cpp"
#include "hwy/foreach_target.h"
#include "tinytorch/kernels/simd/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tinytorch::kernels::HWY_NAMESPACE {

// The tile [row, row_end) x [col, col_end).
void scatter_add_tile(const ScatterAddRowsArgs<float>& args, int64_t row, int64_t row_end,
                      int64_t col, int64_t col_end) {
  const ScatterAddRowsArgs<float> a = args;  // a copy of our own: no store can change it
  const int64_t n = col_end - col, rows = row_end - row;
  float* out = a.out + row * a.cols + col;
  for (int64_t r = 0; r < rows; ++r) std::fill_n(out + r * a.cols, n, 0.f);
  for (int64_t i = 0; i < a.count; ++i) {
    const int64_t r = a.index[i] - row;
    if (static_cast<uint64_t>(r) >= static_cast<uint64_t>(rows)) continue;
    float* to = out + r * a.cols;
    const float* from = a.rows + i * a.cols + col;
    for_row(n, [&](int64_t c, auto, auto io)
                   TINYTORCH_ROW_LAMBDA { io.store(io.load(to + c) + io.load(from + c), to + c); });
  }
}

}  // namespace tinytorch::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tinytorch::kernels {
namespace {

HWY_EXPORT(scatter_add_tile);

constexpr int64_t kTileElements = 32768;  // 128 KB of the table: it stays in a core's cache
constexpr int64_t kMaxRowTiles = 64;      // each of them reads all indices
constexpr int64_t kTileCols = 64;

}  // namespace

void simd::scatter_add_rows(const ScatterAddRowsArgs<float>& args) {
  const int64_t table = args.table_rows * args.cols;
  if (table == 0) return;
  const int64_t row_tiles =
      std::clamp<int64_t>(table / kTileElements, 1, std::min(kMaxRowTiles, args.table_rows));
  const int64_t tile_rows = (args.table_rows + row_tiles - 1) / row_tiles;
  const int64_t tile_cols = row_tiles < 8 ? kTileCols : args.cols;
  const int64_t col_tiles = (args.cols + tile_cols - 1) / tile_cols;
  const int64_t tiles = (args.table_rows + tile_rows - 1) / tile_rows * col_tiles;
  auto* tile = TINYTORCH_DISPATCH(scatter_add_tile);
  const double total_ns = 0.1 * static_cast<double>(args.count * args.cols + table) +
                          0.5 * static_cast<double>(args.count * tiles);
  parallel_tasks(tiles, total_ns, [&](int64_t t) {
    const int64_t row = t / col_tiles * tile_rows, col = t % col_tiles * tile_cols;
    tile(args, row, std::min(row + tile_rows, args.table_rows), col,
         std::min(col + tile_cols, args.cols));
  });
}

}  // namespace tinytorch::kernels
#endif
