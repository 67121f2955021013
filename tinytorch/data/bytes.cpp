#include "tinytorch/data/bytes.h"

#include <algorithm>

#include "tinytorch/core/format.h"

namespace tinytorch::data {

void refuse(std::string_view name, size_t offset, std::string_view field, std::string_view found,
            std::string_view expected) {
  raise<IoError>("{}: at byte {}, {}: found {}, expected {}.", name, offset, field, found,
                 expected);
}

void ByteReader::fail(size_t back, std::string_view field, std::string_view found,
                      std::string_view expected) const {
  refuse(name_, offset_ - std::min(back, offset_), field, found, expected);
}

Bytes ByteReader::take(size_t count, std::string_view field) {
  if (count > remaining())
    fail(0, field, format_text("the end of the file after {} bytes", remaining()),
         format_text("{} bytes", count));
  const Bytes out = bytes_.subspan(offset_, count);
  offset_ += count;
  return out;
}

uint8_t ByteReader::u8(std::string_view field) {
  return std::to_integer<uint8_t>(take(1, field)[0]);
}

uint32_t ByteReader::u32_big(std::string_view field) {
  uint32_t value = 0;
  for (const std::byte b : take(4, field)) value = value << 8 | std::to_integer<uint32_t>(b);
  return value;
}

uint64_t ByteReader::little(int bytes, std::string_view field) {
  uint64_t value = 0;
  int shift = 0;
  for (const std::byte b : take(static_cast<size_t>(bytes), field)) {
    value |= std::to_integer<uint64_t>(b) << shift;
    shift += 8;
  }
  return value;
}

std::optional<size_t> array_bytes(std::span<const int64_t> sizes, size_t item) {
  constexpr int64_t kLimit = int64_t{1} << 48;
  int64_t total = static_cast<int64_t>(item);
  bool empty = false;
  for (const int64_t n : sizes) {
    if (n < 0 || n > kLimit) return std::nullopt;
    empty |= n == 0;
    // An empty array may still claim absurd sizes; hold them to the limit too.
    if (n > 0 && (__builtin_mul_overflow(total, n, &total) || total > kLimit)) return std::nullopt;
  }
  return empty ? 0 : static_cast<size_t>(total);
}

std::optional<size_t> first_bad_bool(Bytes bytes) {
  for (size_t i = 0; i < bytes.size(); ++i)
    if (std::to_integer<int>(bytes[i]) > 1) return i;
  return std::nullopt;
}

void swap_byte_order(void* data, size_t count, size_t item) {
  auto* p = static_cast<std::byte*>(data);
  for (size_t i = 0; i < count; ++i, p += item) std::reverse(p, p + item);
}

size_t utf8_length(std::string_view text) {
  const auto byte = [&](size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u;
  };
  const unsigned first = byte(0), second = byte(1);
  if (first < 0x80) return 1;
  const size_t length = first >= 0xC2 && first <= 0xDF   ? 2
                        : first >= 0xE0 && first <= 0xEF ? 3
                        : first >= 0xF0 && first <= 0xF4 ? 4
                                                         : 0;
  for (size_t i = 1; i < length; ++i)
    if ((byte(i) & 0xC0) != 0x80) return 0;
  if ((first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F) ||
      (first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F))
    return 0;
  return length;
}

std::optional<size_t> first_bad_utf8(std::string_view text) {
  for (size_t at = 0; at < text.size();) {
    const size_t length = utf8_length(text.substr(at));
    if (length == 0) return at;
    at += length;
  }
  return std::nullopt;
}

std::string printable(std::string_view text) {
  constexpr size_t kMost = 40;
  std::string out = "'";
  for (const char c : text.substr(0, kMost)) {
    const auto u = static_cast<unsigned char>(c);
    if (u < 0x20 || u >= 0x7f)
      out += format_text("\\x{:02x}", u);
    else
      out += c;
  }
  return out + (text.size() > kMost ? "...'" : "'");
}

}  // namespace tinytorch::data
