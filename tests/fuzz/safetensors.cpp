#include "tinytorch/data/safetensors.h"

#include "tests/fuzz/fuzz.h"

using namespace tinytorch;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  return fuzz::feed<IoError>([&] {
    size_t total = 8;
    const data::TensorFile file = data::parse_safetensors(fuzz::bytes_of(bytes, size), "input");
    for (const auto& [name, x] : file.tensors) {
      fuzz::touch(x);
      total += static_cast<size_t>(x.numel()) * item_size(x.dtype());
      fuzz::require(file.find(name) != nullptr);
    }
    fuzz::require(total < size);  // never more data than the file has
  });
}
