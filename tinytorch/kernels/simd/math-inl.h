// More functions for formulas, for numbers and for Vec<float>: sin, cos, log1p, expm1, pow, sign.
// Beside vec-inl.h, because few files need them; included like it once for each target.
//
// Errors on Vec<float> over the whole range, measured by tests/unit/kernels/vec_math_test.cpp: sin,
// cos, expm1 2 ulp, log1p 3 ulp, pow 3 ulp. NaN gives NaN (but pow(1, y) = pow(x, 0) = 1, as in
// C). The vectors' bits are the same on AVX2, AVX-512 and NEON.
#if defined(TINYTORCH_KERNELS_SIMD_MATH_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TINYTORCH_KERNELS_SIMD_MATH_INL_H_
#undef TINYTORCH_KERNELS_SIMD_MATH_INL_H_
#else
#define TINYTORCH_KERNELS_SIMD_MATH_INL_H_
#endif

#include <cmath>

#include "tinytorch/kernels/simd/vec-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tinytorch::kernels::HWY_NAMESPACE {

// ---- plain numbers

template <std::floating_point T>
T sin(T x) {
  return std::sin(x);
}
template <std::floating_point T>
T cos(T x) {
  return std::cos(x);
}
template <std::floating_point T>
T log1p(T x) {
  return std::log1p(x);
}
template <std::floating_point T>
T expm1(T x) {
  return std::expm1(x);
}
template <std::floating_point T>
T pow(T x, T y) {
  return std::pow(x, y);
}
// Integers: modulo 2^bits, as their products; to a negative power the quotient rounded to zero.
template <std::integral T>
T integer_power(T x, int64_t y) {
  if (y < 0) {
    if (x == 1) return 1;
    return static_cast<T>(std::is_signed_v<T> && x == static_cast<T>(-1) ? (y % 2 != 0 ? -1 : 1)
                                                                         : 0);
  }
  uint64_t power = 1, factor = static_cast<uint64_t>(static_cast<int64_t>(x));
  for (; y > 0; y /= 2, factor *= factor)
    if (y % 2 != 0) power *= factor;
  return static_cast<T>(power);
}
template <std::integral T>
T pow(T x, T y) {
  return integer_power(x, static_cast<int64_t>(y));
}
// -1, 0 or 1; 0 for NaN, as in PyTorch.
template <scalar::Number T>
T sign(T x) {
  if constexpr (std::is_signed_v<T>)
    return static_cast<T>((x > 0) - (x < 0));
  else
    return static_cast<T>(x != 0);
}

HWY_INLINE Vec<float> sign(Vec<float> x) {
  using F = Vec<float>;
  return where(x > F(0), F(1), where(x < F(0), F(-1), F(0)));
}

// ---- sin, cos

namespace detail {

// fn of each lane in double: for arguments whose reduction needs more digits than vectors have.
template <double (*fn)(double)>
HWY_NOINLINE Vec<float> by_lane(Vec<float> x) {
  HWY_ALIGN float lanes[Vec<float>::kLanes];
  x.store(lanes);
  for (float& lane : lanes) lane = static_cast<float>(fn(static_cast<double>(lane)));
  return Vec<float>::load(lanes);
}

// sin(x + quarters * pi/2) for |x| < 2^17. With n = round(x 2/pi) the rest r = x - n pi/2 is taken
// in three steps (Cody and Waite 1980): the first part of pi/2 has 24 bits, so that x - n * first
// is a multiple of 2^-23 below 1 and the fused step is exact; the others bring their own rounding
// only.
HWY_INLINE Vec<float> sin_small(Vec<float> x, int32_t quarters) {
  using F = Vec<float>;
  const F field = fma(x, F(0.636619772f), F(kRound));
  const F n = field - F(kRound);
  F r = fma(n, F(-0x1.921fb6p+0f), x);
  r = fma(n, F(0x1.777a5cp-25f), r);
  r = fma(n, F(0x1.ee59dap-50f), r);
  const F r2 = r * r;
  // fits for |r| <= 0.81, relative errors 4.9e-9 and 1.6e-10
  const F p = polynomial(r2, {-1.949457510e-04f, 8.332006633e-03f, -1.666665226e-01f});
  const F q = polynomial(r2, {2.440948083e-05f, -1.388710691e-03f, 4.166664183e-02f});
  const F sine = fma(r * r2, p, r), cosine = fma(r2 * r2, q, fma(F(-0.5f), r2, F(1)));
  const auto quadrant = hn::Add(bits(field), hn::Set(I32(), quarters));
  const auto odd = hn::Ne(hn::And(quadrant, hn::Set(I32(), 1)), hn::Zero(I32()));
  const F y = hn::IfThenElse(hn::RebindMask(F::D(), odd), cosine.v, sine.v);
  return from_bits(hn::Xor(bits(y), hn::ShiftLeft<30>(hn::And(quadrant, hn::Set(I32(), 2)))));
}

// Beyond 2^17, infinite, or without fused multiply-add: lane by lane.
template <double (*fn)(double)>
HWY_INLINE Vec<float> sin_or_cos(Vec<float> x, int32_t quarters) {
  using F = Vec<float>;
  if (HWY_TARGET == HWY_SCALAR) return by_lane<fn>(x);
  const Mask<float> large = abs(x) >= F(0x1p17f);
  const F y = sin_small(x, quarters);
  if (hn::AllFalse(F::D(), large.m)) return y;
  return where(large, by_lane<fn>(x), y);
}

}  // namespace detail

