#pragma once
// A fuzz target feeds untrusted bytes to one reader. The reader may refuse them with its own class
// of error; any other exception, a crash or a sanitizer's finding ends the run.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "tinytorch/core/error.h"
#include "tinytorch/core/tensor.h"
#include "tinytorch/data/bytes.h"

namespace tinytorch::fuzz {

template <class Refusal, class Fn>
int feed(Fn fn) {
  try {
    fn();
  } catch (const Refusal&) {
  }
  return 0;
}

inline data::Bytes bytes_of(const uint8_t* data, size_t size) {
  return {reinterpret_cast<const std::byte*>(data), size};
}

// Reads every byte of a tensor, so that a tensor over the wrong memory is noticed.
inline void touch(const Tensor& x) {
  const auto* p = static_cast<const unsigned char*>(x.raw_data());
  volatile unsigned char sum = 0;
  for (size_t i = 0; i < static_cast<size_t>(x.numel()) * item_size(x.dtype()); ++i)
    sum = static_cast<unsigned char>(sum + p[i]);
}

inline void require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace tinytorch::fuzz
