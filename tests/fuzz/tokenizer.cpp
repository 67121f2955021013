// A byte-pair tokenizer: vocabulary, a zero byte, merges. What it reads, it must give back.
#include <algorithm>

#include "tests/fuzz/fuzz.h"
#include "tinytorch/data/bpe.h"

using namespace tinytorch;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  const data::Bytes input = fuzz::bytes_of(bytes, size);
  const auto zero = std::find(input.begin(), input.end(), std::byte{0});
  const auto length = static_cast<size_t>(zero - input.begin());
  const data::Bytes rest = input.subspan(std::min(length + 1, size));
  fuzz::feed<IoError>([&] { data::CharTokenizer::parse(input.first(length), "input"); });
  return fuzz::feed<IoError>([&] {
    const auto tokenizer = data::BpeTokenizer::parse(input.first(length), "vocab", rest, "merges");
    const std::string text(data::as_text(input));
    try {
      const std::vector<int32_t> ids = tokenizer.encode(text);
      fuzz::require(tokenizer.decode(std::vector<int64_t>(ids.begin(), ids.end())) == text);
    } catch (const IndexError&) {  // a byte that the vocabulary lacks
    }
  });
}