HWY_INLINE Vec<float> sin(Vec<float> x) {
  return where(x == Vec<float>(0), x, detail::sin_or_cos<std::sin>(x, 0));
}
HWY_INLINE Vec<float> cos(Vec<float> x) {
  return detail::sin_or_cos<std::cos>(x, 1);
}

// ---- log1p, expm1

// With u = 1 + x rounded, log(u) x / (u - 1): the rounding error of u cancels (Higham 2002, 1.14).
HWY_INLINE Vec<float> log1p(Vec<float> x) {
  using F = Vec<float>;
  const F u = F(1) + x, d = u - F(1);
  const F y = where(d == F(0), x, log(u) * (x / d));
  return where(x == F(detail::kInfinity), x, y);
}

// e^x - 1 = 2^n (e^f - 1) + (2^n - 1), as in tanh.
HWY_INLINE Vec<float> expm1(Vec<float> x) {
  using F = Vec<float>;
  const detail::Reduced r = detail::reduce_exp(clamp(x, F(-20), F(40)), F(127));
  const F q = polynomial(r.f, {1.388250967e-03f, 8.366580121e-03f, 4.166720062e-02f,
                               1.666654348e-01f, 4.999999702e-01f});  // 1.3e-8
  const F scale = detail::power_of_two(r.field);
  const F m = fma(scale, fma(r.f * r.f, q, r.f), scale - F(1));
  return where(x == F(0), x, where(x > F(40), exp(x), m));
}

// ---- pow

namespace detail {

// a b - p for p = a b rounded: what the rounding took.
HWY_INLINE Vec<float> product_rest(Vec<float> a, Vec<float> b, Vec<float> p) {
#if HWY_TARGET == HWY_SCALAR
  return Vec<float>(static_cast<float>(double{a.v.raw} * double{b.v.raw} - double{p.v.raw}));
#else
  return fma(a, b, -p);
#endif
}

// high + low: a number with about 48 bits.
struct Pair {
  Vec<float> high, low;
};
HWY_INLINE Pair fast_two_sum(Vec<float> a, Vec<float> b) {  // |a| >= |b| (Dekker 1971)
  const Vec<float> s = a + b;
  return {s, b - (s - a)};
}

// log x for x > 0, relative error about 2e-9, so that y log x is good enough for e^ of it.
HWY_INLINE Pair log_pair(Vec<float> x) {
  using F = Vec<float>;
  const Mask<float> tiny = x < F(std::numeric_limits<float>::min());
  const auto b = bits(where(tiny, x * F(0x1p25f), x));
  const auto e = hn::ShiftRight<23>(hn::Sub(b, hn::Set(I32(), 0x3f3504f3)));
  const F f = from_bits(hn::Sub(b, hn::ShiftLeft<23>(e))) - F(1);
  const F exponent = F(hn::ConvertTo(F::D(), e)) - where(tiny, F(25), F(0));
  // log(1 + f) = f - f^2/2 + f^3 p(f), the fit's relative error 7e-10
  const F p = polynomial(f, {6.746641546e-02f, -1.167565733e-01f, 1.188816503e-01f,
                             -1.240558848e-01f, 1.421955228e-01f, -1.666799635e-01f,
                             2.000211924e-01f, -2.500000894e-01f, 3.333331347e-01f});
  const F f2 = f * f;
  const Pair first = fast_two_sum(exponent * F(kLn2High), f);  // the product is exact
  const Pair second = fast_two_sum(first.high, F(-0.5f) * f2);
  F rest = fma(f * f2, p, F(-0.5f) * product_rest(f, f, f2));
  rest = fma(exponent, F(kLn2Low), rest);
  return fast_two_sum(second.high, rest + (first.low + second.low));
}

}  // namespace detail

// |x|^y = e^(y log |x|) with the logarithm in two parts; then the signs and the cases of C's pow.
HWY_INLINE Vec<float> pow(Vec<float> x, Vec<float> y) {
  using F = Vec<float>;
  const F infinity = detail::kInfinity, a = abs(x);
  detail::Pair l = detail::log_pair(a);
  l.high = where((a > F(0)) & (a < infinity), l.high, where(a == F(0), -infinity, a));
  const Mask<float> one = a == F(1);  // also to an infinite power
  const F t = where(one, F(0), y * l.high);
  const F low = fma(y, l.low, detail::product_rest(y, l.high, t));
  F power = exp(t);
  // e^(t + low) = e^t (1 + low); at the ends of the range e^t is the result
  power = where((abs(t) < F(104)) & (power < infinity) & !one, fma(power, low, power), power);
  const F half = y * F(0.5f);
  const Mask<float> integer = floor(y) == y, odd = integer & (floor(half) != half);
  power = where(odd, copysign(power, x), power);
  power = where((x < F(0)) & (x > -infinity) & !integer, F(std::numeric_limits<float>::quiet_NaN()),
                power);
  return where(y == F(0), F(1), power);
}

}  // namespace tinytorch::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // per-target include guard
