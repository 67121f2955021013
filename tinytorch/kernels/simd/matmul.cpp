// The fast f32 matrix product (formula, layouts and sum order: kernels/matmul.h).
//
// From the outside in:
//   matmul        one call per matrix of the batch, or threads over the matrices when they are
//   small choose        roles: which operand plays "A" (broadcast, read in place) and which "B"
//   (packed) multiply      slabs of B that fit the packing buffer: pack its panels, then the grid
//   of chunks chunk         a rectangle of C, the unit of the thread pool, for each k block of 256:
//                   for each panel of B (2 vectors of columns x 256, 32 KB: stays in L1)
//                     for each tile of A (up to 14 rows x 256, 14 KB: streams from L2)
//                       tile: the micro-kernel, 28 accumulators in registers
//   tile          matmul-inl.h; after the last k block the epilogue runs on the tile, still in L1
// One micro-kernel serves all shapes, because it takes A in either order and B with any row stride:
//   both large            B is packed (shared by all threads), A is read in place when its rows
//   have
//                         unit stride, else packed by the chunk that uses it
//   few rows              B has unit stride: both are read in place, nothing is packed. B is a
//                         transposed matrix (a Linear's weight): the roles are swapped, C^T = B^T
//                         A^T, so the large weight is read in place and the few rows are packed
//   narrow (n <= 1 vector) one panel of one vector; nothing else is special
//   one to four rows       matmul_vector: no tile of 14 to fill, so B^T is transposed in registers
// Roles, tiles, chunks and packing never change a sum: each element of C is the same chain.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tinytorch/kernels/simd/matmul.cpp"
#include "tinytorch/kernels/matmul.h"
#include "hwy/foreach_target.h"
#include "tinytorch/core/parallel.h"
#include "tinytorch/kernels/simd/isa.h"
#include "tinytorch/kernels/simd/matmul-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tinytorch::kernels::HWY_NAMESPACE::gemm {

constexpr int64_t kBlock = 256;           // along k; part of the sum order, never tuned
constexpr int64_t kSlabCols = 2048;       // columns of B packed at once
constexpr int64_t kSlabFloats = 4 << 20;  // packed floats at once: 16 MB
constexpr int64_t kCopyPad = 16;          // one cache line between copied rows: spreads L1 sets
constexpr int kMaxChunks = 8;             // of small work: divides evenly among 2, 4 and 8 threads

int64_t ceil_div(int64_t a, int64_t b) {
  return (a + b - 1) / b;
}

// One product after the choice of roles.
struct Product {
  int64_t m, n, k;
  Operand a, b;
  bool a_rows;      // A's order for the micro-kernel: rows, or panel
  bool a_in_place;  // else each chunk packs (panel) or copies (rows) its part
  bool b_in_place;  // except a ragged last panel
  bool swapped;     // C is written transposed: element (i, j) at c[j * ldc + i]
  float* c;
  int64_t ldc;
  bool accumulate;
  Epilogue epilogue;  // of C as it lies in memory
  int64_t row_chunks, col_chunks;

  int64_t panels() const { return ceil_div(n, kCols); }
  bool plain() const {  // tiles may go to C as they are, without finish_tile
    return !swapped && !epilogue.bias && !epilogue.pre && epilogue.activation == Activation::kNone;
  }
};

// The part of k and n that is packed at one time. Panel q of k block p lies at
// packed + p * padded + q * kCols * (length of the k block).
struct Slab {
  int64_t k0, k1, j0, j1;
  float* packed;
  int64_t padded;  // columns rounded up to whole vectors
};

struct Rectangle {
  int64_t i0, i1, q0, q1;  // rows; panels of the slab
};

int64_t padded_cols(int64_t n) {
  return ceil_div(n, kLanes) * kLanes;
}

// Cache lines 4096 bytes apart compete for the same set of L1, which has 8 to 12 places.
bool conflicts(int64_t stride) {
  return stride % 1024 == 0;
}

// ---- One chunk ----

// A as the micro-kernel reads it, for the rows of a chunk and one k block.
struct PreparedA {
  const float* data;
  int64_t row_step;   // between rows of the chunk (rows order), or tiles (panel order) / kRows
  int64_t tile_step;  // TileArgs::a_step
};

// Tile t of `count` covers rows [tile_start(t), tile_start(t + 1)) of the chunk: heights differ by
// one row at most, and any height above 5 runs at the same speed as the full 14.
int64_t tile_start(int64_t rows, int64_t count, int64_t t) {
  return rows * t / count;
}

