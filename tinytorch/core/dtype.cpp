#include "tinytorch/core/dtype.h"

#include "tinytorch/core/format.h"

namespace tinytorch {

namespace {
struct Row {
  const char* name;
  size_t size;
};
constexpr Row kRows[] = {{"bool", 1}, {"u8", 1},   {"i8", 1},  {"i32", 4},
                         {"i64", 8},  {"bf16", 2}, {"f32", 4}, {"f64", 8}};
}  // namespace

size_t item_size(DType dtype) {
  return kRows[static_cast<int>(dtype)].size;
}

const char* dtype_name(DType dtype) {
  return kRows[static_cast<int>(dtype)].name;
}

DType dtype_from_name(const char* name) {
  for (int i = 0; i < 8; ++i)
    if (std::strcmp(kRows[i].name, name) == 0) return static_cast<DType>(i);
  raise<ConfigError>("dtype '{}' is unknown. Known: bool, u8, i8, i32, i64, bf16, f32, f64.", name);
}

DType promote(DType a, DType b) {
  if ((a == DType::kU8 && b == DType::kI8) || (a == DType::kI8 && b == DType::kU8))
    return DType::kI32;
  return a < b ? b : a;
}

}  // namespace tinytorch
