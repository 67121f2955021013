// Vec<T>: one register of lanes with operators, a thin coat over Highway, so that kernels and
// formulas read as algebra. Included once for each target (per-target include guard), after
// hwy/foreach_target.h; everything lives in tinytorch::kernels::HWY_NAMESPACE.
//
//   using F = Vec<float>;
//   F x = F::load(p);  (x * sigmoid(x)).store(q);     F(0.5f) is a splat; F::kLanes the width
//
// Results are the same bits on AVX2, AVX-512 and NEON. (SCALAR's multiply-add rounds twice.)
#if defined(TINYTORCH_KERNELS_SIMD_VEC_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TINYTORCH_KERNELS_SIMD_VEC_INL_H_
#undef TINYTORCH_KERNELS_SIMD_VEC_INL_H_
#else
#define TINYTORCH_KERNELS_SIMD_VEC_INL_H_
#endif

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>

#include "hwy/highway.h"
#include "tinytorch/kernels/scalar_math.h"

HWY_BEFORE_NAMESPACE();
namespace tinytorch::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// The same names for plain numbers, so that one formula fits all.
using scalar::abs;
using scalar::clamp;
using scalar::copysign;
using scalar::erf;
using scalar::exp;
using scalar::floor;
using scalar::fma;
using scalar::is_nan;
using scalar::log;
using scalar::max;
using scalar::min;
using scalar::normal_cdf;
using scalar::rsqrt;
using scalar::sigmoid;
using scalar::sqrt;
using scalar::tanh;
using scalar::where;

// One truth value a lane.
template <class T>
struct Mask {
  hn::Mask<hn::ScalableTag<T>> m;
  HWY_INLINE Mask() = default;
  HWY_INLINE Mask(hn::Mask<hn::ScalableTag<T>> mask) : m(mask) {}  // NOLINT: implicit by design
  friend HWY_INLINE Mask operator&(Mask a, Mask b) { return hn::And(a.m, b.m); }
  friend HWY_INLINE Mask operator|(Mask a, Mask b) { return hn::Or(a.m, b.m); }
  friend HWY_INLINE Mask operator!(Mask a) { return hn::Not(a.m); }
};

template <class T>
struct Vec {
  using D = hn::ScalableTag<T>;
  using M = Mask<T>;
  using V = hn::Vec<D>;
  static constexpr size_t kLanes = HWY_LANES(T);  // fixed on all our targets
  hn::Vec<D> v;

  HWY_INLINE Vec() = default;
  HWY_INLINE Vec(hn::Vec<D> x) : v(x) {}  // NOLINT: implicit by design
  template <scalar::Number S>
  HWY_INLINE Vec(S s) : v(hn::Set(D(), static_cast<T>(s))) {}  // NOLINT: a number is a splat

  static HWY_INLINE Vec load(const T* p) { return hn::LoadU(D(), p); }
  HWY_INLINE void store(T* p) const { hn::StoreU(v, D(), p); }
  // The first n < kLanes lanes only: memory behind them is neither read nor written.
  static HWY_INLINE Vec load_n(const T* p, size_t n);
  HWY_INLINE void store_n(T* p, size_t n) const;

  friend HWY_INLINE Vec operator+(Vec a, Vec b) { return hn::Add(a.v, b.v); }
  friend HWY_INLINE Vec operator-(Vec a, Vec b) { return hn::Sub(a.v, b.v); }
  friend HWY_INLINE Vec operator*(Vec a, Vec b) { return hn::Mul(a.v, b.v); }
  friend HWY_INLINE Vec operator/(Vec a, Vec b) { return hn::Div(a.v, b.v); }
  friend HWY_INLINE Vec operator-(Vec a) { return hn::Neg(a.v); }
  HWY_INLINE Vec& operator+=(Vec b) { return *this = *this + b; }
  HWY_INLINE Vec& operator-=(Vec b) { return *this = *this - b; }
  HWY_INLINE Vec& operator*=(Vec b) { return *this = *this * b; }
  HWY_INLINE Vec& operator/=(Vec b) { return *this = *this / b; }

