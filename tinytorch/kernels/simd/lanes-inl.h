// Sums and maxima over a row in one order for every instruction set, and what the row-wise kernels
// share. Included once for each target, as vec-inl.h.
//
// Note: virtual lanes. A row is read in blocks of 64: element i belongs to virtual lane i % 64, and
// a lane is one chain of additions from 0, in order. At the end lane i takes lane i + 32, then
// i + 16, 8, 4, 2, 1. A register holds 4, 8 or 16 neighbouring lanes, so AVX-512 keeps 4
// accumulators, AVX2 8, NEON 16, and all get the same bits. The rest of a row adds to the lanes it
// covers; +0 in the others changes nothing. (SCALAR keeps 4 lanes: its bits differ anyway.)
#if defined(TINYTORCH_KERNELS_SIMD_LANES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TINYTORCH_KERNELS_SIMD_LANES_INL_H_
#undef TINYTORCH_KERNELS_SIMD_LANES_INL_H_
#else
#define TINYTORCH_KERNELS_SIMD_LANES_INL_H_
#endif

#include <cstdint>
#include <limits>
#include <type_traits>

#include "hwy/cache_control.h"
#include "tinytorch/kernels/simd/vec-inl.h"

// For lambdas that run in the innermost loop: their accumulators must stay in registers.
#define TINYTORCH_ROW_LAMBDA __attribute__((always_inline))

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define TINYTORCH_UNROLL_ROWS false
#endif
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define TINYTORCH_UNROLL_ROWS false
#endif
#ifndef TINYTORCH_UNROLL_ROWS
#define TINYTORCH_UNROLL_ROWS true
#endif

