// clang-format off
// The fast f32 matrix product (formula, layouts and sum order: kernels/matmul.h).
//
// From the outside in:
//   matmul         one call per matrix of the batch, or threads over many small ones
//   choose         roles: which operand plays "A" (broadcast, read in place) and which "B" (packed)
//   multiply       slabs of B that fit the packing buffer: pack its panels, then the grid of chunks
//   chunk          a rectangle of C, the unit of the thread pool; for each k block of 1024:
//     chunk_block    for each panel of B (2 vectors of columns x 1024, 128 KB)
//                      for each tile of A (up to 14 rows x 1024, 56 KB): both stream from L2
//   tile                 the micro-kernel, 28 accumulators in registers, for chains of 256; after
//                        the last k block the epilogue runs on the tile, still in L1
//
// One micro-kernel serves all shapes, because it takes A in either order and B with any row stride:
//   both large              B is packed (shared by all threads); A is read in place when its rows or
//                           columns have unit stride, else packed by the chunk that uses it
//   few rows                B with unit stride: both are read in place, nothing is packed. B a
//                           transposed matrix (a Linear's weight): the roles are swapped,
//                           C^T = B^T A^T, so the large weight is read in place and the few rows
//                           are packed
//   narrow (n <= 1 vector)  one panel of one vector; nothing else is special
//   one to four rows        matmul_vector-inl.h: no tile to fill, so B^T is transposed in registers
// Roles, tiles, chunks and packing never change a sum: each element of C is the same chain.
// clang-format on
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tinytorch/kernels/simd/matmul.cpp"
#include "tinytorch/kernels/matmul.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "hwy/foreach_target.h"
#include "tinytorch/core/parallel.h"
#include "tinytorch/kernels/simd/isa.h"
#include "tinytorch/kernels/simd/matmul-inl.h"
#include "tinytorch/kernels/simd/matmul_vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tinytorch::kernels::HWY_NAMESPACE::gemm {

// ---- The micro-kernel ----