  friend HWY_INLINE M operator<(Vec a, Vec b) { return hn::Lt(a.v, b.v); }
  friend HWY_INLINE M operator<=(Vec a, Vec b) { return hn::Le(a.v, b.v); }
  friend HWY_INLINE M operator>(Vec a, Vec b) { return hn::Gt(a.v, b.v); }
  friend HWY_INLINE M operator>=(Vec a, Vec b) { return hn::Ge(a.v, b.v); }
  friend HWY_INLINE M operator==(Vec a, Vec b) { return hn::Eq(a.v, b.v); }
  friend HWY_INLINE M operator!=(Vec a, Vec b) { return !(a == b); }  // NaN != NaN

  friend HWY_INLINE Vec where(M mask, Vec a, Vec b) { return hn::IfThenElse(mask.m, a.v, b.v); }
  friend HWY_INLINE Vec fma(Vec a, Vec b, Vec c) { return hn::MulAdd(a.v, b.v, c.v); }
  friend HWY_INLINE Vec abs(Vec a) { return hn::Abs(a.v); }
  friend HWY_INLINE Vec copysign(Vec a, Vec sign) { return hn::CopySign(a.v, sign.v); }
  friend HWY_INLINE Vec sqrt(Vec a) { return hn::Sqrt(a.v); }
  friend HWY_INLINE Vec rsqrt(Vec a) { return Vec(1) / sqrt(a); }
  friend HWY_INLINE Vec floor(Vec a) { return hn::Floor(a.v); }
  friend HWY_INLINE M is_nan(Vec a) { return hn::IsNaN(a.v); }

  // Highway's targets without vectors: their Min and Max drop a NaN.
  static constexpr bool kEmulated = HWY_TARGET == HWY_SCALAR || HWY_TARGET == HWY_EMU128;
  // A NaN on either side wins, as in PyTorch. (x86: the instruction returns its second operand when
  // there is a NaN; NEON's propagates by itself.)
  friend HWY_INLINE Vec max(Vec a, Vec b) {
    return where(is_nan(a), a, kEmulated ? where(a > b, a, b) : Vec(hn::Max(a.v, b.v)));
  }
  friend HWY_INLINE Vec min(Vec a, Vec b) {
    return where(is_nan(a), a, kEmulated ? where(a < b, a, b) : Vec(hn::Min(a.v, b.v)));
  }
  // No NaN in hi; a NaN x stays: it is always the second operand.
  friend HWY_INLINE Vec at_most(Vec x, Vec hi) {
    return kEmulated ? where(x > hi, hi, x) : Vec(hn::Min(hi.v, x.v));
  }
  // lo <= hi, neither NaN; a NaN x stays.
  friend HWY_INLINE Vec clamp(Vec x, Vec lo, Vec hi) {
    if (kEmulated) return where(x > hi, hi, where(x < lo, lo, x));
    return hn::Min(hi.v, hn::Max(lo.v, x.v));
  }
};

template <class T>
HWY_INLINE Vec<T> Vec<T>::load_n(const T* p, size_t n) {
#if HWY_ARCH_X86
  return hn::MaskedLoad(hn::FirstN(D(), n), D(), p);
#else
  HWY_ALIGN T lanes[kLanes] = {};
  std::memcpy(lanes, p, n * sizeof(T));
  return hn::Load(D(), lanes);
#endif
}

template <class T>
HWY_INLINE void Vec<T>::store_n(T* p, size_t n) const {
#if HWY_ARCH_X86
  hn::BlendedStore(v, hn::FirstN(D(), n), D(), p);
#else
  HWY_ALIGN T lanes[kLanes];
  hn::Store(v, D(), lanes);
  std::memcpy(p, lanes, n * sizeof(T));
#endif
}

// The type of a condition in a formula over V: bool for numbers, Mask<T> for Vec<T>.
template <class V>
struct MaskOfType {
  using Type = bool;
};
template <class T>
struct MaskOfType<Vec<T>> {
  using Type = Mask<T>;
};
template <class V>
using MaskOf = typename MaskOfType<V>::Type;