HWY_BEFORE_NAMESPACE();
namespace tinytorch::kernels::HWY_NAMESPACE {

using F = Vec<float>;
inline constexpr int64_t kWidth = static_cast<int64_t>(F::kLanes);
inline constexpr int kRowVecs = kWidth == 1 ? 4 : static_cast<int>(64 / kWidth);
inline constexpr int64_t kRowLanes = kRowVecs * kWidth;
// Short rows taken side by side, where the registers suffice.
inline constexpr int kTogether = kWidth == 16 ? 4 : 1;
inline constexpr bool kUnroll = TINYTORCH_UNROLL_ROWS;
inline constexpr float kNegInf = -std::numeric_limits<float>::infinity();

// How a body of for_row reads and writes its vector: all lanes, or the first n.
struct Whole {
  HWY_INLINE F load(const float* p) const { return F::load(p); }
  HWY_INLINE F load_or(const float* p, float) const { return F::load(p); }
  HWY_INLINE F keep(F v) const { return v; }
  HWY_INLINE void store(F v, float* p) const { v.store(p); }
};
struct Part {
  size_t n;
  HWY_INLINE Mask<float> mask() const { return hn::FirstN(F::D(), n); }
  HWY_INLINE F load(const float* p) const { return F::load_n(p, n); }
  HWY_INLINE F load_or(const float* p, float fill) const { return where(mask(), load(p), F(fill)); }
  HWY_INLINE F keep(F v) const { return hn::IfThenElseZero(mask().m, v.v); }  // else 0
  HWY_INLINE void store(F v, float* p) const { v.store_n(p, n); }
};

template <int kIndex>
using Slot = std::integral_constant<int, kIndex>;

// body(0), ..., body(kCount - 1): unrolled with compile-time constants, so that arrays indexed by
// them live in registers. Sanitizers, which would take minutes to instrument every copy, get plain
// loops here and below: the same operations in the same order.
template <int kCount, int kFrom = 0, class Body>
HWY_INLINE void repeat(const Body& body) {
  if constexpr (!kUnroll) {
    for (int k = 0; k < kCount; ++k) body(k);
  } else if constexpr (kFrom < kCount) {
    body(Slot<kFrom>());
    repeat<kCount, kFrom + 1>(body);
  }
}

template <int kIndex, class Body>
HWY_INLINE void row_rest(int64_t i, int64_t n, const Body& body) {
  const auto part = [&] { return Part{static_cast<size_t>(n - i < kWidth ? n - i : kWidth)}; };
  if constexpr (!kUnroll) {
    for (int k = 0; i < n; ++k, i += kWidth) body(i, k, part());
  } else {
    if (i >= n) return;
    body(i, Slot<kIndex>(), part());
    if constexpr (kIndex + 1 < kRowVecs) row_rest<kIndex + 1>(i + kWidth, n, body);
  }
}
// Calls body(i, slot, io) for every vector of a row of n elements: it starts at element i, its
// lanes belong to accumulator `slot` (a compile-time constant), io loads and stores it.
template <class Body>
HWY_INLINE void for_row(int64_t n, const Body& body) {
  int64_t i = 0;
  for (; i + kRowLanes <= n; i += kRowLanes)
    repeat<kRowVecs>([&](auto k) TINYTORCH_ROW_LAMBDA { body(i + k * kWidth, k, Whole()); });
  row_rest<0>(i, n, body);
}
// The same for a row of at most kRowLanes elements, without the loop.
template <class Body>
HWY_INLINE void for_short_row(int64_t n, const Body& body) {
  if (n == kRowLanes)
    repeat<kRowVecs>([&](auto k) TINYTORCH_ROW_LAMBDA { body(k * kWidth, k, Whole()); });
  else
    row_rest<0>(0, n, body);
}

// One accumulator a slot.
struct Lanes {
  F v[kRowVecs];
  HWY_INLINE Lanes() = default;
  HWY_INLINE explicit Lanes(float start) { fill(start); }
  HWY_INLINE void fill(float start) {
    for (F& each : v) each = F(start);
  }
};

// The registers of a row into one.
template <class Combine>
HWY_INLINE F fold_registers(const Lanes& lanes, Combine combine) {
  F v[kRowVecs];
  for (int k = 0; k < kRowVecs; ++k) v[k] = lanes.v[k];
  for (int half = kRowVecs / 2; half >= 1; half /= 2)
    for (int k = 0; k < half; ++k) v[k] = combine(v[k], v[k + half]);
  return v[0];
}

// The lanes of a register into one, which every lane of the result holds: both operands of each
// step hold the same pairs, swapped.
template <class Combine>
HWY_INLINE F fold_lanes(F a, [[maybe_unused]] Combine combine) {
#if HWY_TARGET != HWY_SCALAR
  const F::D d;
  if constexpr (kWidth >= 16) a = combine(a, F(hn::ConcatLowerUpper(d, a.v, a.v)));
#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX2
  a = combine(a, F(hn::SwapAdjacentBlocks(a.v)));
#endif
  a = combine(a, F(hn::Shuffle1032(a.v)));
  a = combine(a, F(hn::Shuffle2301(a.v)));
#endif
  return a;
}

struct Plus {
  HWY_INLINE F operator()(F a, F b) const { return a + b; }
};
// A NaN may get lost here; the callers subtract the maximum from the row that still holds it.
struct Larger {
  HWY_INLINE F operator()(F a, F b) const { return hn::Max(a.v, b.v); }
};

// The sum (maximum) of all virtual lanes, in every lane of the result.
HWY_INLINE F sum_lanes(const Lanes& lanes) {
  return fold_lanes(fold_registers(lanes, Plus()), Plus());
}
HWY_INLINE F max_lanes(const Lanes& lanes) {
  return fold_lanes(fold_registers(lanes, Larger()), Larger());
}

// fold_lanes() of kTogether rows at once, with the same pairs: lanes 4 r to 4 r + 3 of the result
// belong to row r. 13 operations instead of 32.
template <class Combine>
HWY_INLINE F fold_rows(const F (&row)[kTogether], Combine combine) {
#if HWY_TARGET == HWY_AVX3
  const F::D d;
  const auto halves = [&](F a, F b) TINYTORCH_ROW_LAMBDA {
    return combine(F(hn::ConcatLowerLower(d, b.v, a.v)), F(hn::ConcatUpperUpper(d, b.v, a.v)));
  };
  const F a = halves(row[0], row[1]), b = halves(row[2], row[3]);
  // Blocks 0 and 2 of both, and 1 and 3.
  F t = combine(F(F::V{_mm512_shuffle_f32x4(a.v.raw, b.v.raw, 0x88)}),
                F(F::V{_mm512_shuffle_f32x4(a.v.raw, b.v.raw, 0xdd)}));
  t = combine(t, F(hn::Shuffle1032(t.v)));
  return combine(t, F(hn::Shuffle2301(t.v)));
#else
  return fold_lanes(row[0], combine);
#endif
}
// What fold_rows() holds for row r, in every lane.
HWY_INLINE F of_row(F rows, int r) {
  if constexpr (kTogether == 1) return rows;
  const hn::RebindToSigned<F::D> di;
  return hn::TableLookupLanes(rows.v, hn::IndicesFromVec(F::D(), hn::Set(di, 4 * r)));
}

HWY_INLINE float first_lane(F v) {
  return hn::GetLane(v.v);
}

// e^x for x <= 0 or NaN: what is left of exp() when nothing overflows and results under 2^-126 may
// be 0 (they are terms of a sum that holds a 1). -inf gives 0 exactly.
HWY_INLINE F exp_nonpositive(F x) {
  const detail::Reduced r = detail::reduce_exp(x, F(127));
  const F p = polynomial(r.f, {1.381446724e-03f, 8.368780836e-03f, 4.166839272e-02f,
                               1.666651964e-01f, 4.999999404e-01f, 1.f, 1.f});
  const F y = p * detail::power_of_two(r.field);
  return hn::IfThenZeroElse((x < F(-87.3f)).m, y.v);
}

}  // namespace tinytorch::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // per-target include guard