const float* prepare_a(const Product& g, int64_t i0, int64_t rows, int64_t tiles, int64_t k0,
                       int64_t kc) {
  if (g.a_in_place) return g.a.at(i0, k0);
  if (g.a_rows) {
    float* to = scratch<float>(Scratch::kA, rows * (kBlock + kCopyPad) + kLanes);
    copy_a_rows({g.a.at(i0, k0), g.a.rs, g.a.cs}, rows, kc, to, kBlock + kCopyPad);
    return to;
  }
  float* to = scratch<float>(Scratch::kA, tiles * kRows * kBlock);
  for (int64_t t = 0; t < tiles; ++t) {
    const int64_t r0 = tile_start(rows, tiles, t), r1 = tile_start(rows, tiles, t + 1);
    pack_a_panel({g.a.at(i0 + r0, k0), g.a.rs, g.a.cs}, r1 - r0, kc, to + t * kRows * kBlock);
  }
  return to;
}

// The running sums of a swapped product with several k blocks: C^T of the chunk, contiguous.
// Without swapping they are C itself.
struct Sums {
  float* data;
  int64_t step;
};

// Finishes a tile of a swapped product: transposes it, then the epilogue on rows of C.
void finish_swapped(const Product& g, const float* from, int64_t from_step, int64_t i, int64_t m,
                    int64_t j, int64_t n) {
  HWY_ALIGN float turned[kCols * (kRows + kLanes)];
  constexpr int64_t step = (kRows + kLanes - 1) / kLanes * kLanes;
  for (int64_t r = 0; r < m; r += kLanes)
    transpose_lanes(from + r * from_step, from_step, std::min<int64_t>(kLanes, m - r), n,
                    turned + r, step);
  Epilogue e = g.epilogue;
  if (e.bias) e.bias += i;
  if (e.pre) e.pre += j * g.ldc + i;
  finish_tile(turned, step, n, m, g.c + j * g.ldc + i, g.ldc, g.accumulate, e);
}

// Adds a tile to C or stores it; after the last k block with the epilogue.
void finish_plain(const Product& g, const float* from, int64_t i, int64_t m, int64_t j, int64_t n,
                  bool add, bool last) {
  Epilogue e = last ? g.epilogue : Epilogue{};
  if (e.bias) e.bias += j;
  if (e.pre) e.pre += i * g.ldc + j;
  finish_tile(from, kCols, m, n, g.c + i * g.ldc + j, g.ldc, add, e);
}

// Adds the k block [k0, k0 + kc) to the rectangle. `last`: the sums are complete after it.
void chunk_block(const Product& g, const Slab& slab, const Rectangle& r, int64_t k0, int64_t kc,
                 Sums sums, bool last) {
  const int64_t rows = r.i1 - r.i0, tiles = ceil_div(rows, kRows);
  const float* a = prepare_a(g, r.i0, rows, tiles, k0, kc);
  const bool first = k0 == 0;
  const bool add_c = !first || g.accumulate;  // C holds sums already
  HWY_ALIGN float buffer[kRows * kCols];

  TileArgs t{};
  t.kc = kc;
  t.a_step = g.a_in_place ? (g.a_rows ? g.a.rs : g.a.cs) : (g.a_rows ? kBlock + kCopyPad : kRows);
  for (int64_t q = r.q0; q < r.q1; ++q) {
    const int64_t j = slab.j0 + q * kCols, n = std::min<int64_t>(kCols, slab.j1 - j);
    const int64_t nv = ceil_div(n, kLanes);
    const bool ragged = n < nv * kLanes;
    if (g.b_in_place && !ragged) {
      t.b = g.b.at(k0, j);
      t.b_step = g.b.rs;
      t.ahead = t.b + 8 * t.b_step;
      t.ahead_step = t.b_step;
    } else {
      if (g.b_in_place) {
        float* to = scratch<float>(Scratch::kB, kBlock * kCols);
        pack_b({g.b.at(k0, j), g.b.rs, g.b.cs}, kc, n, to);
        t.b = to;
      } else {
        t.b = slab.packed + (k0 - slab.k0) * slab.padded + q * kCols * kc;
      }
      t.b_step = nv * kLanes;
      t.ahead = t.b + kCols * kc;
      t.ahead_step = 0;
    }
    for (int64_t i = 0; i < tiles; ++i) {
      const int64_t r0 = tile_start(rows, tiles, i), m = tile_start(rows, tiles, i + 1) - r0;
      const int64_t row = r.i0 + r0;
      t.a = g.a_in_place ? a + r0 * g.a.rs : a + (g.a_rows ? r0 * t.a_step : i * kRows * kBlock);
      // Where the tile goes: to the swapped sums, to C, or to the buffer, which finish() reads.
      const bool to_c = !g.swapped && !ragged && (!last || g.plain());
      if (sums.data) {
        t.c = sums.data + r0 * sums.step + (q - r.q0) * kCols;
        t.ldc = sums.step;
        t.add = !first;
      } else {
        t.c = to_c ? g.c + row * g.ldc + j : buffer;
        t.ldc = to_c ? g.ldc : kCols;
        t.add = to_c && add_c;
      }
      tile_fn(m, nv, g.a_rows)(t);
      if (g.swapped) {
        if (last) finish_swapped(g, t.c, t.ldc, row, m, j, n);
      } else if (!to_c) {
        finish_plain(g, buffer, row, m, j, n, add_c, last);
      }
    }
  }
}

