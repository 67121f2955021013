#include "tinytorch/data/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include "tinytorch/core/format.h"

namespace tinytorch::data {

namespace {

struct Descriptor {
  int fd;
  ~Descriptor() {
    if (fd >= 0) close(fd);
  }
};

enum class Wrapping : uint8_t { kGzip, kNone };

// Inflates into `out` until the end of the data or until `most` bytes; true at the end.
bool inflate_into(Bytes data, Wrapping wrapping, std::string_view name, size_t most,
                  std::vector<std::byte>& out) {
  z_stream z{};
  const bool gzip = wrapping == Wrapping::kGzip;
  const std::string_view field = gzip ? "gzip data" : "deflate data";
  constexpr int kGzipOnly = 16 + MAX_WBITS;
  if (inflateInit2(&z, gzip ? kGzipOnly : -MAX_WBITS) != Z_OK)
    raise<IoError>("{}: zlib cannot start.", name);
  const std::unique_ptr<z_stream, int (*)(z_stream*)> guard(&z, inflateEnd);
  constexpr size_t kStep = size_t{1} << 30;  // zlib counts in 32 bits
  size_t used = 0;
  while (true) {
    if (out.size() == most) return false;
    const size_t old = out.size();
    const size_t room = std::min({most - old, std::max<size_t>(old, 1 << 16), kStep});
    out.resize(old + room);
    const size_t given = std::min(data.size() - used, kStep);
    z.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(data.data() + used));
    z.avail_in = static_cast<uInt>(given);
    z.next_out = reinterpret_cast<Bytef*>(out.data() + old);
    z.avail_out = static_cast<uInt>(room);
    const int result = inflate(&z, Z_NO_FLUSH);
    used += given - z.avail_in;
    out.resize(old + room - z.avail_out);
    if (result == Z_STREAM_END) {
      if (used == data.size()) return true;
      if (!gzip) refuse(name, used, field, "bytes after its end", "nothing more");
      inflateReset(&z);  // gzip files may be joined: the next member follows
    } else if (result == Z_BUF_ERROR || (result == Z_OK && used == data.size() && z.avail_out)) {
      refuse(name, used, field, "the end of the file", "more compressed data");
    } else if (result != Z_OK) {
      refuse(name, used, field, z.msg ? z.msg : "damaged data", "valid deflate data");
    }
  }
}

}  // namespace

std::vector<std::byte> read_file(const std::string& path) {
  const Descriptor file{open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  struct stat info{};
  if (file.fd < 0 || fstat(file.fd, &info) != 0)
    raise<IoError>("{}: cannot be read: {}.", path, std::strerror(errno));
  if (!S_ISREG(info.st_mode) && !S_ISFIFO(info.st_mode))
    raise<IoError>("{}: is {}, expected a file.", path,
                   S_ISDIR(info.st_mode) ? "a folder" : "a device");
  std::vector<std::byte> bytes(static_cast<size_t>(std::max<off_t>(info.st_size, 0)));
  size_t filled = 0;
  while (true) {
    if (filled == bytes.size()) {  // a pipe, a file that grew, or the end
      std::byte probe[4096];
      const ssize_t n = read(file.fd, probe, sizeof probe);
      if (n > 0) bytes.insert(bytes.end(), probe, probe + n), filled += static_cast<size_t>(n);
      if (n == 0) return bytes;
      if (n < 0 && errno != EINTR) break;
      continue;
    }
    const ssize_t n = read(file.fd, bytes.data() + filled, bytes.size() - filled);
    if (n > 0) filled += static_cast<size_t>(n);
    if (n == 0) {  // shorter than it said
      bytes.resize(filled);
      return bytes;
    }
    if (n < 0 && errno != EINTR) break;
  }
  raise<IoError>("{}: cannot be read: {}.", path, std::strerror(errno));
}

bool is_gzip(Bytes bytes) {
  return bytes.size() >= 2 && bytes[0] == std::byte{0x1f} && bytes[1] == std::byte{0x8b};
}

std::vector<std::byte> gunzip_prefix(Bytes gzip, std::string_view name, size_t count) {
  std::vector<std::byte> out;
  inflate_into(gzip, Wrapping::kGzip, name, count, out);
  return out;
}

std::vector<std::byte> gunzip(Bytes gzip, std::string_view name, size_t limit) {
  std::vector<std::byte> out;
  if (!inflate_into(gzip, Wrapping::kGzip, name, limit + 1, out) || out.size() > limit)
    refuse(name, 0, "gzip data", format_text("more than {} inflated bytes", limit),
           format_text("at most {}", limit));
  return out;
}

std::vector<std::byte> inflate_raw(Bytes deflated, std::string_view name, size_t size) {
  std::vector<std::byte> out;
  if (!inflate_into(deflated, Wrapping::kNone, name, size + 1, out) || out.size() != size)
    refuse(name, 0, "deflate data",
           out.size() > size ? "more inflated bytes" : format_text("{} inflated bytes", out.size()),
           std::to_string(size));
  return out;
}

std::vector<std::byte> read_maybe_gzip(const std::string& path, size_t limit) {
  std::vector<std::byte> bytes = read_file(path);
  return is_gzip(bytes) ? gunzip(bytes, path, limit) : bytes;
}

}  // namespace tinytorch::data
