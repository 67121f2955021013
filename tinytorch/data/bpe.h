#pragma once
// Byte-pair encoding on bytes, as in GPT-2 (Radford et al. 2019; Sennrich et al. 2016).
#include <array>
#include <unordered_map>

#include "tinytorch/data/tokenizer.h"

namespace tinytorch::data {

// A text is cut into words by GPT-2's pattern (split_words); each word starts as its bytes, and the
// pair of neighbours with the earliest merge is merged, everywhere in the word, until no merge
// applies. Any bytes can be encoded. Special tokens such as <|endoftext|> are never made from text;
// decode gives their names.
class BpeTokenizer final : public Tokenizer {
 public:
  // The 256 bytes and up to vocab_size - 256 merges: each time the pair that is most frequent in
  // the words (of equals the one of the lowest tokens), until no pair occurs twice. ConfigError for
  // a vocab_size below 256.
  static BpeTokenizer train(std::string_view text, int64_t vocab_size);
  // GPT-2's files: {"TOKEN": ID, ...} and a merge "LEFT RIGHT" in each line, earliest first.
  static BpeTokenizer parse(Bytes vocabulary, std::string_view vocabulary_name, Bytes merges,
                            std::string_view merges_name);

  const char* kind() const override { return "bpe"; }
  int64_t size() const override { return static_cast<int64_t>(tokens_.size()); }
  std::vector<int32_t> encode(std::string_view text) const override;
  const std::string& text(int64_t token) const override;
  void save(const std::string& folder) const override;

  struct Merge {
    int32_t left, right, result;
  };
  const std::vector<Merge>& merges() const { return merges_; }  // earliest first

 private:
  BpeTokenizer() = default;
  void add_merge(int32_t left, int32_t right, int32_t result);
  int32_t rank(int32_t left, int32_t right) const;  // of the merge; -1 when there is none
  void encode_word(std::string_view word, std::vector<int32_t>& out) const;

  std::vector<std::string> tokens_;      // their bytes
  std::array<int32_t, 256> byte_token_;  // -1: the vocabulary lacks this byte
  std::vector<Merge> merges_;
  std::unordered_map<uint64_t, int32_t> ranks_;  // by pair_key()
};

// A pair of tokens as one number; pairs sort by left, then right token.
inline uint64_t pair_key(int32_t left, int32_t right) {
  return uint64_t{static_cast<uint32_t>(left)} << 32 | static_cast<uint32_t>(right);
}

// The length of the first word of a text that is not empty, by GPT-2's pattern
//   's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
// A byte that is not UTF-8 counts as a character of the third kind.
size_t first_word(std::string_view text);

// Files write bytes as printable characters: '!' to '~' and most of Latin-1 stand for themselves,
// the other 68 bytes, in order, for U+0100 onwards (a space is Ġ).
std::string printable_bytes(std::string_view bytes);

}  // namespace tinytorch::data
