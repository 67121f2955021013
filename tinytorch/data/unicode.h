#pragma once
// What kind of character a code point is, as far as tokenizers ask.
#include <cstdint>
#include <span>
#include <string_view>

namespace tinytorch::data {

enum class CharKind : uint8_t {
  kLetter,  // \p{L}
  kNumber,  // \p{N}
  kSpace,   // the property White_Space
  kOther,
};
CharKind char_kind(uint32_t code_point);

// The code point of a well-formed UTF-8 character: `length` bytes as utf8_length() counts them.
uint32_t code_point(std::string_view text, size_t length);

struct CodePoints {
  uint32_t first, last;
};
// Sorted; in unicode_tables.cpp, which a script writes.
extern const std::span<const CodePoints> kLetters, kNumbers;

}  // namespace tinytorch::data