// c[0] x^(n-1) + ... + c[n-1] by Horner's rule.
template <class T, size_t kCount>
HWY_INLINE Vec<T> polynomial(Vec<T> x, const T (&c)[kCount]) {
  Vec<T> p = c[0];
  for (size_t i = 1; i < kCount; ++i) p = fma(p, x, Vec<T>(c[i]));
  return p;
}

// ---- exp, log, tanh, erf, sigmoid for float: at most 2 to 4 ulp over the whole range, subnormal
// results included; NaN gives NaN. Coefficients are minimax fits of our own (weighted least squares
// with Lawson's iteration on the stated interval); the errors named are the fit's alone.

namespace detail {

inline constexpr float kLog2E = 1.44269504f;
inline constexpr float kLn2High = 0.693359375f;    // 10 bits: n * kLn2High is exact
inline constexpr float kLn2Low = -2.12194440e-4f;  // ln 2 - kLn2High
inline constexpr float kRound = 12582912.f;        // 1.5 * 2^23: adding it rounds to an integer
inline constexpr float kInfinity = std::numeric_limits<float>::infinity();

using I32 = hn::RebindToSigned<Vec<float>::D>;
HWY_INLINE hn::Vec<I32> bits(Vec<float> x) {
  return hn::BitCast(I32(), x.v);
}
HWY_INLINE Vec<float> from_bits(hn::Vec<I32> b) {
  return hn::BitCast(Vec<float>::D(), b);
}

// x = n ln 2 + f with |f| <= 0.35, and `field`, whose low bits shifted left by 23 give 2^(n + bias
// - 127): the rounding constant carries the exponent's bias, so that no integer addition is needed.
struct Reduced {
  Vec<float> f, n, field;
};
HWY_INLINE Reduced reduce_exp(Vec<float> x, Vec<float> bias) {
  const Vec<float> round = bias + Vec<float>(kRound);
  const Vec<float> field = fma(x, Vec<float>(kLog2E), round);
  const Vec<float> n = field - round;
  const Vec<float> f = fma(n, Vec<float>(-kLn2High), x);
  return {fma(n, Vec<float>(-kLn2Low), f), n, field};
}
HWY_INLINE Vec<float> power_of_two(Vec<float> field) {
  return from_bits(hn::ShiftLeft<23>(bits(field)));
}

HWY_INLINE Vec<float> exp_polynomial(Vec<float> f) {  // e^f for |f| <= 0.35, to 3e-9
  return polynomial(f, {1.381446724e-03f, 8.368780836e-03f, 4.166839272e-02f, 1.666651964e-01f,
                        4.999999404e-01f, 1.f, 1.f});
}

}  // namespace detail

HWY_INLINE Vec<float> exp(Vec<float> x) {
  using F = Vec<float>;
  x = clamp(x, F(-104), F(89));  // 0 and infinity from there on
#if HWY_TARGET == HWY_AVX3
  // p 2^n in one instruction, rounded once: the same result as below.
  const detail::Reduced r = detail::reduce_exp(x, F(0));
  return F::V{_mm512_scalef_ps(detail::exp_polynomial(r.f).v.raw, r.n.v.raw)};
#else
  // 2^n alone may be out of range although the result is not: one factor 2 (n up to 128) or 2^-63
  // (n down to -150) is split off. All factors are exact, so that a subnormal result rounds once.
  const Mask<float> tiny = x < F(-80);
  const detail::Reduced r = detail::reduce_exp(x, where(tiny, F(126 + 64), F(126)));
  return detail::exp_polynomial(r.f) * where(tiny, F(0x1p-63f), F(2)) *
         detail::power_of_two(r.field);
#endif
}

