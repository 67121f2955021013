// vocab.json and merges.txt, as GPT-2 has them.
#include <filesystem>

#include "tinytorch/core/format.h"
#include "tinytorch/data/atomic_file.h"
#include "tinytorch/data/bpe.h"
#include "tinytorch/data/tokenizer_files.h"
#include "tinytorch/data/unicode.h"

namespace tinytorch::data {

namespace {

constexpr uint32_t kFirstStandIn = 0x100;
constexpr std::string_view kVersion = "#version";

bool stands_for_itself(uint32_t byte) {
  return (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) ||
         (byte >= 0xAE && byte <= 0xFF);
}

struct Alphabet {
  std::array<uint32_t, 256> character{};             // of a byte
  std::unordered_map<uint32_t, unsigned char> byte;  // of a character
  Alphabet() {
    uint32_t next = kFirstStandIn;
    for (uint32_t b = 0; b < character.size(); ++b) {
      character[b] = stands_for_itself(b) ? b : next++;
      byte.emplace(character[b], static_cast<unsigned char>(b));
    }
  }
};
const Alphabet& alphabet() {
  static const Alphabet made;
  return made;
}

// The bytes that a token's name stands for; empty when a character stands for none.
std::string bytes_of(std::string_view name) {
  std::string out;
  while (!name.empty()) {
    const size_t length = utf8_length(name);
    const auto found = alphabet().byte.find(length > 0 ? code_point(name, length) : 0);
    if (found == alphabet().byte.end()) return "";
    out += static_cast<char>(found->second);
    name.remove_prefix(length);
  }
  return out;
}

// Names that no merge makes: <|endoftext|>, <s>, [PAD].
bool is_special(std::string_view name) {
  return name.size() > 2 && ((name.front() == '<' && name.back() == '>') ||
                             (name.front() == '[' && name.back() == ']'));
}

}  // namespace

std::string printable_bytes(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) {
    const uint32_t u = alphabet().character[static_cast<unsigned char>(c)];
    if (u < 0x80) {
      out += static_cast<char>(u);
    } else {  // two bytes of UTF-8 are enough for U+0143
      out += static_cast<char>(0xC0 | u >> 6);
      out += static_cast<char>(0x80 | (u & 0x3F));
    }
  }
  return out;
}

BpeTokenizer BpeTokenizer::parse(Bytes vocabulary, std::string_view vocabulary_name, Bytes merges,
                                 std::string_view merges_name) {
  BpeTokenizer out;
  const auto json = parse_tokenizer_json(vocabulary, vocabulary_name);
  if (!json.is_object() || json.empty())
    raise<IoError>("{}: holds no vocabulary: expected {{\"TOKEN\": ID, ...}}.", vocabulary_name);
  out.tokens_.resize(json.size());
  out.byte_token_.fill(-1);
  std::unordered_map<std::string_view, int32_t> token_of;  // by name
  for (const auto& [name, id] : json.items()) {
    // A name that comes twice counts once, so that the ids have a gap.
    if (!id.is_number_unsigned() || id.get<uint64_t>() >= json.size())
      raise<IoError>("{}: token {} has the id {}, expected one of 0 to {}, each once.",
                     vocabulary_name, printable(name), printable(id.dump()), json.size() - 1);
    const auto token = id.get<int32_t>();
    std::string& bytes = out.tokens_[static_cast<size_t>(token)];
    if (!bytes.empty())
      raise<IoError>("{}: token {} has the id {} of another.", vocabulary_name, printable(name),
                     token);
    bytes = bytes_of(name);
    if (bytes.empty())
      raise<IoError>("{}: token {} holds characters that stand for no byte.", vocabulary_name,
                     printable(name));
    if (bytes.size() == 1) out.byte_token_[static_cast<unsigned char>(bytes[0])] = token;
    token_of.emplace(name, token);
  }

  std::vector<bool> made(out.tokens_.size());
  const std::string_view text = as_text(merges);
  size_t line_number = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view line = text.substr(at, end - at);
    const auto fail = [&](std::string_view found, std::string_view expected) {
      refuse(merges_name, at, format_text("line {}", line_number), found, expected);
    };
    ++line_number;
    if (!(line_number == 1 && line.starts_with(kVersion)) && !line.empty()) {
      const size_t blank = line.find(' ');
      if (blank == std::string_view::npos || line.find(' ', blank + 1) != std::string_view::npos)
        fail(printable(line), "two tokens with a space between");
      const std::string_view left = line.substr(0, blank), right = line.substr(blank + 1);
      const std::string joined = std::string(left) + std::string(right);
      for (const std::string_view name : {left, right, std::string_view(joined)})
        if (!token_of.contains(name))
          fail(printable(name), format_text("a token of {}", vocabulary_name));
      const int32_t l = token_of[left], r = token_of[right], result = token_of[joined];
      if (out.rank(l, r) >= 0) fail(printable(line) + " again", "each merge once");
      out.add_merge(l, r, result);
      made[static_cast<size_t>(result)] = true;
    }
    at = end + 1;
  }
  // A list that was cut off at the end of a line shows here only.
  for (const auto& [name, token] : token_of)
    if (const auto t = static_cast<size_t>(token);
        out.tokens_[t].size() > 1 && !made[t] && !is_special(name))
      raise<IoError>("{}: ends after {} lines, but no merge makes the token {} of {}.", merges_name,
                     line_number, printable(name), vocabulary_name);
  return out;
}

void BpeTokenizer::save(const std::string& folder) const {
  make_tokenizer_folder(folder);
  std::string vocabulary = "{";  // in the order of the tokens, which a json object would not keep
  for (size_t i = 0; i < tokens_.size(); ++i)
    vocabulary += format_text("{}{}: {}", i > 0 ? ", " : "",
                              nlohmann::json(printable_bytes(tokens_[i])).dump(), i);
  std::string merges = std::string(kVersion) + ": 0.2\n";
  for (const Merge& m : merges_)
    merges += printable_bytes(text(m.left)) + " " + printable_bytes(text(m.right)) + "\n";
  const std::filesystem::path in(folder);
  write_file_atomic((in / kVocabulary).string(), vocabulary + "}\n");
  write_file_atomic((in / kMerges).string(), merges);
}

}  // namespace tinytorch::data
