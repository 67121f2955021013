// Vector rows from formulas. A file of operations writes each formula once, as a static template
// over V = float, double, an integer type or Vec<float>, and is included again for each target:
//
//   #undef HWY_TARGET_INCLUDE
//   #define HWY_TARGET_INCLUDE "tinytorch/ops/activation.cpp"   // the file itself
//   #include "hwy/foreach_target.h"
//   #include "tinytorch/kernels/simd/rows-inl.h"
//
//   HWY_BEFORE_NAMESPACE();
//   namespace tinytorch::kernels::HWY_NAMESPACE {
//   struct Silu {
//     template <class V> static V fwd(V x) { return x * sigmoid(x); }
//     template <class V> static V bwd(V g, V x) { ... }
//   };
//   }
//   HWY_AFTER_NAMESPACE();
//
//   #if HWY_ONCE
//   constexpr kernels::PointwiseRows kSiluForward = TINYTORCH_ROWS(Silu::fwd);
//   #endif
//
// A formula takes 1 to 5 inputs by value and, last, its parameters as const P& (the row's `params`
// points at a P, mostly Scalars; its numbers are double and enter as V(p.a)). A condition has type
// MaskOf<V> and lies in memory as bool, as does a comparison's result. Names to use:
// kernels/scalar_math.h.
#if defined(TINYTORCH_KERNELS_SIMD_ROWS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TINYTORCH_KERNELS_SIMD_ROWS_INL_H_
#undef TINYTORCH_KERNELS_SIMD_ROWS_INL_H_
#else
#define TINYTORCH_KERNELS_SIMD_ROWS_INL_H_
#endif

#include <utility>

#include "tinytorch/kernels/loops_row.h"
#include "tinytorch/kernels/pointwise.h"
#include "tinytorch/kernels/simd/vec-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tinytorch::kernels::HWY_NAMESPACE {

// How the arguments and the result of a formula lie in memory.
template <class V>
struct Lane;
template <>
struct Lane<Vec<float>> {
  using Memory = float;
  static HWY_INLINE Vec<float> load(const float* p) { return Vec<float>::load(p); }
  static HWY_INLINE Vec<float> load_n(const float* p, size_t n) { return Vec<float>::load_n(p, n); }
  static HWY_INLINE void store(Vec<float> v, float* p) { v.store(p); }
  static HWY_INLINE void store_n(Vec<float> v, float* p, size_t n) { v.store_n(p, n); }
};
template <>
struct Lane<Mask<float>> {  // one byte, 0 or 1
  using Memory = bool;
  using D = Vec<float>::D;
  using I32 = hn::RebindToSigned<D>;
  using Bytes = hn::Rebind<uint8_t, D>;
  static constexpr size_t kLanes = Vec<float>::kLanes;
  static HWY_INLINE Mask<float> load(const bool* p) {
    const auto bytes = hn::LoadU(Bytes(), reinterpret_cast<const uint8_t*>(p));
    return hn::RebindMask(D(), hn::Ne(hn::PromoteTo(I32(), bytes), hn::Zero(I32())));
  }
  static HWY_INLINE Mask<float> load_n(const bool* p, size_t n) {
    bool lanes[kLanes] = {};
    std::memcpy(lanes, p, n);
    return load(lanes);
  }
  static HWY_INLINE void store(Mask<float> m, bool* p) {
    const auto ones = hn::IfThenElseZero(hn::RebindMask(I32(), m.m), hn::Set(I32(), 1));
    hn::StoreU(hn::DemoteTo(Bytes(), ones), Bytes(), reinterpret_cast<uint8_t*>(p));
  }
  static HWY_INLINE void store_n(Mask<float> m, bool* p, size_t n) {
    bool lanes[kLanes];
    store(m, lanes);
    std::memcpy(p, lanes, n);
  }
};

// Where a run of one operand starts and how far a vector moves it (0: the same vector again).
struct Cursor {
  char* p;
  int64_t advance;  // bytes
};