template <int m, int nv, bool rows>
HWY_NOINLINE void tile(const TileArgs& t) {
  V acc[m][nv];
  const float* touch = t.touch;
#pragma GCC unroll 16
  for (int i = 0; i < m; ++i, touch += t.touch_row) {
    __builtin_prefetch(touch);
    __builtin_prefetch(touch + t.touch_second);
  }
  // Three rows for each base pointer: base, base + step, base + 2 * step are addresses that x86
  // forms inside the load.
  constexpr int kBases = rows ? (m + 2) / 3 : 1;
  const float* a[kBases];
#pragma GCC unroll 8
  for (int g = 0; g < kBases; ++g) a[g] = t.a + 3 * g * t.a_step;
  const float* HWY_RESTRICT b = t.b;
  const float* ahead = t.ahead;
  const int64_t a_step = t.a_step, b_step = t.b_step, ahead_step = t.ahead_step;
  const int64_t far_in = t.far_in;
  const float* far_line = t.far;
  const float* before = t.before;
  int64_t before_step = t.before_step;
  // step(sums, what came before them, where they go, columns before them) for each vector, row by
  // row.
  const auto each = [&](auto&& step) {
    float* row = t.c;
    const float* from = before ? before : row;
#pragma GCC unroll 16
    for (int i = 0; i < m; ++i, row += t.ldc, from += before_step)
#pragma GCC unroll 2
      for (int j = 0; j < nv; ++j) step(acc[i][j], from + j * kLanes, row + j * kLanes, j * kLanes);
  };
  for (int64_t k = 0;;) {
#pragma GCC unroll 16
    for (int i = 0; i < m; ++i)
#pragma GCC unroll 2
      for (int j = 0; j < nv; ++j) acc[i][j] = hn::Zero(d);
    const int64_t chain_end = std::min(k + kSumChain, t.kc);
    while (k < chain_end) {
      const int64_t steps = std::min(t.far_run, chain_end - k);
      const float* far = far_line;
      for (int64_t p = 0; p < steps; ++p) {
        V bv[nv];
#pragma GCC unroll 2
        for (int j = 0; j < nv; ++j) bv[j] = hn::LoadU(d, b + j * kLanes);
#pragma GCC unroll 16
        for (int i = 0; i < m; ++i) {
          const V av = hn::Set(d, rows ? a[i / 3][i % 3 * a_step] : a[0][i]);
#pragma GCC unroll 2
          for (int j = 0; j < nv; ++j) acc[i][j] = hn::MulAdd(av, bv[j], acc[i][j]);
        }
#pragma GCC unroll 8
        for (int g = 0; g < kBases; ++g) a[g] += rows ? 1 : a_step;
        b += b_step;
        if (nv > 1) {  // the narrow tile is bound by its loads
          __builtin_prefetch(ahead);
          __builtin_prefetch(ahead + kLanes);
          ahead += ahead_step;
          __builtin_prefetch(far, 0, 2);
          far += far_in;
        }
      }
      k += steps;
      far_line += t.far_out;
    }
    if (k == t.kc) break;
    if (before)
      each([](V v, const float* from, float* at, int) {
        hn::StoreU(hn::Add(hn::LoadU(d, from), v), d, at);
      });
    else
      each([](V v, const float*, float* at, int) { hn::StoreU(v, d, at); });
    before = t.c;
    before_step = t.ldc;
  }
  if (t.bias || t.relu) {
    const bool add = before, has_bias = t.bias;
    const V least = hn::Set(d, t.relu ? 0.0f : -HUGE_VALF);
    each([=, bias = t.bias](V v, const float* from, float* at, int j) {
      if (add) v = hn::Add(hn::LoadU(d, from), v);
      if (has_bias) v = hn::Add(v, hn::LoadU(d, bias + j));
      hn::StoreU(at_least(least, v), d, at);
    });
  } else if (before) {
    each([](V v, const float* from, float* at, int) {
      hn::StoreU(hn::Add(hn::LoadU(d, from), v), d, at);
    });
  } else {
    each([](V v, const float*, float* at, int) { hn::StoreU(v, d, at); });
  }
}

template <int nv, bool rows>
struct TileTable {
  template <int... i>
  static constexpr auto make(std::integer_sequence<int, i...>) {
    struct Table {
      TileFn fn[sizeof...(i)];
    };
    return Table{{tile<i + 1, nv, rows>...}};
  }
  static constexpr auto kTable = make(std::make_integer_sequence<int, kRows>());
};

TileFn tile_fn(int64_t m, int64_t nv, bool rows) {
  if (rows)
    return nv == 1 ? TileTable<1, true>::kTable.fn[m - 1] : TileTable<2, true>::kTable.fn[m - 1];
  return nv == 1 ? TileTable<1, false>::kTable.fn[m - 1] : TileTable<2, false>::kTable.fn[m - 1];
}

int64_t ceil_div(int64_t a, int64_t b) {
  return (a + b - 1) / b;
}

// The tiles of a chunk: the first `taller` ones have height + 1 rows, the others height. Any height
// above 5 runs at the same speed as the full 14.
struct Tiles {
  int64_t count, height, taller;
  Tiles(int64_t rows, int64_t most)
      : count(ceil_div(rows, most)), height(rows / count), taller(rows % count) {}
  int64_t rows(int64_t t) const { return height + (t < taller); }
};

// ---- Packing ----

struct Operand {
  const float* data;
  int64_t rs, cs;  // strides of rows and columns
  const float* at(int64_t i, int64_t j) const { return data + i * rs + j * cs; }
};

