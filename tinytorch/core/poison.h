#pragma once
// Marks memory that must not be touched, for AddressSanitizer; nothing in other builds. Internal.
#include <cstddef>

#if defined(__SANITIZE_ADDRESS__)
#define TINYTORCH_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TINYTORCH_ASAN 1
#endif
#endif

#if defined(TINYTORCH_ASAN)
#include <sanitizer/asan_interface.h>
#endif

namespace tinytorch {

#if defined(TINYTORCH_ASAN)
inline constexpr bool kPoisoning = true;
inline void poison(const void* data, size_t bytes) {
  ASAN_POISON_MEMORY_REGION(data, bytes);
}
inline void unpoison(const void* data, size_t bytes) {
  ASAN_UNPOISON_MEMORY_REGION(data, bytes);
}
#else
inline constexpr bool kPoisoning = false;
inline void poison(const void*, size_t) {}
inline void unpoison(const void*, size_t) {}
#endif

}  // namespace tinytorch
