#include "tinytorch/data/unicode.h"

#include <algorithm>

namespace tinytorch::data {

namespace {

bool in(std::span<const CodePoints> ranges, uint32_t c) {
  const auto after = std::upper_bound(ranges.begin(), ranges.end(), c,
                                      [](uint32_t x, const CodePoints& r) { return x < r.first; });
  return after != ranges.begin() && c <= std::prev(after)->last;
}

bool is_space(uint32_t c) {
  return (c >= 0x09 && c <= 0x0D) || c == 0x20 || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F ||
         c == 0x3000;
}

}  // namespace

CharKind char_kind(uint32_t c) {
  if (is_space(c)) return CharKind::kSpace;
  if (in(kLetters, c)) return CharKind::kLetter;
  return in(kNumbers, c) ? CharKind::kNumber : CharKind::kOther;
}

uint32_t code_point(std::string_view text, size_t length) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  if (length == 1) return byte(0);
  uint32_t c = byte(0) & (0x7Fu >> length);
  for (size_t i = 1; i < length; ++i) c = c << 6 | (byte(i) & 0x3Fu);
  return c;
}

}  // namespace tinytorch::data