// Columns [0, n) of kc rows of B as a panel: to[p * step + j], step = n rounded up to whole
// vectors, at most kCols. Columns past n hold zeros or copies: their products are never stored.
void pack_b(const Operand& b, int64_t kc, int64_t n, float* to) {
  const int64_t step = (n + kLanes - 1) / kLanes * kLanes;
  if (b.cs == 1 && n == kCols) {
    for (int64_t p = 0; p < kc; ++p, to += kCols) {
      const float* from = b.at(p, 0);
      for (int j = 0; j < kCols; j += kLanes) {
        __builtin_prefetch(from + 16 * b.rs + j);
        hn::StoreU(hn::LoadU(d, from + j), d, to + j);
      }
    }
    return;
  }
  for (int64_t j = 0; j < n; j += kLanes) {
    const int64_t count = std::min<int64_t>(kLanes, n - j);
    if (b.rs == 1) {
      transpose_lanes(b.at(0, j), b.cs, count, kc, to + j, step);
    } else if (b.cs == 1) {
      for (int64_t p = 0; p < kc; ++p) hn::StoreU(load_n(b.at(p, j), count), d, to + p * step + j);
    } else {
      for (int64_t p = 0; p < kc; ++p)
        for (int64_t r = 0; r < kLanes; ++r)
          to[p * step + j + r] = r < count ? *b.at(p, j + r) : 0.0f;
    }
  }
}

// Rows of kc columns of A as panels of kRows or fewer rows, one for each tile t:
// to[t * panel + p * kRows + i]. Goes over all tiles for a few columns at a time: a column of A^T
// lies in one piece, and its cache lines are read once.
// Whole vectors are copied, each of which the next one overwrites in part: a panel needs room for
// one vector more than kc * kRows. `readable`: rows of A from row 0 on.
void pack_a(const Operand& a, const Tiles& tiles, int64_t kc, int64_t readable, float* to,
            int64_t panel) {
  constexpr int64_t kStep = 8;
  for (int64_t p0 = 0; p0 < kc; p0 += kStep) {
    const int64_t p1 = std::min(kc, p0 + kStep);
    int64_t begin = 0;
    for (int64_t t = 0; t < tiles.count; begin += tiles.rows(t), ++t) {
      const int64_t count = tiles.rows(t);
      const bool whole = readable - begin >= kLanes && count <= kLanes && a.rs == 1;
      float* out = to + t * panel + p0 * kRows;
      for (int64_t p = p0; p < p1; ++p, out += kRows) {
        const float* from = a.at(begin, p);
        if (whole) {
          hn::StoreU(hn::LoadU(d, from), d, out);
        } else {
          for (int64_t i = 0; i < count; ++i) out[i] = from[i * a.rs];
        }
      }
    }
  }
}

// ---- The nest ----

constexpr int64_t kBlock = 4 * kSumChain;                // along k
constexpr int64_t kSlabCols = 2048;                      // columns of B packed at once
constexpr int64_t kSlabFloats = 4 << 20;                 // packed floats at once: 16 MB
constexpr int64_t kPanelA = kRows * kSumChain + kLanes;  // a packed tile; pack_a() writes beyond

// kInPlace: only a ragged last panel is packed, by the chunk that uses it. kLocal: each chunk packs
// its panels just before use, they never leave L1. kShared: packed for all before the chunks start.
enum class BAccess { kInPlace, kLocal, kShared };

// One product after the choice of roles.
struct Product {
  int64_t m, n, k;
  Operand a, b;
  bool a_rows;      // A's order for the micro-kernel: rows, or panel
  bool a_in_place;  // else each chunk packs its part to panels
  BAccess b_access;
  bool swapped;  // C is written transposed: element (i, j) at c[j * ldc + i]
  float* c;
  int64_t ldc;
  bool accumulate;
  Epilogue epilogue;  // of C as it lies in memory
  int64_t row_chunks, col_chunks;
  int64_t tile_rows;  // at most, in a tile
  int64_t k_block;    // along k, that tiles go over in one call

