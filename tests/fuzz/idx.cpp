#include "tinytorch/data/idx.h"

#include "tests/fuzz/fuzz.h"

using namespace tinytorch;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  return fuzz::feed<IoError>(
      [&] { fuzz::touch(data::parse_idx(fuzz::bytes_of(bytes, size), "input")); });
}
