#include "tinytorch/data/text.h"

#include <algorithm>
#include <set>
#include <unordered_map>

#include "tinytorch/core/format.h"
#include "tinytorch/data/file.h"

namespace tinytorch::data {

namespace {

template <class Fn>
void each_character(std::string_view text, Fn fn) {
  while (!text.empty()) {
    const size_t length = std::max<size_t>(utf8_length(text), 1);
    fn(text.substr(0, length));
    text.remove_prefix(length);
  }
}

}  // namespace

std::string read_text(const std::string& path) {
  const std::vector<std::byte> bytes = read_maybe_gzip(path);
  const std::string_view text = as_text(bytes);
  if (const auto at = first_bad_utf8(text))
    refuse(path, *at, "text", printable(text.substr(*at, 4)), "UTF-8");
  return std::string(text);
}

Vocabulary Vocabulary::of(std::string_view text) {
  std::set<std::string_view> seen;  // UTF-8 sorts bytewise as its code points do
  each_character(text, [&](std::string_view c) { seen.insert(c); });
  Vocabulary out;
  out.characters_.assign(seen.begin(), seen.end());
  return out;
}

std::vector<int32_t> Vocabulary::encode(std::string_view text) const {
  std::unordered_map<std::string_view, int32_t> token;
  for (const std::string& c : characters_) token.emplace(c, static_cast<int32_t>(token.size()));
  std::vector<int32_t> out;
  out.reserve(text.size());
  each_character(text, [&](std::string_view c) {
    const auto found = token.find(c);
    if (found == token.end())
      raise<IndexError>("vocabulary: {} is not one of its {} characters.", printable(c), size());
    out.push_back(found->second);
  });
  return out;
}

std::string Vocabulary::decode(std::span<const int64_t> tokens) const {
  std::string out;
  for (const int64_t t : tokens) {
    if (t < 0 || t >= size())
      raise<IndexError>("vocabulary: token {} is not in 0 to {}.", t, size() - 1);
    out += characters_[static_cast<size_t>(t)];
  }
  return out;
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
