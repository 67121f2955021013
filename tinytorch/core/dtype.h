#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace tinytorch {

// Storage format for brain floats: the upper half of an IEEE single. Arithmetic happens in float;
// conversion rounds to nearest even and keeps NaN a NaN.
struct BFloat16 {
  uint16_t bits = 0;
  BFloat16() = default;
  explicit BFloat16(float value) {
    uint32_t u;
    std::memcpy(&u, &value, 4);
    const bool nan = (u & 0x7fffffffu) > 0x7f800000u;
    bits = static_cast<uint16_t>(nan ? (u >> 16 | 0x40u) : (u + 0x7fffu + (u >> 16 & 1u)) >> 16);
  }
  explicit operator float() const {
    const uint32_t u = static_cast<uint32_t>(bits) << 16;
    float value;
    std::memcpy(&value, &u, 4);
    return value;
  }
};

// Order is the order of promotion inside a kind (kind: bool < integer < float).
enum class DType : uint8_t { kBool, kU8, kI8, kI32, kI64, kBF16, kF32, kF64 };

inline size_t item_size(DType dtype) {  // bytes of one element
  static constexpr uint8_t kBytes[] = {1, 1, 1, 4, 8, 2, 4, 8};
  return kBytes[static_cast<int>(dtype)];
}
const char* dtype_name(DType dtype);      // "f32": the name in messages and configs
DType dtype_from_name(const char* name);  // the inverse; ConfigError names the known ones
inline bool is_floating(DType d) {
  return d >= DType::kBF16;
}
inline bool is_integral(DType d) {
  return d >= DType::kU8 && d <= DType::kI64;
}  // bool is neither

// The dtype of a result of two operands (PyTorch's rule for tensors of dimension > 0): the higher
// kind wins; within a kind the wider wins; u8 with i8 gives i32 (PyTorch: i16, which we lack).
DType promote(DType a, DType b);

template <class T>
struct DTypeOf;
#define TINYTORCH_DTYPE_OF(T, value)              \
  template <>                                     \
  struct DTypeOf<T> {                             \
    static constexpr DType kValue = DType::value; \
  }
TINYTORCH_DTYPE_OF(bool, kBool);
TINYTORCH_DTYPE_OF(uint8_t, kU8);
TINYTORCH_DTYPE_OF(int8_t, kI8);
TINYTORCH_DTYPE_OF(int32_t, kI32);
TINYTORCH_DTYPE_OF(int64_t, kI64);
TINYTORCH_DTYPE_OF(BFloat16, kBF16);
TINYTORCH_DTYPE_OF(float, kF32);
TINYTORCH_DTYPE_OF(double, kF64);
#undef TINYTORCH_DTYPE_OF
template <class T>
inline constexpr DType dtype_of = DTypeOf<T>::kValue;

}  // namespace tinytorch