template <class T>
HWY_INLINE void gather(const char* from, int64_t step, size_t n, T* to) {
  for (size_t i = 0; i < n; ++i, from += step) to[i] = *reinterpret_cast<const T*>(from);
}
template <class T>
HWY_INLINE void scatter(const T* from, size_t n, char* to, int64_t step) {
  for (size_t i = 0; i < n; ++i, to += step) *reinterpret_cast<T*>(to) = from[i];
}

template <auto kFormula, class Params, class R, class... A>
struct SimdRow {
  static constexpr size_t kN = Vec<float>::kLanes;
  static constexpr size_t kBlock = 256;  // elements gathered at a time when an operand is strided
  static constexpr int kInputs = sizeof...(A);
  template <class V>
  using Memory = typename Lane<V>::Memory;
  struct NoParams {};
  using Held = std::conditional_t<std::is_void_v<Params>, NoParams, Params>;

  static HWY_INLINE R apply(A... a, const Held& params) {
    if constexpr (std::is_void_v<Params>)
      return (void)params, kFormula(a...);
    else
      return kFormula(a..., params);
  }
  template <class V>
  static HWY_INLINE V load(const char* p, size_t at) {
    return Lane<V>::load(reinterpret_cast<const Memory<V>*>(p) + at);
  }
  template <class V>
  static HWY_INLINE V load_n(const char* p, size_t n) {
    return Lane<V>::load_n(reinterpret_cast<const Memory<V>*>(p), n);
  }

  // n elements of operands without gaps (or repeated): two vectors in flight, then one, then a
  // masked one. Not inlined: one copy of every formula compiles in half the time.
  template <size_t... J>
  static HWY_NOINLINE void flat(Memory<R>* y, const Cursor* x, size_t n, const Held& params,
                                std::index_sequence<J...>) {
    // Copies: the compiler then knows that no store changes them, and keeps them in registers.
    const char* p[] = {x[J].p...};
    const int64_t advance[] = {x[J].advance...};
    for (; n >= 2 * kN; n -= 2 * kN) {
      const R a = apply(load<A>(p[J], 0)..., params);
      const R b = apply(load<A>(p[J], kN)..., params);
      Lane<R>::store(a, y);
      Lane<R>::store(b, y + kN);
      y += 2 * kN;
      ((p[J] += 2 * advance[J]), ...);
    }
    if (n >= kN) {
      Lane<R>::store(apply(load<A>(p[J], 0)..., params), y);
      y += kN;
      n -= kN;
      ((p[J] += advance[J]), ...);
    }
    if (n > 0) Lane<R>::store_n(apply(load_n<A>(p[J], n)..., params), y, n);
  }

  // Sets up one input for a block: memory without gaps is read in place, a repeated element becomes
  // two equal vectors, anything else is gathered. So the formula sees vectors whatever the strides,
  // and a value does not depend on them.
  template <class V>
  static HWY_INLINE Cursor cursor(char* p, int64_t step, size_t n, void* buffer) {
    using T = Memory<V>;
    T* lanes = static_cast<T*>(buffer);
    if (step == sizeof(T) || n == 1) return {p, kN * sizeof(T)};
    if (step == 0) {
      const T value = *reinterpret_cast<const T*>(p);
      for (size_t i = 0; i < 2 * kN; ++i) lanes[i] = value;
      return {reinterpret_cast<char*>(lanes), 0};
    }
    gather(p, step, n, lanes);
    return {reinterpret_cast<char*>(lanes), kN * sizeof(T)};
  }

  // The usual case, with nothing to set up.
  template <size_t... J>
  static HWY_INLINE bool dense(char* const* data, const int64_t* step, size_t n, const Held& params,
                               std::index_sequence<J...> inputs) {
    if (!(step[0] == sizeof(Memory<R>) && ((step[J + 1] == sizeof(Memory<A>)) && ...)))
      return false;
    auto* y = reinterpret_cast<Memory<R>*>(data[0]);
    size_t at = 0;
    // A formula without parameters is short (a sum, a product): a loop of its own is worth its code
    // when there are few elements.
    if constexpr (std::is_void_v<Params> && kInputs == 2) {
      const char* const p[] = {data[J + 1]...};
      for (; at + 2 * kN <= n; at += 2 * kN) {
        const R a = apply(load<A>(p[J], at)..., params);
        const R b = apply(load<A>(p[J], at + kN)..., params);
        Lane<R>::store(a, y + at);
        Lane<R>::store(b, y + at + kN);
      }
      if (at == n) return true;
    }
    const Cursor x[] = {Cursor{data[J + 1] + at * sizeof(Memory<A>), kN * sizeof(Memory<A>)}...};
    flat(y + at, x, n - at, params, inputs);
    return true;
  }

