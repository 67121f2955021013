// The matrix product with operands rounded to bf16 and f32 sums (formula and layouts:
// kernels/matmul.h). Both operands are rounded while they are packed; then each task multiplies a
// rectangle of C, 32 x 32 sums at a time, over the whole of k. B is packed by all threads. So is A
// where C has more columns than rows; else each task packs A for its own rows, a part at a time
// that its second-level cache holds: worth up to 4 % of a training step of a GPT of width 384. Dots
// take the pairs of a transposed A (for a weight's gradient) as they lie, tiles turned. What
// remains of the time is the packing: the AMX unit multiplies 16 times as fast as f32 units do.
// Each sum is a chain along k that depends on the shape and the unit alone.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tinytorch/kernels/simd/matmul_bf16.cpp"
#include "hwy/foreach_target.h"
#include "tinytorch/core/parallel.h"
#include "tinytorch/kernels/matmul.h"
#include "tinytorch/kernels/simd/bf16-inl.h"
#include "tinytorch/kernels/simd/bf16.h"
#include "tinytorch/kernels/simd/isa.h"
#include "tinytorch/kernels/simd/matmul-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tinytorch::kernels::HWY_NAMESPACE::bf16 {

#if HWY_TARGET == HWY_AVX3

constexpr int64_t kSlabNumbers = 8 << 20;  // packed of B at a time, or of A for all tasks: 16 MB
constexpr int64_t kOwnNumbers = 1 << 20;   // packed of A at a time by a task for itself
constexpr int64_t kOwnRows = 256;          // likewise
constexpr int64_t kMaxTasks =
    8;  // divides evenly among 2, 4 and 8 threads; with more, two for each
constexpr int64_t kStripsAtOnce = 4;  // packed by one task: 4 cache lines in a row

// Rows [i0, i1) and columns [j0, j1) of C with their operands, packed.
struct Packed {
  const uint16_t *a, *b;  // strip after strip, b in layout kPairs
  Layout a_layout;
  int64_t i0, i1, j0, j1;
  int64_t blocks;  // along k
  bool tiles;
};

void multiply_rectangle(const MatmulArgs<float>& args, const Packed& g, int64_t i0, int64_t i1,
                        int64_t j0, int64_t j1) {
  HWY_ALIGN float sums[kPair * kPair];
  const bool as_they_are = !args.bias && !args.pre_activation && !args.accumulate &&
                           args.activation == Activation::kNone;
  const int64_t strip = g.blocks * kBlockNumbers;
  const auto multiply = [&](bool two_a, bool two_b) {
    return g.a_layout == Layout::kPairs ? dots_fn<Layout::kPairs>(two_a, two_b)
                                        : multiply_fn(g.tiles, two_a, two_b);
  };
  for (int64_t j = j0; j < j1; j += kPair) {
    const int64_t n = std::min(kPair, j1 - j);
    for (int64_t i = i0; i < i1; i += kPair) {
      const int64_t m = std::min(kPair, i1 - i);
      Factors factors{};
      factors.a = g.a + (i - g.i0) / kSide * strip, factors.a_strip = strip;
      factors.b = g.b + (j - g.j0) / kSide * strip, factors.b_strip = strip;
      factors.a_row = factors.a_pair = kDepth, factors.a_piece = kBlockNumbers;
      if (g.a_layout == Layout::kRows) factors.a_pair = 2;
      factors.segments = 1, factors.pieces = g.blocks;
      const int64_t at = i * args.ldc + j;
      if (as_they_are && m == kPair && n == kPair) {
        factors.c_step = args.ldc;
        multiply(true, true)(factors, args.c + at);
        continue;
      }
      multiply(m > kSide, n > kSide)(factors, sums);
      const gemm::Epilogue epilogue = {args.bias ? args.bias + j : nullptr,
                                       args.pre_activation ? args.pre_activation + at : nullptr,
                                       args.activation};
      gemm::finish_tile(sums, kTileStep, m, n, args.c + at, args.ldc, args.accumulate, epilogue);
    }
  }
}

template <Layout layout>
const uint16_t* pack(const Source& s, Scratch slot) {
  const int64_t all = strips(s.count), numbers = all * depth_blocks(s.depth) * kBlockNumbers;
  auto* to = scratch<uint16_t>(slot, numbers);
  parallel_tasks((all + kStripsAtOnce - 1) / kStripsAtOnce, 0.15 * static_cast<double>(numbers),
                 [&](int64_t task) {
                   const int64_t first = task * kStripsAtOnce;
                   pack_strips<layout>(s, first, std::min(all, first + kStripsAtOnce), to);
                 });
  return to;
}

Source rows_of(const MatmulArgs<float>& args, int64_t i0, int64_t i1) {
  return {args.a + i0 * args.a_rs, args.a_rs, args.a_cs, i1 - i0, args.k};
}

// Rows [g.i0, g.i1) of C, for which A is not packed yet.
template <Layout a_layout>
void multiply_own_rows(const MatmulArgs<float>& args, Packed g) {
  const int64_t fit = kOwnNumbers / (g.blocks * kDepth) / kPair * kPair;
  const int64_t end = g.i1, at_once = std::clamp(fit, kPair, kOwnRows);
  auto* a = scratch<uint16_t>(Scratch::kA, at_once * g.blocks * kDepth);
  g.a = a;
  for (; g.i0 < end; g.i0 = g.i1) {
    g.i1 = std::min(end, g.i0 + at_once);
    const Source rows = rows_of(args, g.i0, g.i1);
    for (int64_t s = 0, all = strips(rows.count); s < all; s += kStripsAtOnce)
      pack_strips<a_layout>(rows, s, std::min(all, s + kStripsAtOnce), a);
    multiply_rectangle(args, g, g.i0, g.i1, g.j0, g.j1);
  }
}

