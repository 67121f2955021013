#pragma once
// Text for errors and reports. Internal: public headers do not include it. The formatting library
// stays behind it (core/format.cpp), for it costs every file that sees it seconds to compile.
#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>

#include "tinytorch/core/error.h"

namespace tinytorch {

// A value in a text: a number or a text of any kind.
struct FormatArg {
  enum class Kind : uint8_t { kInt, kUnsigned, kDouble, kBool, kChar, kText };

  FormatArg(bool v) : kind(Kind::kBool), whole(v) {}                       // NOLINT: implicit
  FormatArg(char v) : kind(Kind::kChar), whole(v) {}                       // NOLINT
  FormatArg(const char* v) : kind(Kind::kText), text(v) {}                 // NOLINT
  FormatArg(std::string_view v) : kind(Kind::kText), text(v) {}            // NOLINT
  FormatArg(const std::string& v) : kind(Kind::kText), text(v) {}          // NOLINT
  FormatArg(std::floating_point auto v) : kind(Kind::kDouble), real(v) {}  // NOLINT
  FormatArg(std::signed_integral auto v) : kind(Kind::kInt), whole(v) {}   // NOLINT
  FormatArg(std::unsigned_integral auto v)                                 // NOLINT
      : kind(Kind::kUnsigned), whole(static_cast<int64_t>(v)) {}

  Kind kind;
  int64_t whole = 0;
  double real = 0;
  std::string_view text;
};

// A pattern of fmt whose arguments are counted while compiling.
template <size_t kArgs>
struct FormatPattern {
  template <size_t N>
  consteval FormatPattern(const char (&pattern)[N]) : text(pattern, N - 1) {  // NOLINT: implicit
    size_t count = 0;  // of "{}" in order; "{0}" names its argument (one digit)
    for (size_t i = 0; i + 1 < N; ++i) {
      if (pattern[i] != '{') continue;
      const char next = pattern[i + 1];
      if (next == '{') {
        ++i;
      } else if (next < '0' || next > '9') {
        ++count;
      } else if (count <= static_cast<size_t>(next - '0')) {
        count = static_cast<size_t>(next - '0') + 1;
      }
    }
    if (count != kArgs) throw "the pattern asks for another number of arguments";
  }
  std::string_view text;
};

std::string format_args(std::string_view pattern, std::initializer_list<FormatArg> args);

template <class... Args>
std::string format_text(FormatPattern<sizeof...(Args)> pattern, const Args&... args) {
  return format_args(pattern.text, {FormatArg(args)...});
}

// "1, 2, 3"
template <class Range>
std::string joined(const Range& range, std::string_view separator = ", ") {
  std::string text;
  for (const auto& item : range) {
    if (!text.empty()) text += separator;
    text += format_args("{}", {FormatArg(item)});
  }
  return text;
}

// Throws E with a formatted text. Cold and never inlined, so that a check costs its caller one
// compare and one untaken branch.
template <class E, class... Args>
[[noreturn, gnu::cold, gnu::noinline]] void raise(FormatPattern<sizeof...(Args)> pattern,
                                                  const Args&... args) {
  throw E(format_args(pattern.text, {FormatArg(args)...}));
}

}  // namespace tinytorch
