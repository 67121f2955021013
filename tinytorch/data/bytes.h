#pragma once
// Reading untrusted bytes. Nothing here trusts a length or a count: it is checked against the bytes
// that are really there before anything is read or allocated.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tinytorch/core/dtype.h"
#include "tinytorch/core/shape.h"

namespace tinytorch::data {

using Bytes = std::span<const std::byte>;

// The one form of a refusal: IoError "NAME: at byte OFFSET, FIELD: found FOUND, expected EXPECTED."
[[noreturn]] void refuse(std::string_view name, size_t offset, std::string_view field,
                         std::string_view found, std::string_view expected);

// A cursor over bytes. Every read names the field it reads, for the refusal when bytes run out.
class ByteReader {
 public:
  ByteReader(Bytes bytes, std::string_view name) : bytes_(bytes), name_(name) {}

  size_t offset() const { return offset_; }
  size_t remaining() const { return bytes_.size() - offset_; }
  Bytes rest() const { return bytes_.subspan(offset_); }
  Bytes take(size_t count, std::string_view field);
  uint8_t u8(std::string_view field);
  uint32_t u32_big(std::string_view field);
  uint64_t little(int bytes, std::string_view field);  // unsigned, 1 to 8 bytes
  // Refuses the field that starts `back` bytes before the cursor.
  [[noreturn]] void fail(size_t back, std::string_view field, std::string_view found,
                         std::string_view expected) const;

 private:
  Bytes bytes_;
  std::string_view name_;
  size_t offset_ = 0;
};

// Bytes of a dense array; nothing when a size is negative or the product does not fit in 2^48 (more
// than any memory): such a shape can only come from a broken file.
std::optional<size_t> array_bytes(std::span<const int64_t> sizes, size_t item);

// The first byte that is neither 0 nor 1, if any: a C++ bool of another value is undefined.
std::optional<size_t> first_bad_bool(Bytes bytes);

// Reverses the bytes of each item in place: big-endian files on little-endian machines.
void swap_byte_order(void* data, size_t count, size_t item);

// Bytes of the UTF-8 character at the start of `text`; 0 when it is malformed (also overlong
// forms, surrogates and values above U+10FFFF). Source: RFC 3629.
size_t utf8_length(std::string_view text);
std::optional<size_t> first_bad_utf8(std::string_view text);

// Printable form of file content for messages: quotes, escapes, at most 40 characters.
std::string printable(std::string_view text);

inline Bytes as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}
inline std::string_view as_text(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace tinytorch::data
