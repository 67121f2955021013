#pragma once
// Text as numbers and back. A tokenizer is trained on a text or loaded from a folder, and saved
// with each run that it was used for.
#include <memory>

#include "tinytorch/data/bytes.h"

namespace tinytorch::data {

class Tokenizer {
 public:
  virtual ~Tokenizer() = default;
  virtual const char* kind() const = 0;  // "char", "bpe"
  virtual int64_t size() const = 0;      // tokens are 0 to size() - 1
  // IndexError for what no token stands for.
  virtual std::vector<int32_t> encode(std::string_view text) const = 0;
  // The text of one token: part of a character, perhaps. IndexError outside the vocabulary.
  virtual const std::string& text(int64_t token) const = 0;
  // Writes the files that load_tokenizer reads, into a folder (made if missing).
  virtual void save(const std::string& folder) const = 0;

  // decode(encode(text)) is `text`, byte for byte.
  std::string decode(std::span<const int64_t> tokens) const;
};

// The tokenizer in a folder, by its files:
//   characters.json                           a CharTokenizer
//   vocab.json, merges.txt                    a BpeTokenizer (GPT-2's files as most publish them)
//   encoder.json, vocab.bpe                   the same under the names of GPT-2's authors
// IoError for missing, damaged or contradictory files.
std::shared_ptr<const Tokenizer> load_tokenizer(const std::string& folder);
bool has_tokenizer(const std::string& folder);

// Every character (Unicode code point) of a text, sorted by code point: token i is the i-th.
class CharTokenizer final : public Tokenizer {
 public:
  static CharTokenizer train(std::string_view text);  // valid UTF-8
  static CharTokenizer parse(Bytes file, std::string_view name);

  const char* kind() const override { return "char"; }
  int64_t size() const override { return static_cast<int64_t>(characters_.size()); }
  const std::vector<std::string>& characters() const { return characters_; }
  std::vector<int32_t> encode(std::string_view text) const override;
  const std::string& text(int64_t token) const override;
  void save(const std::string& folder) const override;

 private:
  std::vector<std::string> characters_;
};

}  // namespace tinytorch::data
