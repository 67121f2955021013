#pragma once
// The invariants of the chapter, by its words.
#include <string>

#include "modules/harness/check.h"

namespace tinytorch::check::invariant {

inline constexpr const char* kHolders =
    "1. A block has as many holders as its count says; the last one frees it, once.";
inline constexpr const char* kReuse =
    "2. A freed block serves the next request of its class: what repeats asks the system for "
    "nothing.";
inline constexpr const char* kAddress =
    "3. Element (i0, i1, ...) lies at offset + i0 * stride0 + i1 * stride1 + ..., and nowhere "
    "else.";
inline constexpr const char* kRowMajor =
    "4. In row-major order one step along a dimension skips all elements of the dimensions to its "
    "right.";
inline constexpr const char* kView =
    "5. A view names the same elements: it changes shape, strides and offset, never the bytes.";
inline constexpr const char* kOnce =
    "6. A loop reads and writes each element it was given once, and nothing else.";

}  // namespace tinytorch::check::invariant

namespace tinytorch::check {

// The condition holds, or the test fails and names the invariant that is broken.
inline void holds(bool condition, const std::string& text, const char* invariant,
                  const std::string& cause) {
  if (!condition) that(false, text + "\ninvariant: " + invariant, cause);
}

}  // namespace tinytorch::check