void chunk(const Product& g, const Slab& slab, int64_t index) {
  const int64_t row = index % g.row_chunks, col = index / g.row_chunks;
  const int64_t panels = ceil_div(slab.j1 - slab.j0, kCols);
  const Rectangle r{g.m * row / g.row_chunks, g.m * (row + 1) / g.row_chunks,
                    panels * col / g.col_chunks, panels * (col + 1) / g.col_chunks};
  if (r.i0 == r.i1 || r.q0 == r.q1) return;
  Sums sums{nullptr, (r.q1 - r.q0) * kCols};
  if (g.swapped && g.k > kBlock) sums.data = scratch<float>(Scratch::kC, (r.i1 - r.i0) * sums.step);
  int64_t k0 = slab.k0;
  do {  // once for k = 0
    const int64_t kc = std::min(kBlock, slab.k1 - k0);
    chunk_block(g, slab, r, k0, kc, sums, k0 + kc == g.k);
    k0 += kc;
  } while (k0 < slab.k1);
}

// ---- The whole product ----

// Packs one panel of one k block of the slab.
void pack_panel(const Product& g, const Slab& slab, int64_t index) {
  const int64_t panels = ceil_div(slab.j1 - slab.j0, kCols);
  const int64_t k0 = slab.k0 + index / panels * kBlock, q = index % panels;
  const int64_t kc = std::min(kBlock, slab.k1 - k0), j = slab.j0 + q * kCols;
  pack_b({g.b.at(k0, j), g.b.rs, g.b.cs}, kc, std::min<int64_t>(kCols, slab.j1 - j),
         slab.packed + (k0 - slab.k0) * slab.padded + q * kCols * kc);
}

double serial_ns(const Product& g) {  // at 100 GFLOP/s
  return static_cast<double>(g.m) * static_cast<double>(g.n) * static_cast<double>(g.k + 1) / 50;
}

int64_t floor_power_of_two(int64_t x) {
  int64_t p = 1;
  while (p * 2 <= x) p *= 2;
  return p;
}

// Chunks of at least 5 us: small work gets up to 8, large work multiples of 8 of about 128 rows, so
// that 2, 4 and 8 threads get equal shares. Depends on the shape alone.
void choose_grid(Product& g) {
  const int64_t want = std::clamp<int64_t>(
      floor_power_of_two(static_cast<int64_t>(std::min(serial_ns(g) / 5e3, 1e6))), 1, kMaxChunks);
  g.row_chunks = g.col_chunks = 1;
  if (g.b_in_place) {  // few rows: split the columns, each thread keeps its part of B
    g.col_chunks = std::min(want, floor_power_of_two(g.panels()));
    g.row_chunks = std::min(want / g.col_chunks, floor_power_of_two(ceil_div(g.m, kRows)));
    return;
  }
  g.row_chunks = std::min(want, floor_power_of_two(ceil_div(g.m, kRows)));
  g.col_chunks = std::min(want / g.row_chunks, floor_power_of_two(g.panels()));
  if (g.row_chunks == kMaxChunks)
    g.row_chunks = std::max<int64_t>((g.m + 512) / 1024 * kMaxChunks, kMaxChunks);
}

void multiply(const Product& g) {
  const int64_t slab_n = g.b_in_place ? g.n : std::min(g.n, kSlabCols);
  const int64_t slab_k =
      g.b_in_place ? g.k : std::max(kBlock, kSlabFloats / padded_cols(slab_n) / kBlock * kBlock);
  const double ns = serial_ns(g);
  for (int64_t j0 = 0; j0 < g.n; j0 += slab_n) {
    int64_t k0 = 0;
    do {
      Slab slab{k0, std::min(g.k, k0 + slab_k), j0, std::min(g.n, j0 + slab_n), nullptr, 0};
      slab.padded = padded_cols(slab.j1 - slab.j0);
      const int64_t depth = slab.k1 - slab.k0;
      if (!g.b_in_place && depth > 0) {
        slab.packed = scratch<float>(Scratch::kB, depth * slab.padded);
        const int64_t count = ceil_div(depth, kBlock) * ceil_div(slab.j1 - slab.j0, kCols);
        parallel_tasks(count, 0.3 * static_cast<double>(depth * slab.padded),
                       [&](int64_t index) { pack_panel(g, slab, index); });
      }
      const double share = static_cast<double>((slab.j1 - slab.j0) * (depth + 1)) /
                           static_cast<double>(g.n * (g.k + 1));
      parallel_tasks(g.row_chunks * g.col_chunks, ns * share,
                     [&](int64_t index) { chunk(g, slab, index); });
      k0 = slab.k1;
    } while (k0 < g.k);
  }
}