HWY_INLINE Vec<float> log(Vec<float> x) {
  using F = Vec<float>;
  // x = 2^e m with m in [sqrt(1/2), sqrt(2)): an exponent taken relative to the bits of sqrt(1/2).
  const Mask<float> tiny = x < F(std::numeric_limits<float>::min());
  const auto b = detail::bits(where(tiny, x * F(0x1p25f), x));
  const auto e = hn::ShiftRight<23>(hn::Sub(b, hn::Set(detail::I32(), 0x3f3504f3)));
  const F f = detail::from_bits(hn::Sub(b, hn::ShiftLeft<23>(e))) - F(1);
  const F exponent = F(hn::ConvertTo(F::D(), e)) - where(tiny, F(25), F(0));
  // log(1 + f) = f - f^2/2 + f^3 p(f), relative error 6e-9
  const F p =
      polynomial(f, {-7.634487003e-02f, 1.276196241e-01f, -1.316036433e-01f, 1.420171857e-01f,
                     -1.662333608e-01f, 2.000122815e-01f, -2.500082254e-01f, 3.333333135e-01f});
  const F f2 = f * f;
  F y = fma(exponent, F(detail::kLn2Low), f * f2 * p);
  y = f + fma(F(-0.5f), f2, y);
  y = fma(exponent, F(detail::kLn2High), y);
  y = where(x == F(detail::kInfinity), x, y);
  const F outside =
      where(x == F(0), F(-detail::kInfinity), F(std::numeric_limits<float>::quiet_NaN()));
  return where(x > F(0), y, outside);
}

// With m = e^(2|x|) - 1: tanh|x| = m / (m + 2). m keeps its digits near 0 because it is put
// together as 2^n (e^f - 1) + (2^n - 1).
HWY_INLINE Vec<float> tanh(Vec<float> x) {
  using F = Vec<float>;
  const F a = at_most(abs(x), F(10));  // 1 - tanh(10) < 2^-27
  const detail::Reduced r = detail::reduce_exp(a + a, F(127));
  const F q = polynomial(r.f, {1.388250967e-03f, 8.366580121e-03f, 4.166720062e-02f,
                               1.666654348e-01f, 4.999999702e-01f});  // 1.3e-8
  const F scale = detail::power_of_two(r.field);
  const F m = fma(scale, fma(r.f * r.f, q, r.f), scale - F(1));
  return copysign(m / (m + F(2)), x);
}

// Up to 0.95: x p(x^2). Above: 1 - u(|x|)^8, where u approximates erfc^(1/8), a nearly straight
// line; rounding errors of u fade as erf nears 1. Without a division and without exp.
HWY_INLINE Vec<float> erf(Vec<float> x) {
  using F = Vec<float>;
  const F a = abs(x);
  const F inner =
      x * polynomial(x * x, {-5.860989913e-04f, 4.967282526e-03f, -2.674870379e-02f,
                             1.128131598e-01f, -3.761244416e-01f, 1.128379107e+00f});  // 2.2e-8
  const F u = polynomial(at_most(a, F(4)),
                         {1.429049444e-04f, -2.397791715e-03f, 1.262303628e-02f, -1.071018539e-02f,
                          -6.222450361e-02f, -1.445600688e-01f, 1.000706792e+00f});  // 2.3e-8
  const F u2 = u * u;
  const F u4 = u2 * u2;
  return where(a < F(0.95f), inner, copysign(F(1) - u4 * u4, x));
}

// The normal distribution function to 2e-7 (by erf: 1e-7, in a fifth more time):
// 1/2 + sign(x) (1/2 - q), where q = Phi(-|x|) and q^(1/4) is nearly straight. From 5.7 on q is too
// small to count.
HWY_INLINE Vec<float> normal_cdf(Vec<float> x) {
  using F = Vec<float>;
  const F u = polynomial(at_most(abs(x), F(5.7f)),  // 5.4e-9
                         {6.717467471e-08f, -1.232487648e-06f, 5.931243322e-06f, 2.054206743e-05f,
                          -2.178210270e-04f, -1.610637846e-04f, 3.897852264e-03f, 4.605376627e-03f,
                          -5.018923804e-02f, -1.677343994e-01f, 8.408964276e-01f});
  const F u2 = u * u;
  return F(0.5f) + copysign(fma(-u2, u2, F(0.5f)), x);
}

// 1 / (1 + e^-x); with e^-|x| nothing overflows and small results keep their digits.
HWY_INLINE Vec<float> sigmoid(Vec<float> x) {
  using F = Vec<float>;
  const F e = exp(-abs(x));
  return where(x < F(0), e, F(1)) / (F(1) + e);
}

}  // namespace tinytorch::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // per-target include guard
