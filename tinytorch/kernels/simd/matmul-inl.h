// What the f32 matrix product (matmul.cpp) shares with attention, Winograd and the other products:
// the micro-kernel's arguments, partial vectors, transposing, the epilogue.
#include <algorithm>
#include <cstdint>

#include "hwy/highway.h"
#include "tinytorch/kernels/matmul.h"
#include "tinytorch/kernels/simd/vec-inl.h"

#if defined(TINYTORCH_MATMUL_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TINYTORCH_MATMUL_INL_H_
#undef TINYTORCH_MATMUL_INL_H_
#else
#define TINYTORCH_MATMUL_INL_H_
#endif

HWY_BEFORE_NAMESPACE();
namespace tinytorch::kernels::HWY_NAMESPACE::gemm {

namespace hn = hwy::HWY_NAMESPACE;
using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;
constexpr D d;

// The register tile: kRows x kVecs accumulators, kVecs vectors of B and one broadcast of A at a
// time fill the register file (32 registers: 28 + 2 + 1; AVX2 has 16: 12 + 2 + 1).
#if HWY_TARGET == HWY_AVX3
constexpr int kRows = 14, kLanes = 16;
#elif HWY_TARGET == HWY_AVX2
constexpr int kRows = 6, kLanes = 8;
#elif HWY_TARGET == HWY_SCALAR
constexpr int kRows = 4, kLanes = 1;
#else
constexpr int kRows = 12, kLanes = 4;
#endif
static_assert(kLanes == hn::MaxLanes(D()), "a target of Highway's that has no register tile yet");
constexpr int kVecs = 2;
constexpr int kCols = kVecs * kLanes;  // columns of a full tile: one panel of B

HWY_INLINE V at_least(V least, V x) {  // NaN, and -0 where least is 0, are not below it and stay
#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX2
  return hn::Max(least, x);  // on x86 by definition least > x ? least : x
#else
  return hn::IfThenElse(hn::Lt(x, least), least, x);
#endif
}
HWY_INLINE V relu(V x) {
  return at_least(hn::Zero(d), x);
}

// ---- The micro-kernel (matmul.cpp) ----

// One tile: C[i,j] = before[i,j] + sum over p in [0, kc) of a(i,p) b(p,j): chains of kSumChain
// fused multiply-adds, added one after the other. A comes in one of two orders, named by what has
// unit stride:
//   panel: a(i,p) = a[p * a_step + i]    packed, or a transposed matrix in place
//   rows:  a(i,p) = a[i * a_step + p]    a row-major matrix in place
// b(p,j) = b[p * b_step + j]. Nothing overlaps.
struct TileArgs {
  int64_t kc;
  const float* a;
  int64_t a_step;
  const float* b;
  int64_t b_step;
  float* c;
  int64_t ldc;
  const float* before;  // whole vectors; may be c; nullptr: none
  int64_t before_step;
  const float* bias;  // added after the sums, one value a column; or nullptr
  bool relu;
  // Where the result ends up, 2 m cache lines: fetched first, they have arrived at the end. Worth
  // 10 to 25 %.
  const float* touch;
  int64_t touch_row, touch_second;
  // Fetched meanwhile: the next panel of B, ahead_step further for each p (to L1), and one line of
  // the next k block of A for each p, in runs of far_run lines far_in apart (to L2).
  const float* ahead;
  int64_t ahead_step;
  const float* far;
  int64_t far_run, far_in, far_out;
};

using TileFn = void (*)(const TileArgs&);
// The micro-kernel for m rows (1..kRows), nv vectors of columns (1 or 2) and A in rows or a panel.
TileFn tile_fn(int64_t m, int64_t nv, bool rows);

// ---- Partial vectors ----
// The first n lanes (1 <= n <= kLanes); memory beyond them is not touched.

HWY_INLINE V load_n(const float* from, int64_t n) {
  if (n >= kLanes) return hn::LoadU(d, from);
#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX2
  return hn::MaskedLoad(hn::FirstN(d, static_cast<size_t>(n)), d, from);
#else
  HWY_ALIGN float lanes[kLanes] = {};
  for (int64_t i = 0; i < n; ++i) lanes[i] = from[i];
  return hn::Load(d, lanes);
#endif
}

HWY_INLINE void store_n(V v, float* to, int64_t n) {
  if (n >= kLanes) return hn::StoreU(v, d, to);
#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX2
  hn::BlendedStore(v, hn::FirstN(d, static_cast<size_t>(n)), d, to);
#else
  HWY_ALIGN float lanes[kLanes];
  hn::Store(v, d, lanes);
  for (int64_t i = 0; i < n; ++i) to[i] = lanes[i];
#endif
}

// ---- Transposing ----

// out[t] = the elements k = t of kLanes rows of memory, for t in [0, 4): lane r comes from
// row(r)[t]. Rows are loaded as 128-bit pieces that land in their final block (row 4q + s in block
// q of vector s); 4x4 transposes inside the blocks do the rest: 2 shuffles a vector instead of 4.
template <class Row>
HWY_INLINE void load_transposed(const Row& row, V out[4]) {
#if HWY_TARGET == HWY_SCALAR
  for (int t = 0; t < 4; ++t) out[t] = hn::LoadU(d, row(0) + t);
#else
  const hn::FixedTag<float, 4> d4;
  const hn::RepartitionToWide<D> wide;
  V v[4];
#pragma GCC unroll 4
  for (int s = 0; s < 4; ++s) {
#if HWY_TARGET == HWY_AVX3
    const hn::FixedTag<float, 8> d8;
    const auto lower = hn::Combine(d8, hn::LoadU(d4, row(s + 4)), hn::LoadU(d4, row(s)));
    const auto upper = hn::Combine(d8, hn::LoadU(d4, row(s + 12)), hn::LoadU(d4, row(s + 8)));
    v[s] = hn::Combine(d, upper, lower);
#elif HWY_TARGET == HWY_AVX2
    v[s] = hn::Combine(d, hn::LoadU(d4, row(s + 4)), hn::LoadU(d4, row(s)));
#else
    v[s] = hn::LoadU(d4, row(s));
#endif
  }
  const auto ab0 = hn::BitCast(wide, hn::InterleaveLower(d, v[0], v[1]));
  const auto ab1 = hn::BitCast(wide, hn::InterleaveUpper(d, v[0], v[1]));
  const auto cd0 = hn::BitCast(wide, hn::InterleaveLower(d, v[2], v[3]));
  const auto cd1 = hn::BitCast(wide, hn::InterleaveUpper(d, v[2], v[3]));
  out[0] = hn::BitCast(d, hn::InterleaveLower(wide, ab0, cd0));
  out[1] = hn::BitCast(d, hn::InterleaveUpper(wide, ab0, cd0));
  out[2] = hn::BitCast(d, hn::InterleaveLower(wide, ab1, cd1));
  out[3] = hn::BitCast(d, hn::InterleaveUpper(wide, ab1, cd1));
#endif
}

// to[p * to_step + r] = from[r * from_step + p] for p in [0, length), r in [0, kLanes); rows past
// `count` repeat the last one.
HWY_INLINE void transpose_lanes(const float* from, int64_t from_step, int64_t count, int64_t length,
                                float* to, int64_t to_step) {
  const float* start[kLanes];
  for (int64_t r = 0; r < kLanes; ++r) start[r] = from + std::min(r, count - 1) * from_step;
  int64_t p = 0;
  for (; p + 4 <= length; p += 4) {
    V v[4];
    load_transposed([&](int r) { return start[r] + p; }, v);
    for (int t = 0; t < 4; ++t) hn::StoreU(v[t], d, to + (p + t) * to_step);
  }
  for (; p < length; ++p)
    for (int64_t r = 0; r < kLanes; ++r) to[p * to_step + r] = start[r][p];
}

// ---- The epilogue ----

struct Epilogue {
  const float* bias;  // of the first column, or nullptr
  float* pre;         // of the first element, same strides as c, or nullptr
  Activation activation;
};

template <Activation kActivation>
HWY_INLINE V activate(V v) {
  using F = Vec<float>;
  const F x = v;
  if (kActivation == Activation::kRelu) return relu(v);
  if (kActivation == Activation::kGelu) return (x * normal_cdf(x)).v;
  if (kActivation == Activation::kGeluTanh)
    return (F(0.5f) * x * (F(1) + tanh(F(0.797884561f) * fma(F(0.044715f) * x * x, x, x)))).v;
  return v;
}

template <Activation kActivation>
HWY_NOINLINE void finish_rows(const float* from, int64_t from_step, int64_t m, int64_t n, float* c,
                              int64_t ldc, bool add, const Epilogue& e) {
  for (int64_t j = 0; j < n; j += kLanes) {
    const int64_t count = std::min<int64_t>(kLanes, n - j);
    const V bias = e.bias ? load_n(e.bias + j, count) : hn::Zero(d);
    for (int64_t i = 0; i < m; ++i) {
      V v = hn::LoadU(d, from + i * from_step + j);
      float* to = c + i * ldc + j;
      if (add) v = hn::Add(load_n(to, count), v);
      if (e.bias) v = hn::Add(v, bias);
      if (e.pre) store_n(v, e.pre + i * ldc + j, count);
      store_n(activate<kActivation>(v), to, count);
    }
  }
}

// c[i,j] = act((add ? c[i,j] : 0) + from[i * from_step + j] + bias[j]) for an m x n tile in L1.
inline void finish_tile(const float* from, int64_t from_step, int64_t m, int64_t n, float* c,
                        int64_t ldc, bool add, const Epilogue& e) {
  switch (e.activation) {
    case Activation::kNone:
      return finish_rows<Activation::kNone>(from, from_step, m, n, c, ldc, add, e);
    case Activation::kRelu:
      return finish_rows<Activation::kRelu>(from, from_step, m, n, c, ldc, add, e);
    case Activation::kGelu:
      return finish_rows<Activation::kGelu>(from, from_step, m, n, c, ldc, add, e);
    case Activation::kGeluTanh:
      return finish_rows<Activation::kGeluTanh>(from, from_step, m, n, c, ldc, add, e);
  }
}

}  // namespace tinytorch::kernels::HWY_NAMESPACE::gemm
HWY_AFTER_NAMESPACE();
#endif
