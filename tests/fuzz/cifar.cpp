#include "tinytorch/data/cifar.h"

#include "tests/fuzz/fuzz.h"

using namespace tinytorch;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  return fuzz::feed<IoError>([&] {
    const data::LabeledImages x = data::parse_cifar10(fuzz::bytes_of(bytes, size), "input");
    fuzz::touch(x.images);
    fuzz::touch(x.labels);
    fuzz::require(x.images.numel() + x.labels.numel() == static_cast<int64_t>(size));
  });
}
