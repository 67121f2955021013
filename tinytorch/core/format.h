#pragma once
// Text for errors and reports. Internal: public headers do not include it (fmt costs compile time).
#include <fmt/format.h>

#include <utility>

#include "tinytorch/core/error.h"

namespace tinytorch {

// Throws E with a formatted text. Cold and never inlined, so that a check costs its caller one
// compare and one untaken branch.
template <class E, class... Args>
[[noreturn, gnu::cold, gnu::noinline]] void raise(fmt::format_string<Args...> text,
                                                  Args&&... args) {
  throw E(fmt::format(text, std::forward<Args>(args)...));
}

}  // namespace tinytorch
