#pragma once
// Whole files in memory, gzip and deflate.
#include <string>

#include "tinytorch/data/bytes.h"

namespace tinytorch::data {

// The bytes of a regular file or pipe. IoError with the system's reason, or when `path` is a folder
// or a device (which may never end).
std::vector<std::byte> read_file(const std::string& path);

bool is_gzip(Bytes bytes);  // by content: names do not count

// At most the first `count` inflated bytes.
std::vector<std::byte> gunzip_prefix(Bytes gzip, std::string_view name, size_t count);

// All inflated bytes; refuses damaged data and content longer than `limit`. Memory grows with what
// is really inflated, never by what a header claims.
std::vector<std::byte> gunzip(Bytes gzip, std::string_view name, size_t limit);

// What deflate without a wrapping (ZIP's members) inflates to: exactly `size` bytes, else it is
// refused. Memory grows with what is really inflated.
std::vector<std::byte> inflate_raw(Bytes deflated, std::string_view name, size_t size);

// Deflate cannot shrink by more: a claim above kMaxDeflateRatio * size + 1024 bytes is a lie.
inline constexpr size_t kMaxDeflateRatio = 1032;
inline constexpr size_t kMaxText = size_t{1} << 30;  // of an inflated CSV or text file

// A file, inflated if it is gzip.
std::vector<std::byte> read_maybe_gzip(const std::string& path, size_t limit = kMaxText);

}  // namespace tinytorch::data
