#include "tinytorch/data/npz.h"

#include "tests/fuzz/fuzz.h"
#include "tinytorch/data/file.h"

using namespace tinytorch;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  return fuzz::feed<IoError>([&] {
    size_t total = 0;
    for (const auto& [name, x] : data::parse_npz(fuzz::bytes_of(bytes, size), "input")) {
      fuzz::touch(x);
      total += static_cast<size_t>(x.numel()) * item_size(x.dtype());
    }
    // Members do not overlap, so an archive inflates to no more than deflate allows.
    fuzz::require(total <= size * data::kMaxDeflateRatio);
  });
}
