#pragma once
// The vocabulary of pointwise formulas for plain numbers. A formula is one template over float,
// double, the integer types and Vec<float> (kernels/simd/vec-inl.h gives the same names for Vec):
//   template <class V> static V fwd(V x) { return x * sigmoid(x); }
// Scalar versions lean on the C++ library, so they are an independent check of the vector ones.
#include <cmath>
#include <concepts>
#include <type_traits>

namespace tinytorch::kernels::scalar {

template <class T>
concept Number = std::is_arithmetic_v<T>;

// mask ? a : b. Formulas use it for every choice; both sides are computed.
template <Number T>
T where(bool mask, T a, T b) {
  return mask ? a : b;
}
template <Number T>
bool is_nan(T x) {
  return x != x;
}
// a * b + c, rounded once for floating types.
template <Number T>
T fma(T a, T b, T c) {
  if constexpr (std::is_floating_point_v<T>)
    return std::fma(a, b, c);
  else
    return static_cast<T>(a * b + c);
}
// A NaN on either side wins, as in PyTorch.
template <Number T>
T max(T a, T b) {
  return a > b || is_nan(a) ? a : b;
}
template <Number T>
T min(T a, T b) {
  return a < b || is_nan(a) ? a : b;
}
// Between lo and hi (no NaN there); a NaN x stays.
template <Number T>
T clamp(T x, T lo, T hi) {
  return x > hi ? hi : (x < lo ? lo : x);
}
template <Number T>
T abs(T x) {
  if constexpr (std::is_floating_point_v<T>)
    return std::fabs(x);
  else if constexpr (std::is_signed_v<T>)
    return static_cast<T>(x < 0 ? -x : x);
  else
    return x;
}

template <std::floating_point T>
T copysign(T magnitude, T sign) {
  return std::copysign(magnitude, sign);
}
template <std::floating_point T>
T sqrt(T x) {
  return std::sqrt(x);
}
template <std::floating_point T>
T rsqrt(T x) {
  return T(1) / std::sqrt(x);
}
template <std::floating_point T>
T floor(T x) {
  return std::floor(x);
}
template <std::floating_point T>
T exp(T x) {
  return std::exp(x);
}
template <std::floating_point T>
T log(T x) {
  return std::log(x);
}
template <std::floating_point T>
T tanh(T x) {
  return std::tanh(x);
}
template <std::floating_point T>
T erf(T x) {
  return std::erf(x);
}
// The normal distribution function.
template <std::floating_point T>
T normal_cdf(T x) {
  return fma(T(0.5), std::erf(x * T(0.70710678118654752)), T(0.5));
}
// 1 / (1 + e^-x), written so that e^ never overflows and small results keep their digits.
template <std::floating_point T>
T sigmoid(T x) {
  const T e = std::exp(-std::fabs(x));
  return (x < 0 ? e : T(1)) / (T(1) + e);
}

}  // namespace tinytorch::kernels::scalar