// Roles and access for matrix `index` of the batch.
Product choose(const MatmulArgs<float>& args, int64_t index) {
  static const float kNothing = 0;
  Product g{};
  g.m = args.m, g.n = args.n, g.k = args.k;
  g.a = {args.a + index * args.a_batch, args.a_rs, args.a_cs};
  g.b = {args.b + index * args.b_batch, args.b_rs, args.b_cs};
  if (g.k == 0) g.a = g.b = {&kNothing, 0, 0};
  if (g.k == 1) g.a.cs = 1;
  if (g.n == 1) g.b.cs = 1;
  g.c = args.c + index * args.c_batch;
  g.ldc = args.ldc;
  g.accumulate = args.accumulate;
  g.epilogue = {args.bias,
                args.pre_activation ? args.pre_activation + index * args.c_batch : nullptr,
                args.activation};
  // Packing a transposed B costs about as much for each element as storing a tile transposed.
  // Swapped sums are kept apart from C, so C cannot come first in the sum.
  const bool b_transposed = g.b.rs == 1 && g.b.cs != 1;
  const int64_t swapped_cost = (g.a.rs == 1 ? 0 : g.m * g.k) + g.m * g.n;
  const bool keeps_order = !(g.accumulate && g.k > kBlock);
  const bool one_slab = g.m <= kSlabCols && g.k <= kSlabFloats / padded_cols(g.m) / kBlock * kBlock;
  if (b_transposed && swapped_cost < g.n * g.k && keeps_order && one_slab) {
    g.swapped = true;
    std::swap(g.m, g.n);
    std::swap(g.a, g.b);
    std::swap(g.a.rs, g.a.cs);
    std::swap(g.b.rs, g.b.cs);
  }
  g.a_rows = g.a.cs == 1;
  // Eight panels of rows pay for packing B: fewer read it as often as packing would.
  g.b_in_place = g.b.cs == 1 && g.m <= 8 * kRows;
  g.a_in_place =
      g.a_rows ? !conflicts(g.a.rs) : g.a.rs == 1 && g.b_in_place && !conflicts(2 * g.a.cs);
  choose_grid(g);
  return g;
}

void matmul(const MatmulArgs<float>& given) {
  MatmulArgs<float> args = given;
  if (args.m <= 0 || args.n <= 0 || args.batch <= 0) return;
  // One B for all and matrices that lie behind each other: a single taller product.
  if (args.batch > 1 && args.b_batch == 0 && args.a_batch == args.m * args.a_rs &&
      args.c_batch == args.m * args.ldc) {
    args.m *= args.batch;
    args.batch = 1;
  }
  const double ns = serial_ns(choose(args, 0));
  if (args.batch == 1 || ns > 4e5) {
    for (int64_t i = 0; i < args.batch; ++i) multiply(choose(args, i));
    return;
  }
  // Small matrices: threads over the batch; inside, everything runs on the one thread.
  const int64_t group = std::max<int64_t>(1, static_cast<int64_t>(1e4 / ns));
  parallel_tasks(ceil_div(args.batch, group), ns * static_cast<double>(args.batch),
                 [&](int64_t task) {
                   const int64_t end = std::min(args.batch, (task + 1) * group);
                   for (int64_t i = task * group; i < end; ++i) {
                     Product g = choose(args, i);
                     g.row_chunks = g.col_chunks = 1;
                     multiply(g);
                   }
                 });
}

}  // namespace tinytorch::kernels::HWY_NAMESPACE::gemm

namespace tinytorch::kernels::HWY_NAMESPACE {
void simd_matmul(const MatmulArgs<float>& args) {
  gemm::matmul(args);
}
}  // namespace tinytorch::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tinytorch::kernels {
HWY_EXPORT(simd_matmul);

void simd::matmul(const MatmulArgs<float>& args) {
  TINYTORCH_DISPATCH(simd_matmul)(args);
}
}  // namespace tinytorch::kernels
#endif
