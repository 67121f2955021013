#include "tinytorch/data/tokenizer.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>
#include <unordered_map>

#include "tinytorch/core/format.h"
#include "tinytorch/data/atomic_file.h"
#include "tinytorch/data/bpe.h"
#include "tinytorch/data/file.h"
#include "tinytorch/data/tokenizer_files.h"

namespace tinytorch::data {

namespace fs = std::filesystem;

namespace {

constexpr const char* kCharacters = "characters.json";

struct BpeNames {
  const char *vocabulary, *merges;
};
constexpr BpeNames kBpeNames[] = {{kVocabulary, kMerges}, {"encoder.json", "vocab.bpe"}};

bool is_there(const std::string& folder, const char* name) {
  std::error_code ec;
  return fs::exists(fs::path(folder) / name, ec);
}

// The first valid UTF-8 character; a byte that is none stands for itself.
size_t character_length(std::string_view text) {
  return std::max<size_t>(utf8_length(text), 1);
}

}  // namespace

std::string Tokenizer::decode(std::span<const int64_t> tokens) const {
  std::string out;
  for (const int64_t t : tokens) out += text(t);
  return out;
}

void make_tokenizer_folder(const std::string& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) raise<IoError>("{}: cannot be made: {}.", folder, error.message());
}

nlohmann::json parse_tokenizer_json(Bytes file, std::string_view name) {
  try {
    return nlohmann::json::parse(as_text(file));
  } catch (const nlohmann::json::parse_error& e) {
    const size_t at = e.byte > 0 ? e.byte - 1 : 0;  // it counts from 1
    refuse(name, at, "JSON", at < file.size() ? printable(as_text(file).substr(at)) : "the end",
           "valid JSON");
  } catch (const nlohmann::json::out_of_range&) {
    refuse(name, 0, "JSON", "a number beyond what a double holds", "valid JSON");
  }
}

bool has_tokenizer(const std::string& folder) {
  return is_there(folder, kCharacters) ||
         std::any_of(std::begin(kBpeNames), std::end(kBpeNames),
                     [&](const BpeNames& n) { return is_there(folder, n.vocabulary); });
}

std::shared_ptr<const Tokenizer> load_tokenizer(const std::string& folder) {
  const auto in = [&](const char* name) { return (fs::path(folder) / name).string(); };
  if (is_there(folder, kCharacters)) {
    const auto file = read_file(in(kCharacters));
    return std::make_shared<CharTokenizer>(CharTokenizer::parse(file, in(kCharacters)));
  }
  for (const BpeNames& names : kBpeNames) {
    if (!is_there(folder, names.vocabulary)) continue;
    const auto vocabulary = read_file(in(names.vocabulary)), merges = read_file(in(names.merges));
    return std::make_shared<BpeTokenizer>(
        BpeTokenizer::parse(vocabulary, in(names.vocabulary), merges, in(names.merges)));
  }
  raise<IoError>(
      "{}: holds no tokenizer: neither characters.json nor vocab.json and merges.txt (nor "
      "encoder.json and vocab.bpe).",
      folder);
}

CharTokenizer CharTokenizer::train(std::string_view text) {
  std::set<std::string_view> seen;  // UTF-8 sorts bytewise as its code points do
  for (size_t at = 0; at < text.size();) {
    const size_t length = character_length(text.substr(at));
    seen.insert(text.substr(at, length));
    at += length;
  }
  CharTokenizer out;
  out.characters_.assign(seen.begin(), seen.end());
  return out;
}

CharTokenizer CharTokenizer::parse(Bytes file, std::string_view name) {
  const auto json = parse_tokenizer_json(file, name);
  const auto fail = [&](std::string_view field, std::string_view found, std::string_view expected) {
    raise<IoError>("{}: {}: found {}, expected {}.", name, field, found, expected);
  };
  if (!json.is_object() || !json.contains("characters") || !json["characters"].is_array() ||
      json["characters"].empty())
    fail("the file", "no list of characters", "{\"characters\": [\"a\", ...]}");
  CharTokenizer out;
  std::set<std::string> seen;
  for (const auto& entry : json["characters"]) {
    const std::string text = entry.is_string() ? entry.get<std::string>() : "";
    const std::string field = format_text("character {}", out.characters_.size());
    if (text.empty() || utf8_length(text) != text.size())
      fail(field, printable(entry.dump()), "one character");
    if (!seen.insert(text).second) fail(field, printable(text) + " again", "each character once");
    out.characters_.push_back(text);
  }
  return out;
}

std::vector<int32_t> CharTokenizer::encode(std::string_view text) const {
  std::unordered_map<std::string_view, int32_t> token;
  for (const std::string& c : characters_) token.emplace(c, static_cast<int32_t>(token.size()));
  std::vector<int32_t> out;
  out.reserve(text.size());
  while (!text.empty()) {
    const std::string_view c = text.substr(0, character_length(text));
    const auto found = token.find(c);
    if (found == token.end())
      raise<IndexError>("tokenizer: '{}' ({}) is not one of its {} characters.", c, printable(c),
                        size());
    out.push_back(found->second);
    text.remove_prefix(c.size());
  }
  return out;
}

const std::string& CharTokenizer::text(int64_t token) const {
  if (token < 0 || token >= size())
    raise<IndexError>("tokenizer: token {} is not in 0 to {}.", token, size() - 1);
  return characters_[static_cast<size_t>(token)];
}

void CharTokenizer::save(const std::string& folder) const {
  make_tokenizer_folder(folder);
  write_file_atomic((fs::path(folder) / kCharacters).string(),
                    nlohmann::json{{"characters", characters_}}.dump() + "\n");
}

}  // namespace tinytorch::data
