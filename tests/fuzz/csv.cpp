#include "tinytorch/data/csv.h"

#include "tests/fuzz/fuzz.h"

using namespace tinytorch;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  return fuzz::feed<IoError>(
      [&] { fuzz::touch(data::parse_csv(fuzz::bytes_of(bytes, size), "input").values); });
}
