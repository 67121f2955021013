#include "tinytorch/data/text.h"

#include <algorithm>

#include "tinytorch/core/format.h"
#include "tinytorch/data/file.h"

namespace tinytorch::data {

std::string read_text(const std::string& path) {
  const std::vector<std::byte> bytes = read_maybe_gzip(path);
  const std::string_view text = as_text(bytes);
  if (const auto at = first_bad_utf8(text))
    refuse(path, *at, "text", printable(text.substr(*at, 4)), "UTF-8");
  return std::string(text);
}

TextDataset::TextDataset(std::vector<int32_t> tokens, int64_t block_size)
    : tokens_(std::move(tokens)), block_size_(block_size) {
  if (block_size < 1) raise<ConfigError>("TextDataset: block_size {} must be >= 1.", block_size);
}

int64_t TextDataset::size() const {
  return std::max<int64_t>(tokens() - 1, 0) / block_size_;
}

void TextDataset::fill(std::span<const int64_t> indices, const Tensor& x, const Tensor& y) const {
  int64_t* input = x.data<int64_t>();
  int64_t* target = y.data<int64_t>();
  for (const int64_t start : indices) {
    const int32_t* window = tokens_.data() + start;
    input = std::copy_n(window, block_size_, input);
    target = std::copy_n(window + 1, block_size_, target);
  }
}

std::vector<int64_t> TextDataset::order(bool shuffle, uint64_t seed, int64_t epoch) const {
  if (shuffle) return random_order(size(), tokens() - block_size_, seed, epoch);
  std::vector<int64_t> starts = sequential_order(size());
  for (int64_t& start : starts) start *= block_size_;
  return starts;
}

}  // namespace tinytorch::data