  int64_t panels() const { return ceil_div(n, kCols); }
  bool finishes_in_registers() const {
    return !epilogue.pre &&
           (epilogue.activation == Activation::kNone || epilogue.activation == Activation::kRelu);
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

// Cache lines 4096 bytes apart compete for the same set of L1, which has 8 to 12 places: 8 rows of
// A fit, a k block of columns does not.
bool conflicts(int64_t stride) {
  return stride % 1024 == 0;
}

// ---- One chunk ----

// A for the rows of a chunk and one k block, as the micro-kernel reads it.
const float* prepare_a(const Product& g, int64_t i0, const Tiles& tiles, int64_t k0, int64_t kc) {
  if (g.a_in_place) return g.a.at(i0, k0);
  float* to = scratch<float>(Scratch::kA, tiles.count * kPanelA);
  pack_a({g.a.at(i0, k0), g.a.rs, g.a.cs}, tiles, kc, g.m - i0, to, kPanelA);
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

// Stores a tile to C; after the last k block with the epilogue.
void finish_plain(const Product& g, const float* from, int64_t i, int64_t m, int64_t j, int64_t n,
                  bool last) {
  Epilogue e = last ? g.epilogue : Epilogue{};
  if (e.bias) e.bias += j;
  if (e.pre) e.pre += i * g.ldc + j;
  finish_tile(from, kCols, m, n, g.c + i * g.ldc + j, g.ldc, false, e);
}

// An m x n tile of C, by rows of kCols.
void load_tile(const float* c, int64_t ldc, int64_t m, int64_t n, float* to) {
  for (int64_t i = 0; i < m; ++i, c += ldc, to += kCols)
    for (int64_t j = 0; j < n; j += kLanes) hn::Store(load_n(c + j, n - j), d, to + j);
}

// What the tile calls of a k block fetch for the next one, or after the last block of the next
// chunk's rows: as many lines as a tile has steps, of whole rows or of 16 columns of A^T.
struct FarFetch {
  const float* from;
  int64_t left, rows;  // still to fetch; fetched by a tile
  int64_t step, run, in, out;

  FarFetch(const Product& g, const Rectangle& r, int64_t k0, int64_t kc, bool last) {
    const int64_t i = last ? r.i1 : r.i0, k = last ? 0 : k0 + kc;
    from = g.a.at(i, k);
    left = (last ? std::min(g.m, 2 * r.i1 - r.i0) : r.i1) - i;
    const int64_t lines = std::max<int64_t>(std::min(g.k_block, g.k - k) / 16, 1);  // of a row
    run = g.a_rows ? lines : std::max<int64_t>(kc, 1);
    rows = g.a_rows ? std::max<int64_t>(kc / lines, 1) : 16;
    step = rows * g.a.rs;
    in = g.a_rows ? 16 : g.a.cs;
    out = g.a_rows ? g.a.rs : 0;
  }
  void next(TileArgs& t) {
    const bool any = left > 0;
    t.far = any ? from : t.b;  // nothing left: a line that is there already
    t.far_run = run;
    t.far_in = any ? in : 0;
    t.far_out = any ? out : 0;
    from += step;
    left -= rows;
  }
};

// Panel q of B for the k block at k0: packed by all, in place, or packed here into L1.
void find_b(const Product& g, const Slab& slab, const Rectangle& r, int64_t q, int64_t k0,
            int64_t kc, int64_t n, TileArgs& t) {
  const int64_t j = slab.j0 + q * kCols, width = padded_cols(n);
  t.ahead_step = 0;
  if (g.b_access == BAccess::kInPlace && n == width) {
    t.b = g.b.at(k0, j);
    t.b_step = g.b.rs;
    t.ahead = t.b + 8 * t.b_step;  // straight on: rows of B are too far apart for the hardware
    t.ahead_step = t.b_step;
    return;
  }
  t.b_step = width;
  if (g.b_access == BAccess::kShared) {
    t.b = slab.packed + (k0 - slab.k0) * slab.padded + q * kCols * kc;
    t.ahead = t.b + kCols * kc;
    return;
  }
  float* to = scratch<float>(Scratch::kB, g.k_block * kCols);
  pack_b({g.b.at(k0, j), g.b.rs, g.b.cs}, kc, n, to);
  t.b = to;
  const bool more = q + 1 < r.q1;
  t.ahead = more ? g.b.at(k0, j + kCols) : g.b.at(k0 + g.k_block, slab.j0 + r.q0 * kCols);
}

// Adds the k block [k0, k0 + kc) to the rectangle. `last`: the sums are complete after it.
void chunk_block(const Product& g, const Slab& slab, const Rectangle& r, int64_t k0, int64_t kc,
                 Sums sums, bool last) {
  const Tiles tiles(r.i1 - r.i0, g.tile_rows);
  const float* a = prepare_a(g, r.i0, tiles, k0, kc);
  const bool first = k0 == 0;
  const bool add_c = !first || g.accumulate;  // C holds sums already
  HWY_ALIGN float buffer[kRows * kCols];

  TileArgs t{};
  t.kc = kc;
  t.a_step = !g.a_in_place ? kRows : g.a_rows ? g.a.rs : g.a.cs;
  t.touch_row = g.swapped ? 2 * g.ldc : g.ldc;  // a swapped tile has up to 32 rows of C
  t.touch_second = g.swapped ? g.ldc : 16;
  FarFetch far(g, r, k0, kc, last);
  for (int64_t q = r.q0; q < r.q1; ++q) {
    const int64_t j = slab.j0 + q * kCols, n = std::min<int64_t>(kCols, slab.j1 - j);
    const int64_t vectors = ceil_div(n, kLanes);
    const TileFn low = tile_fn(std::max<int64_t>(tiles.height, 1), vectors, g.a_rows);
    const TileFn high = tiles.taller ? tile_fn(tiles.height + 1, vectors, g.a_rows) : low;
    find_b(g, slab, r, q, k0, kc, n, t);
    // Each tile call of a panel has its share in fetching the next one.
    if (g.b_access == BAccess::kShared) t.ahead_step = kCols / tiles.count;
    // The first fetches all of it; of a transposed B there is one panel.
    if (g.b_access == BAccess::kLocal) t.ahead_step = g.b.cs == 1 ? g.b.rs : 0;
    // Where a tile goes: to the swapped sums, to C, or to the buffer, which finish_*() reads.
    const bool to_c = !g.swapped && n % kLanes == 0 && (!last || g.finishes_in_registers());
    float* c = g.c + (g.swapped ? j * g.ldc + r.i0 : r.i0 * g.ldc + j);
    const int64_t c_row = g.swapped ? 1 : g.ldc;
    t.c = sums.data ? sums.data + (q - r.q0) * kCols : to_c ? c : buffer;
    t.ldc = sums.data ? sums.step : to_c ? g.ldc : kCols;
    const bool loads = !sums.data && !to_c && !g.swapped && add_c;  // C to the buffer, first
    t.bias = to_c && last && g.epilogue.bias ? g.epilogue.bias + j : nullptr;
    t.relu = to_c && last && g.epilogue.activation == Activation::kRelu;
    int64_t row = 0;  // of the chunk
    for (int64_t i = 0; i < tiles.count; ++i) {
      const int64_t m = tiles.rows(i);
      t.a = a + (g.a_in_place ? row * g.a.rs : i * kPanelA);
      t.touch = c + row * c_row;
      t.before = (sums.data ? !first : !g.swapped && add_c) ? t.c : nullptr;
      t.before_step = t.ldc;
      if (loads) load_tile(c + row * g.ldc, g.ldc, m, n, buffer);
      far.next(t);
      (i < tiles.taller ? high : low)(t);
      if (g.swapped) {
        if (last) finish_swapped(g, t.c, t.ldc, r.i0 + row, m, j, n);
      } else if (!to_c) {
        finish_plain(g, buffer, r.i0 + row, m, j, n, last);
      }
      if (sums.data || to_c) t.c += m * t.ldc;
      if (g.b_access == BAccess::kShared) t.ahead += kc * t.ahead_step;
      if (g.b_access == BAccess::kLocal) t.ahead_step = 0;
      row += m;
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
  if (g.swapped && g.k > g.k_block)
    sums.data = scratch<float>(Scratch::kC, (r.i1 - r.i0) * sums.step);
  int64_t k0 = slab.k0;
  do {  // once for k = 0
    const int64_t kc = std::min(g.k_block, slab.k1 - k0);
    chunk_block(g, slab, r, k0, kc, sums, k0 + kc == g.k);
    k0 += kc;
  } while (k0 < slab.k1);
}

// ---- The whole product ----

// Packs one panel of the slab. All k blocks of a transposed B in turn: its rows are read straight
// through, which the hardware fetches ahead.
void pack_panel(const Product& g, const Slab& slab, int64_t q) {
  const int64_t j = slab.j0 + q * kCols, n = std::min<int64_t>(kCols, slab.j1 - j);
  for (int64_t k0 = slab.k0; k0 < slab.k1; k0 += g.k_block) {
    const int64_t kc = std::min(g.k_block, slab.k1 - k0);
    pack_b({g.b.at(k0, j), g.b.rs, g.b.cs}, kc, n,
           slab.packed + (k0 - slab.k0) * slab.padded + q * kCols * kc);
  }
}

double serial_ns(const Product& g) {  // at 100 GFLOP/s
  return static_cast<double>(g.m) * static_cast<double>(g.n) * static_cast<double>(g.k + 1) / 50;
}

int64_t floor_power_of_two(int64_t x) {
  int64_t p = 1;
  while (p * 2 <= x) p *= 2;
  return p;
}

// Chunks of at least 3 us: small work gets up to 8 (with many threads 4 for each), large work
// multiples of that of about 128 rows, so that 2, 4 and 8 threads get equal shares.
void choose_grid(Product& g) {
  const int64_t most = std::max<int64_t>(8, 4 * floor_power_of_two(num_threads()));
  const int64_t want = std::clamp<int64_t>(
      floor_power_of_two(static_cast<int64_t>(std::min(serial_ns(g) / 3e3, 1e6))), 1, most);
  g.row_chunks = g.col_chunks = 1;
  if (g.b_access !=
      BAccess::kShared) {  // few rows: split the columns, a thread keeps its part of B
    g.col_chunks = std::min(want, floor_power_of_two(g.panels()));
    g.row_chunks = std::min(want / g.col_chunks, floor_power_of_two(ceil_div(g.m, kRows)));
    if (g.b_access == BAccess::kLocal)  // each packs its panels
      g.row_chunks = std::min(g.row_chunks, floor_power_of_two(num_threads()));
    return;
  }
  // Two tiles a chunk at least: each panel that comes from L2 is used twice.
  g.row_chunks = std::min(want, floor_power_of_two(ceil_div(g.m, 2 * kRows)));
  g.col_chunks = std::min(want / g.row_chunks, floor_power_of_two(g.panels()));
  if (g.row_chunks == most)
    g.row_chunks = std::max<int64_t>((g.m + 64 * most) / (128 * most) * most, most);
}

// How much of k a slab of n columns holds.
int64_t slab_depth(int64_t n) {
  return kSlabFloats / padded_cols(std::min(n, kSlabCols)) / kBlock * kBlock;
}

void multiply(const Product& g) {
  const bool shared = g.b_access == BAccess::kShared;
  const int64_t slab_n = shared ? std::min(g.n, kSlabCols) : g.n;
  const int64_t slab_k = shared ? slab_depth(g.n) : g.k;
  const double ns = serial_ns(g);
  for (int64_t j0 = 0; j0 < g.n; j0 += slab_n) {
    int64_t k0 = 0;
    do {
      Slab slab{k0, std::min(g.k, k0 + slab_k), j0, std::min(g.n, j0 + slab_n), nullptr, 0};
      slab.padded = padded_cols(slab.j1 - slab.j0);
      const int64_t depth = slab.k1 - slab.k0;
      if (shared && depth > 0) {
        slab.packed = scratch<float>(Scratch::kB, depth * slab.padded);
        parallel_tasks(ceil_div(slab.j1 - slab.j0, kCols),
                       0.3 * static_cast<double>(depth * slab.padded),
                       [&](int64_t q) { pack_panel(g, slab, q); });
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
  const bool keeps_order = !(g.accumulate && g.k > kSumChain);
  const bool one_slab = g.k <= slab_depth(g.m);  // along k: a chunk makes its sums in one go
  if (b_transposed && swapped_cost < g.n * g.k && keeps_order && one_slab) {
    g.swapped = true;
    std::swap(g.m, g.n);
    std::swap(g.a, g.b);
    std::swap(g.a.rs, g.a.cs);
    std::swap(g.b.rs, g.b.cs);
  }
  g.a_rows = g.a.cs == 1;
  // Few rows read a row-major B about as often as packing it would; some more rows pay for packing
  // it into L1, but not for storing the panels and fetching them again. Nor does a single panel for
  // few rows, which the other cores would have to fetch from the one that packed it: 64 x 512 by
  // the transpose of 10 x 512 took 10.2 us on a Xeon and takes 6.4.
  const bool few_rows = g.m <= 8 * kRows;
  g.b_access = g.b.cs != 1 ? (few_rows && g.n <= kCols ? BAccess::kLocal : BAccess::kShared)
               : few_rows  ? BAccess::kInPlace
               : g.m <= 256 && g.n >= 16 * kCols ? BAccess::kLocal
                                                 : BAccess::kShared;
  // The gradient of a weight reads A = dY^T where it lies: packing it cost a fifth of the time.
  g.a_in_place = g.a_rows || (g.a.rs == 1 && !conflicts(g.a.cs));
  g.tile_rows = g.a_rows && conflicts(g.a.rs) ? std::min(kRows, 8) : kRows;
  // Deep blocks spare calls of tiles, 2 to 3 % of the time with a block for each chain. The columns
  // of A^T that one needs would not stay in L2, nor would its packed panels.
  g.k_block = g.a_rows ? kBlock : kSumChain;
  choose_grid(g);
  return g;
}

// Matrix `index` of the batch; `serial`: in one piece, on this thread.
void multiply_one(const MatmulArgs<float>& args, int64_t index, bool serial) {
  if (is_vector_product(args)) {
    MatmulArgs<float> one = args;
    one.a += index * args.a_batch;
    one.b += index * args.b_batch;
    one.c += index * args.c_batch;
    if (one.pre_activation) one.pre_activation += index * args.c_batch;
    return multiply_vector(one, serial);
  }
  Product g = choose(args, index);
  if (serial) g.row_chunks = g.col_chunks = 1;
  multiply(g);
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
  if (args.batch == 1) return multiply_one(args, 0, false);
  const double ns = static_cast<double>(args.m * args.n) * static_cast<double>(args.k + 1) / 50;
  if (ns > 4e5) {
    for (int64_t i = 0; i < args.batch; ++i) multiply_one(args, i, false);
    return;
  }
  // Small matrices: threads over the batch; inside, everything runs on the one thread.
  const int64_t group = std::max<int64_t>(1, static_cast<int64_t>(1e4 / ns));
  parallel_tasks(ceil_div(args.batch, group), ns * static_cast<double>(args.batch),
                 [&](int64_t task) {
                   const int64_t end = std::min(args.batch, (task + 1) * group);
                   for (int64_t i = task * group; i < end; ++i) multiply_one(args, i, true);
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
