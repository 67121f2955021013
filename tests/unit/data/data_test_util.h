#pragma once
// Shared by the tests of the file formats.
#include <gtest/gtest.h>
#include <stdlib.h>
#include <zlib.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "tinytorch/core/error.h"
#include "tinytorch/data/bytes.h"

namespace tinytorch::data {

// A folder that is gone when the test ends.
class TempFolder {
 public:
  TempFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "tinytorch-XXXXXX").string();
    path_ = mkdtemp(name.data());
  }
  ~TempFolder() { std::filesystem::remove_all(path_); }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

inline void write_raw(const std::string& path, std::string_view content) {
  std::ofstream(path, std::ios::binary) << content;
}

inline std::string gzip(std::string_view text) {
  z_stream z{};
  deflateInit2(&z, 9, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&z, text.size()) + 64, '\0');
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  z.avail_in = static_cast<uInt>(text.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = static_cast<uInt>(out.size());
  deflate(&z, Z_FINISH);
  out.resize(z.total_out);
  deflateEnd(&z);
  return out;
}

template <class Fn>
std::string io_error(Fn fn) {
  try {
    fn();
  } catch (const IoError& e) {
    return e.what();
  }
  return "(no error)";
}

// Every proper prefix of a valid file must be refused, with the file's name first.
template <class Parse>
void expect_prefixes_refused(const std::string& file, Parse parse) {
  for (size_t n = 0; n < file.size(); ++n) {
    // A copy of exactly n bytes, so that AddressSanitizer sees a read past the end.
    const std::vector<char> copy(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(n));
    const std::string text =
        io_error([&] { parse(as_bytes(std::string_view(copy.data(), n)), "cut.bin"); });
    ASSERT_EQ(text.find("cut.bin"), 0u) << "prefix of " << n << " bytes: " << text;
  }
}

// Flipping any one byte must either parse or raise an IoError; never crash.
template <class Parse>
void survive_flips(const std::string& file, Parse parse) {
  for (size_t i = 0; i < file.size(); ++i)
    for (const int flip : {0x01, 0x80, 0xff}) {
      std::vector<char> copy(file.begin(), file.end());
      copy[i] = static_cast<char>(copy[i] ^ flip);
      try {
        parse(as_bytes(std::string_view(copy.data(), copy.size())), "flip.bin");
      } catch (const IoError&) {
      }
    }
}

}  // namespace tinytorch::data