  template <size_t... J>
  static HWY_NOINLINE void blocks(char* const* data, const int64_t* step, size_t n,
                                  const Held& params, std::index_sequence<J...> inputs) {
    const bool gapless =
        n == 1 || (step[0] == sizeof(Memory<R>) &&
                   ((step[J + 1] == sizeof(Memory<A>) || step[J + 1] == 0) && ...));
    const size_t block = gapless ? n : kBlock;
    alignas(64) char buffer[kInputs][kBlock * sizeof(float)];
    alignas(64) Memory<R> result[kBlock];
    for (size_t begin = 0; begin < n; begin += block) {
      const size_t count = n - begin < block ? n - begin : block;
      const auto offset = static_cast<int64_t>(begin);
      Cursor x[] = {
          cursor<A>(data[J + 1] + offset * step[J + 1], step[J + 1], count, buffer[J])...};
      char* y = data[0] + offset * step[0];
      if (gapless || step[0] == sizeof(Memory<R>)) {
        flat(reinterpret_cast<Memory<R>*>(y), x, count, params, inputs);
      } else {
        flat(result, x, count, params, inputs);
        scatter(result, count, y, step[0]);
      }
    }
  }

  // A copy of the parameters: the compiler then knows that no store changes them.
  static HWY_FLATTEN void run(char* const* data, const int64_t* step, int64_t n,
                              const void* params) {
    Held held = {};
    if constexpr (!std::is_void_v<Params>) held = *static_cast<const Params*>(params);
    const std::index_sequence_for<A...> inputs;
    if (n > 0 && !dense(data, step, static_cast<size_t>(n), held, inputs))
      blocks(data, step, static_cast<size_t>(n), held, inputs);
  }
};

// From a formula's signature to its row: R(A...) or R(A..., const P&), up to five inputs.
template <auto kFormula, class Signature>
struct SimdRowOf;
template <auto F, class R, class A>
struct SimdRowOf<F, R (*)(A)> : SimdRow<F, void, R, A> {};
template <auto F, class R, class A, class B>
struct SimdRowOf<F, R (*)(A, B)> : SimdRow<F, void, R, A, B> {};
template <auto F, class R, class A, class B, class C>
struct SimdRowOf<F, R (*)(A, B, C)> : SimdRow<F, void, R, A, B, C> {};
template <auto F, class R, class A, class B, class C, class D>
struct SimdRowOf<F, R (*)(A, B, C, D)> : SimdRow<F, void, R, A, B, C, D> {};
template <auto F, class R, class A, class B, class C, class D, class E>
struct SimdRowOf<F, R (*)(A, B, C, D, E)> : SimdRow<F, void, R, A, B, C, D, E> {};
template <auto F, class P, class R, class A>
struct SimdRowOf<F, R (*)(A, const P&)> : SimdRow<F, P, R, A> {};
template <auto F, class P, class R, class A, class B>
struct SimdRowOf<F, R (*)(A, B, const P&)> : SimdRow<F, P, R, A, B> {};
template <auto F, class P, class R, class A, class B, class C>
struct SimdRowOf<F, R (*)(A, B, C, const P&)> : SimdRow<F, P, R, A, B, C> {};
template <auto F, class P, class R, class A, class B, class C, class D>
struct SimdRowOf<F, R (*)(A, B, C, D, const P&)> : SimdRow<F, P, R, A, B, C, D> {};
template <auto F, class P, class R, class A, class B, class C, class D, class E>
struct SimdRowOf<F, R (*)(A, B, C, D, E, const P&)> : SimdRow<F, P, R, A, B, C, D, E> {};