// The columns of C for which `g` has B, cut along the longer side, or along rows where A is large.
template <Layout a_layout>
void multiply_packed(const MatmulArgs<float>& args, Packed g) {
  const int64_t rows = ceil_div(args.m, kPair), cols = ceil_div(g.j1 - g.j0, kPair);
  const bool by_rows = rows >= cols || args.m * g.blocks * kDepth > kSlabNumbers;
  const int64_t along = by_rows ? rows : cols,
                tasks = std::min(along, std::max<int64_t>(kMaxTasks, 2 * num_threads()));
  if (!by_rows) g.a = pack<a_layout>(rows_of(args, 0, args.m), Scratch::kA);
  g.a_layout = a_layout, g.i0 = 0, g.i1 = args.m;
  const double ns = static_cast<double>(rows * cols * g.blocks) * (g.tiles ? 80 : 150);
  parallel_tasks(tasks, ns, [&](int64_t task) {
    const int64_t begin = along * task / tasks * kPair, end = along * (task + 1) / tasks * kPair;
    if (g.tiles) take_tiles(kSide, kSide);
    if (by_rows) {
      Packed own = g;
      own.i0 = begin, own.i1 = std::min(args.m, end);
      multiply_own_rows<a_layout>(args, own);
    } else {
      multiply_rectangle(args, g, 0, args.m, g.j0 + begin, std::min(g.j1, g.j0 + end));
    }
    if (g.tiles) release_tiles();
  });
}

void multiply_one(const MatmulArgs<float>& args) {
  Packed g{};
  g.tiles = bf16_unit() == Bf16Unit::kTiles;
  g.blocks = depth_blocks(args.k);
  const int64_t slab = std::max(kPair, kSlabNumbers / (g.blocks * kDepth) / kPair * kPair);
  for (g.j0 = 0; g.j0 < args.n; g.j0 = g.j1) {
    g.j1 = std::min(args.n, g.j0 + slab);
    g.b = pack<Layout::kPairs>(
        {args.b + g.j0 * args.b_cs, args.b_cs, args.b_rs, g.j1 - g.j0, args.k}, Scratch::kB);
    if (!g.tiles && args.a_rs == 1 && args.a_cs != 1)
      multiply_packed<Layout::kPairs>(args, g);
    else
      multiply_packed<Layout::kRows>(args, g);
  }
}

int64_t burst(int64_t rounds) {
  constexpr int64_t kBlocks = 8;  // along k: 16 KB of each operand
  alignas(64) static const uint16_t zeros[2 * kBlocks * kBlockNumbers] = {};
  HWY_ALIGN float sums[kPair * kPair];
  Factors f{};
  f.a = f.b = zeros;
  f.a_row = kDepth, f.a_piece = kBlockNumbers, f.a_strip = f.b_strip = kBlocks * kBlockNumbers;
  f.segments = 1, f.pieces = kBlocks;
  const bool tiles = bf16_unit() == Bf16Unit::kTiles;
  if (tiles) take_tiles(kSide, kSide);
  for (int64_t i = 0; i < rounds; ++i) multiply_fn(tiles, true, true)(f, sums);
  if (tiles) release_tiles();
  return rounds * 2 * kPair * kPair * kBlocks * kDepth;
}
#endif

void matmul(const MatmulArgs<float>& given) {
  MatmulArgs<float> args = given;
  if (args.m <= 0 || args.n <= 0 || args.batch <= 0) return;
  if (args.batch > 1 && args.b_batch == 0 && args.a_batch == args.m * args.a_rs &&
      args.c_batch == args.m * args.ldc) {  // one B for all: a single taller product
    args.m *= args.batch;
    args.batch = 1;
  }
#if HWY_TARGET == HWY_AVX3
  // With few rows or columns, and in a small product, rounding would cost more than it saves.
  constexpr double kWorth = 128 * 1024;
  const bool worth =
      std::min({args.m, args.n, args.k}) >= 8 &&
      static_cast<double>(args.m) * static_cast<double>(args.n) * static_cast<double>(args.k) >=
          kWorth;
  if (worth && bf16_unit() != Bf16Unit::kNone) {
    for (int64_t index = 0; index < args.batch; ++index) {
      MatmulArgs<float> one = args;
      one.a += index * args.a_batch;
      one.b += index * args.b_batch;
      one.c += index * args.c_batch;
      if (one.pre_activation) one.pre_activation += index * args.c_batch;
      multiply_one(one);
    }
    return;
  }
#endif
  simd::matmul(args);
}

}  // namespace tinytorch::kernels::HWY_NAMESPACE::bf16

namespace tinytorch::kernels::HWY_NAMESPACE {
void bf16_matmul(const MatmulArgs<float>& args) {
  bf16::matmul(args);
}
int64_t bf16_rounds([[maybe_unused]] int64_t rounds) {
#if HWY_TARGET == HWY_AVX3
  if (bf16_unit() != Bf16Unit::kNone) return bf16::burst(rounds);
#endif
  return 0;
}
}  // namespace tinytorch::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tinytorch::kernels {
HWY_EXPORT(bf16_matmul);
HWY_EXPORT(bf16_rounds);

void bf16::matmul(const MatmulArgs<float>& args) {
  TINYTORCH_DISPATCH(bf16_matmul)(args);
}

int64_t bf16_burst(int64_t rounds) {
  return TINYTORCH_DISPATCH(bf16_rounds)(rounds);
}
}  // namespace tinytorch::kernels
#endif
