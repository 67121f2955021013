#pragma once
// Numbers that the tests and the scripts of tests/golden draw alike: splitmix64, seeded by the
// FNV-1a hash of a name.
#include <string>

#include "tinytorch/ops/ops.h"

namespace tinytorch {

inline uint64_t fnv(const std::string& name) {
  uint64_t h = 0xcbf29ce484222325ull;
  for (const char c : name) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3ull;
  return h;
}

inline Tensor uniforms(const std::string& name, const Shape& shape) {
  Tensor t = empty(shape, DType::kF64);
  uint64_t state = fnv(name);
  for (int64_t i = 0; i < t.numel(); ++i) {
    uint64_t z = state += 0x9e3779b97f4a7c15ull;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    t.data<double>()[i] = static_cast<double>((z ^ (z >> 31)) >> 11) * 0x1p-53;
  }
  return t;
}

}  // namespace tinytorch