template <auto kFormula>
inline constexpr RowFn simd_row = &SimdRowOf<kFormula, decltype(kFormula)>::run;

}  // namespace tinytorch::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE && !defined(TINYTORCH_ROWS)
// The rows of a formula named relative to tinytorch::kernels::HWY_NAMESPACE ("Silu::fwd"), for use
// in the part of a file that is compiled once: constant expressions.
//   TINYTORCH_ROWS          f32, f64
//   TINYTORCH_ROWS_INTEGER  and i64, i32, i8, u8
//   TINYTORCH_ROWS_ALL      and bool
#define TINYTORCH_ROWS(formula) TINYTORCH_ROWS_OF(formula, TINYTORCH_NO_ROW, TINYTORCH_NO_ROW)
#define TINYTORCH_ROWS_INTEGER(formula) \
  TINYTORCH_ROWS_OF(formula, TINYTORCH_LOOPS_ROW, TINYTORCH_NO_ROW)
#define TINYTORCH_ROWS_ALL(formula) \
  TINYTORCH_ROWS_OF(formula, TINYTORCH_LOOPS_ROW, TINYTORCH_LOOPS_ROW)

#define TINYTORCH_NO_ROW(formula, type) nullptr
#define TINYTORCH_LOOPS_ROW(formula, type) \
  ::tinytorch::kernels::loops_row<&::tinytorch::kernels::HWY_NAMESPACE::formula<type>>
#define TINYTORCH_SIMD_ROW(target, formula) \
  ::tinytorch::kernels::target::simd_row<   \
      &::tinytorch::kernels::target::formula<::tinytorch::kernels::target::Vec<float>>>
// In the order of DType (bool, u8, i8, i32, i64, bf16, f32, f64) and of Isa.
#define TINYTORCH_ROWS_OF(formula, integer, boolean)                                         \
  ::tinytorch::kernels::PointwiseRows {                                                      \
    {boolean(formula, bool),                                                                 \
     integer(formula, uint8_t),                                                              \
     integer(formula, int8_t),                                                               \
     integer(formula, int32_t),                                                              \
     integer(formula, int64_t),                                                              \
     nullptr,                                                                                \
     TINYTORCH_LOOPS_ROW(formula, float),                                                    \
     TINYTORCH_LOOPS_ROW(formula, double)},                                                  \
    {                                                                                        \
      TINYTORCH_ROW_AVX3(formula), TINYTORCH_ROW_AVX2(formula), TINYTORCH_ROW_NEON(formula), \
          TINYTORCH_ROW_SCALAR(formula)                                                      \
    }                                                                                        \
  }
#if HWY_TARGETS & HWY_AVX3
#define TINYTORCH_ROW_AVX3(formula) TINYTORCH_SIMD_ROW(N_AVX3, formula)
#else
#define TINYTORCH_ROW_AVX3(formula) nullptr
#endif
#if HWY_TARGETS & HWY_AVX2
#define TINYTORCH_ROW_AVX2(formula) TINYTORCH_SIMD_ROW(N_AVX2, formula)
#else
#define TINYTORCH_ROW_AVX2(formula) nullptr
#endif
#if HWY_TARGETS & HWY_NEON
#define TINYTORCH_ROW_NEON(formula) TINYTORCH_SIMD_ROW(N_NEON, formula)
#else
#define TINYTORCH_ROW_NEON(formula) nullptr
#endif
#if HWY_TARGETS & HWY_SCALAR
#define TINYTORCH_ROW_SCALAR(formula) TINYTORCH_SIMD_ROW(N_SCALAR, formula)
#elif HWY_TARGETS & HWY_EMU128
#define TINYTORCH_ROW_SCALAR(formula) TINYTORCH_SIMD_ROW(N_EMU128, formula)
#else
#define TINYTORCH_ROW_SCALAR(formula) nullptr
#endif
#endif  // HWY_ONCE

#endif  // per-target include guard
