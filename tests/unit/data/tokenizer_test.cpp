#include "tinytorch/data/tokenizer.h"

#include <nlohmann/json.hpp>
#include <random>

#include "tests/unit/data/data_test_util.h"
#include "tinytorch/data/bpe.h"
#include "tinytorch/data/datasets.h"
#include "tinytorch/data/unicode.h"

namespace tinytorch::data {
namespace {

std::string golden(const std::string& name) {
  return TINYTORCH_SOURCE_DIR "/tests/golden/tokenizer/" + name;
}

std::vector<int64_t> wide(const std::vector<int32_t>& tokens) {
  return {tokens.begin(), tokens.end()};
}

std::vector<std::string> words(std::string_view text) {
  std::vector<std::string> out;
  for (; !text.empty(); text.remove_prefix(out.back().size()))
    out.emplace_back(text.substr(0, first_word(text)));
  return out;
}

TEST(CharTokenizer, IsSortedByCodePoint) {
  const CharTokenizer t = CharTokenizer::train("bañb€a𝄞\n");
  EXPECT_EQ(t.characters(), (std::vector<std::string>{"\n", "a", "b", "ñ", "€", "𝄞"}));
  EXPECT_EQ(t.encode("€ba"), (std::vector<int32_t>{4, 2, 1}));
  EXPECT_EQ(t.decode(std::vector<int64_t>{4, 2, 1}), "€ba");
  EXPECT_THROW(t.encode("z"), IndexError);
  EXPECT_THROW(t.decode(std::vector<int64_t>{6}), IndexError);
}

TEST(CharTokenizer, IsTheSameFromItsFile) {
  const TempFolder folder;
  const CharTokenizer t = CharTokenizer::train(std::string_view("\0\"\\ñ€𝄞\x7f\n", 14));
  t.save(folder / "a/b");
  EXPECT_TRUE(has_tokenizer(folder / "a/b"));
  const auto again = load_tokenizer(folder / "a/b");
  EXPECT_STREQ(again->kind(), "char");
  EXPECT_EQ(dynamic_cast<const CharTokenizer&>(*again).characters(), t.characters());
}

TEST(CharTokenizer, RefusesBrokenFiles) {
  const auto parse = [](Bytes bytes, std::string_view name) { CharTokenizer::parse(bytes, name); };
  const std::string good = R"({"characters": ["a", "€"]})";
  parse(as_bytes(good), "good.json");
  expect_prefixes_refused(good, parse);
  survive_flips(good, parse);
  for (const auto& [file, why] : std::vector<std::pair<std::string, std::string>>{
           {R"([])", "found no list of characters"},
           {R"({"characters": []})", "found no list of characters"},
           {R"({"characters": ["a", "bc"]})",
            "character 1: found '\"bc\"', expected one character"},
           {R"({"characters": ["a", 7]})", "character 1: found '7', expected one character"},
           {R"({"characters": ["a", ""]})", "character 1: found '\"\"'"},
           {R"({"characters": ["a", "b", "a"]})", "character 2: found 'a' again"}})
    EXPECT_NE(io_error([&] { parse(as_bytes(file), "bad.json"); }).find(why), std::string::npos)
        << io_error([&] { parse(as_bytes(file), "bad.json"); });
}

TEST(Unicode, KindsOfCharactersUpToTheEdgesOfTheirRanges) {
  const auto all = [](CharKind kind, std::vector<uint32_t> characters) {
    for (const uint32_t c : characters) EXPECT_EQ(char_kind(c), kind) << std::hex << c;
  };
  all(CharKind::kLetter, {'A', 'Z', 'a', 'z', 0xAA, 0xC0, 0xD6, 0x2C1, 0x9FFF, 0xD7A3, 0x3134A});
  all(CharKind::kNumber, {'0', '9', 0xB2, 0xB3, 0xBD, 0x2160, 0x2182, 0xFF19, 0x1FBF9});
  all(CharKind::kSpace, {'\t', '\r', ' ', 0x85, 0xA0, 0x1680, 0x2000, 0x200A, 0x2029, 0x3000});
  all(CharKind::kOther,
      {0,    8,    0xE,  0x1C,  '/',    ':',    '@',    '[',     '`',     '{',
       0xAB, 0xD7, 0xF7, 0x301, 0x200B, 0xFEFF, 0xFFFF, 0x1FBFA, 0x3134B, 0x10FFFF});
}

TEST(Bpe, WordsAreThoseOfGpt2) {
  using V = std::vector<std::string>;
  EXPECT_EQ(words("Hello world's end, it'll"),
            (V{"Hello", " world", "'s", " end", ",", " it", "'ll"}));
  EXPECT_EQ(words("IT'S !'s 'tis"), (V{"IT", "'", "S", " !'", "s", " '", "tis"}));
  EXPECT_EQ(words("a   b \n\n c  "), (V{"a", "  ", " b", " \n\n", " c", "  "}));
  EXPECT_EQ(words("\tx\n\ny \t"), (V{"\t", "x", "\n", "\n", "y", " \t"}));
  EXPECT_EQ(words(" 12ab Ⅻé½ x²"), (V{" 12", "ab", " Ⅻ", "é", "½", " x", "²"}));
  EXPECT_EQ(words("\u00a0\u3000ab\u0085"), (V{"\u00a0", "\u3000", "ab", "\u0085"}));
  EXPECT_EQ(words("e\u0301a"), (V{"e", "\u0301", "a"}));  // a combining mark is no letter
  EXPECT_EQ(words("ab\xff\xfe c\xc3"), (V{"ab", "\xff\xfe", " c", "\xc3"}));
}

TEST(Bpe, LearnsTheMostFrequentPairsFirst) {
  // "aaabdaaabac": the example of the encoding's first description (P. Gage, 1994).
  const BpeTokenizer t = BpeTokenizer::train("aaabdaaabac", 300);
  ASSERT_EQ(t.merges().size(), 3u);
  EXPECT_EQ(t.size(), 259);
  EXPECT_EQ(t.text(256), "aa");  // four times
  EXPECT_EQ(t.text(257), "ab");  // twice, as "aaa"; 'a' and 'b' come before "aa" and 'a'
  EXPECT_EQ(t.text(258), "aaab");
  EXPECT_EQ(t.encode("aaabdaaabac"), (std::vector<int32_t>{258, 67, 258, 64, 66}));
  EXPECT_THROW(BpeTokenizer::train("ab", 255), ConfigError);
  EXPECT_EQ(BpeTokenizer::train("", 1000).size(), 256);
}

// The merges of a text by counting all pairs anew each time.
std::vector<std::string> slow_merges(const std::string& text, size_t count) {
  std::vector<std::vector<std::string>> all;
  for (const std::string& word : words(text)) {
    all.emplace_back();
    for (const char c : word) all.back().emplace_back(1, c);
  }
  const BpeTokenizer bytes = BpeTokenizer::train("", 256);
  std::map<std::string, int64_t> id;
  for (int64_t i = 0; i < bytes.size(); ++i) id[bytes.text(i)] = i;
  std::vector<std::string> merges;
  while (merges.size() < count) {
    std::map<std::pair<std::string, std::string>, int64_t> pairs;
    for (const auto& word : all)
      for (size_t i = 1; i < word.size(); ++i) ++pairs[{word[i - 1], word[i]}];
    auto best = pairs.end();
    for (auto p = pairs.begin(); p != pairs.end(); ++p) {
      const auto key = [&](auto q) {
        return std::tuple(-q->second, id[q->first.first], id[q->first.second]);
      };
      if (best == pairs.end() || key(p) < key(best)) best = p;
    }
    if (best == pairs.end() || best->second < 2) break;
    const auto [left, right] = best->first;
    id.emplace(left + right, static_cast<int64_t>(256 + merges.size()));
    merges.push_back(left + right);
    for (auto& word : all)
      for (size_t i = 1; i < word.size(); ++i)
        if (word[i - 1] == left && word[i] == right) {
          word[i - 1] += right;
          word.erase(word.begin() + static_cast<std::ptrdiff_t>(i));
        }
  }
  return merges;
}

// GPT-2's own way: of all neighbours the earliest merge, everywhere from left to right, again.
std::vector<std::string> slow_encode(const BpeTokenizer& t, const std::string& word) {
  std::vector<std::string> parts;
  for (const char c : word) parts.emplace_back(1, c);
  while (true) {
    const BpeTokenizer::Merge* best = nullptr;
    for (const BpeTokenizer::Merge& m : t.merges()) {
      for (size_t i = 1; i < parts.size() && !best; ++i)
        if (parts[i - 1] == t.text(m.left) && parts[i] == t.text(m.right)) best = &m;
      if (best) break;
    }
    if (!best) return parts;
    for (size_t i = 1; i < parts.size(); ++i)
      if (parts[i - 1] == t.text(best->left) && parts[i] == t.text(best->right)) {
        parts[i - 1] += parts[i];
        parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(i));
      }
  }
}

std::string random_text(std::mt19937& random, size_t length, std::string_view letters) {
  std::string out;
  while (out.size() < length) out += letters[random() % letters.size()];
  return out;
}

TEST(Bpe, TrainsAndEncodesAsThePlainAlgorithmsDo) {
  std::mt19937 random(1);
  for (int round = 0; round < 20; ++round) {
    const std::string letters = round % 2 ? "ab" : "abc  '1\n";
    const std::string text = random_text(random, 200, letters);
    const BpeTokenizer t = BpeTokenizer::train(text, 256 + 30);
    std::vector<std::string> merges;
    for (const BpeTokenizer::Merge& m : t.merges()) merges.push_back(t.text(m.result));
    ASSERT_EQ(merges, slow_merges(text, 30)) << text;
    for (int i = 0; i < 5; ++i) {
      const std::string other = random_text(random, 60, letters);
      std::vector<std::string> want, got;
      for (const std::string& word : words(other))
        for (const std::string& part : slow_encode(t, word)) want.push_back(part);
      for (const int32_t token : t.encode(other)) got.push_back(t.text(token));
      ASSERT_EQ(got, want) << other;
    }
  }
}

// Merges in an order that no training gives: a round merges its pair everywhere, although the new
// token has an earlier merge.
TEST(Bpe, AMergeIsDoneEverywhereBeforeTheNext) {
  const auto t = BpeTokenizer::parse(as_bytes(R"({"a":0,"b":1,"ab":2,"aba":3})"), "v",
                                     as_bytes("ab a\na b\n"), "m");
  EXPECT_EQ(t.encode("abab"), (std::vector<int32_t>{2, 2}));
  EXPECT_EQ(t.encode("aba"), (std::vector<int32_t>{3}));
}

TEST(Bpe, AnyBytesComeBack) {
  const BpeTokenizer t = BpeTokenizer::train("the cat sat on the mat", 270);
  std::string all;
  for (int i = 0; i < 512; ++i) all += static_cast<char>(i * 7);
  for (const std::string& text : {all, std::string("\xf0\x9f"), std::string("the \0 mat", 9)})
    EXPECT_EQ(t.decode(wide(t.encode(text))), text);
  EXPECT_THROW(t.decode(std::vector<int64_t>{t.size()}), IndexError);
  EXPECT_THROW(t.decode(std::vector<int64_t>{-1}), IndexError);
}

TEST(Bpe, AWordMayBeAsLongAsAFile) {
  const BpeTokenizer t = BpeTokenizer::train("aaaaaaaaaaaaaaaa bbbb", 300);
  const std::string text(1 << 16, 'a');
  EXPECT_EQ(t.encode(text).size(), size_t{1 << 13});  // eights: sixteen 'a' came once only
}

TEST(Bpe, TheSmallVocabularyGivesTheIdsOfAnotherImplementation) {
  const auto t = load_tokenizer(golden(""));
  EXPECT_STREQ(t->kind(), "bpe");
  EXPECT_EQ(t->size(), 600);
  const std::string text = read_text(golden("text.txt"));
  const auto want = nlohmann::json::parse(read_text(golden("small_ids.json")));
  EXPECT_EQ(t->encode(text), want.get<std::vector<int32_t>>());
  EXPECT_EQ(t->decode(want.get<std::vector<int64_t>>()), text);
}

TEST(Bpe, IsTheSameFromItsFiles) {
  const TempFolder folder;
  const std::string text = read_text(golden("text.txt"));
  const BpeTokenizer t = BpeTokenizer::train(text, 400);
  t.save(folder.path());
  const auto again = load_tokenizer(folder.path());
  EXPECT_EQ(again->size(), 400);
  EXPECT_EQ(again->encode(text), t.encode(text));
  // And under the names of GPT-2's authors.
  std::filesystem::rename(folder / "vocab.json", folder / "encoder.json");
  std::filesystem::rename(folder / "merges.txt", folder / "vocab.bpe");
  EXPECT_EQ(load_tokenizer(folder.path())->encode(text), t.encode(text));
  EXPECT_NE(io_error([&] { load_tokenizer(folder / "no"); }).find("holds no tokenizer"),
            std::string::npos);
  std::filesystem::remove(folder / "vocab.bpe");
  EXPECT_NE(io_error([&] { load_tokenizer(folder.path()); }).find("vocab.bpe: cannot be read"),
            std::string::npos);
}

constexpr const char* kVocabularyFile = R"({"a": 0, "b": 1, "c": 3, "ab": 2, "abc": 4, "<s>": 5})";
constexpr const char* kMergesFile = "#version: 0.2\na b\nab c\n";

TEST(Bpe, RefusesACutFile) {
  const auto vocabulary = [](Bytes bytes, std::string_view name) {
    BpeTokenizer::parse(bytes, name, as_bytes(kMergesFile), "merges.txt");
  };
  expect_prefixes_refused(kVocabularyFile, vocabulary);
  survive_flips(kVocabularyFile, vocabulary);
  const auto merges = [](Bytes bytes, std::string_view name) {
    BpeTokenizer::parse(as_bytes(kVocabularyFile), "vocab.json", bytes, name);
  };
  const std::string file = kMergesFile;
  merges(as_bytes(std::string_view(file).substr(0, file.size() - 1)), "m");  // the newline alone
  expect_prefixes_refused(file.substr(0, file.size() - 1), merges);
  survive_flips(file, merges);
}

TEST(Bpe, RefusesContradictoryFiles) {
  const auto error = [](const std::string& vocabulary, const std::string& merges) {
    return io_error(
        [&] { BpeTokenizer::parse(as_bytes(vocabulary), "v.json", as_bytes(merges), "m.txt"); });
  };
  const std::string v = kVocabularyFile, m = kMergesFile;
  ASSERT_EQ(error(v, m), "(no error)");
  const auto expect = [&](const std::string& got, const std::string& want) {
    EXPECT_NE(got.find(want), std::string::npos) << got;
  };
  expect(error("[1, 2]", m), "v.json: holds no vocabulary");
  expect(error("{}", m), "v.json: holds no vocabulary");
  expect(error(R"({"a": 0, "b": 2})", ""),
         "v.json: token 'b' has the id '2', expected one of 0 to 1");
  expect(error(R"({"a": 0, "b": 0})", ""), "v.json: token 'b' has the id 0 of another");
  expect(error(R"({"a": 0, "a": 1})", ""), "v.json: token 'a' has the id '1'");
  expect(error(R"({"a": -1})", ""), "the id '-1'");
  expect(error(R"({"a": 18446744073709551615})", ""), "the id '18446744073709551615'");
  expect(error(R"({"a": [[0]]})", ""), "the id '[[0]]'");
  expect(error(R"({"a": 1e999})", ""), "v.json: at byte 0, JSON: found a number beyond");
  expect(error(R"({"a b": 0})", ""), "token 'a b' holds characters that stand for no byte");
  expect(error(R"({"": 0})", ""), "token '' holds");
  expect(error(v, "a b\nab  c\n"), "m.txt: at byte 4, line 2: found 'ab  c', expected two tokens");
  expect(error(v, "a b\nabc\n"), "m.txt: at byte 4, line 2: found 'abc'");
  expect(error(v, "a b\na c\n"), "line 2: found 'ac', expected a token of v.json");
  expect(error(v, "a b\nab d\n"), "line 2: found 'd', expected a token of v.json");
  expect(error(v, "a b\nab c\na b\n"), "line 3: found 'a b' again");
  expect(error(v, "a b\n"), "m.txt: ends after 1 lines, but no merge makes the token 'abc'");
}

TEST(Text, TheTrainingPartIsNineTenthsOfTheCharacters) {
  const TempFolder folder;
  std::string text;
  for (int i = 0; i < 1000; ++i) text += i < 900 ? (i % 3 ? "é" : "a") : "zx";
  write_raw(folder / "t", text);  // 1,100 characters: 990 for training, 90 "zx" in it
  const DataSource chars = load_dataset("text:" + (folder / "t"), {.block_size = 8});
  EXPECT_EQ(dynamic_cast<const TextDataset&>(*chars.train).tokens(), 990);
  EXPECT_EQ(dynamic_cast<const TextDataset&>(*chars.test).tokens(), 110);
  DataOptions options{.block_size = 8, .tokenizer = "bpe"};
  options.vocab_size = 260;
  const DataSource pairs = load_dataset("text:" + (folder / "t"), options);
  EXPECT_EQ(pairs.classes, 260);
  // Only the training part is learnt from: there "zx" is as rare as 45 of 990 characters.
  const BpeTokenizer alone = BpeTokenizer::train(text.substr(0, text.find('z') + 90), 260);
  const auto& t = dynamic_cast<const BpeTokenizer&>(*pairs.tokenizer);
  for (int64_t i = 256; i < 260; ++i) EXPECT_EQ(t.text(i), alone.text(i));
  // A tokenizer from a folder: here one that lacks a character of the text.
  CharTokenizer::train("aéz").save(folder / "tokens");
  options.tokenizer = folder / "tokens";
  EXPECT_NE(io_error([&] {
              load_dataset("text:" + (folder / "t"), options);
            }).find("does not fit its tokenizer: tokenizer: 'x'"),
            std::string::npos);
}

TEST(Text, TheNovelShips) {
  EXPECT_TRUE(has_dataset("persuasion"));
  const DataSource d = load_dataset("persuasion");
  EXPECT_EQ(d.classes, 75);
  EXPECT_EQ(dynamic_cast<const TextDataset&>(*d.train).tokens(), 466854 * 9 / 10);
}

}  // namespace
}  // namespace tinytorch::data
