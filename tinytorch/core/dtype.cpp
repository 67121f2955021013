#include "tinytorch/core/dtype.h"

#include "tinytorch/core/format.h"

namespace tinytorch {

namespace {
constexpr const char* kNames[] = {"bool", "u8", "i8", "i32", "i64", "bf16", "f32", "f64"};
}  // namespace

const char* dtype_name(DType dtype) {
  return kNames[static_cast<int>(dtype)];
}

DType dtype_from_name(const char* name) {
  for (int i = 0; i < 8; ++i)
    if (std::strcmp(kNames[i], name) == 0) return static_cast<DType>(i);
  raise<ConfigError>("dtype '{}' is unknown. Known: bool, u8, i8, i32, i64, bf16, f32, f64.", name);
}

DType promote(DType a, DType b) {
  if ((a == DType::kU8 && b == DType::kI8) || (a == DType::kI8 && b == DType::kU8))
    return DType::kI32;
  return a < b ? b : a;
}

}  // namespace tinytorch
