// Training: the most frequent pair, merged in the words that hold it, again and again.
#include <algorithm>
#include <queue>
#include <unordered_set>

#include "tinytorch/core/format.h"
#include "tinytorch/data/bpe.h"

namespace tinytorch::data {

namespace {

struct Word {
  std::vector<int32_t> tokens;
  int64_t count = 0;
};

struct Pair {
  int64_t count;
  uint64_t key;
  bool operator<(const Pair& o) const { return count != o.count ? count < o.count : key > o.key; }
};

// How often each pair of neighbours occurs, kept up to date merge by merge.
class Pairs {
 public:
  explicit Pairs(std::vector<Word> words) : words_(std::move(words)) {
    for (size_t w = 0; w < words_.size(); ++w) {
      const std::vector<int32_t>& t = words_[w].tokens;
      for (size_t i = 1; i < t.size(); ++i) add(pair_key(t[i - 1], t[i]), words_[w].count, w);
    }
    for (const auto& [key, place] : places_) queue_.push({place.count, key});
  }

  // The most frequent pair, which leaves the queue; its count is 0 when there is none.
  Pair take_best() {
    while (!queue_.empty()) {
      const Pair best = queue_.top();
      queue_.pop();
      const int64_t count = places_[best.key].count;  // merges may have taken some away since
      if (count == best.count) return best;
      if (count > 0 && count < best.count) queue_.push({count, best.key});
    }
    return {0, 0};
  }

  void merge(uint64_t pair, int32_t result) {
    const std::vector<size_t> words = std::move(places_[pair].words);
    for (const size_t w : words) merge_in(w, pair, result);
    places_.erase(pair);
    for (const uint64_t key : grown_) queue_.push({places_[key].count, key});
    grown_.clear();
  }

 private:
  struct Place {
    int64_t count = 0;
    std::vector<size_t> words;  // that hold the pair, or did; some twice
  };

  void add(uint64_t key, int64_t count, size_t word) {
    Place& place = places_[key];
    place.count += count;
    if (place.words.empty() || place.words.back() != word) place.words.push_back(word);
  }
  void remove(uint64_t key, int64_t count) { places_[key].count -= count; }

  void merge_in(size_t w, uint64_t pair, int32_t result) {
    std::vector<int32_t>& t = words_[w].tokens;
    const int64_t n = words_[w].count;
    const auto grow = [&](uint64_t key) {
      add(key, n, w);
      grown_.insert(key);
    };
    size_t out = 0;
    for (size_t i = 0; i < t.size();) {
      if (i + 1 == t.size() || pair_key(t[i], t[i + 1]) != pair) {
        t[out++] = t[i++];
        continue;
      }
      remove(pair, n);
      if (out > 0) {
        remove(pair_key(t[out - 1], t[i]), n);
        grow(pair_key(t[out - 1], result));
      }
      if (i + 2 < t.size()) {
        remove(pair_key(t[i + 1], t[i + 2]), n);
        grow(pair_key(result, t[i + 2]));
      }
      t[out++] = result;
      i += 2;
    }
    t.resize(out);
  }

  std::vector<Word> words_;
  std::unordered_map<uint64_t, Place> places_;
  std::priority_queue<Pair> queue_;
  std::unordered_set<uint64_t> grown_;  // by the merge that is going on
};

// The different words of a text as bytes, in the order in which they first come.
std::vector<Word> count_words(std::string_view text, const std::array<int32_t, 256>& byte_token) {
  std::vector<Word> words;
  std::unordered_map<std::string_view, size_t> index;
  while (!text.empty()) {
    const std::string_view word = text.substr(0, first_word(text));
    text.remove_prefix(word.size());
    const auto [found, is_new] = index.try_emplace(word, words.size());
    if (is_new) {
      words.emplace_back();
      for (const char c : word)
        words.back().tokens.push_back(byte_token[static_cast<unsigned char>(c)]);
    }
    ++words[found->second].count;
  }
  return words;
}

}  // namespace

BpeTokenizer BpeTokenizer::train(std::string_view text, int64_t vocab_size) {
  constexpr int64_t kBytes = 256;
  if (vocab_size < kBytes)
    raise<ConfigError>("BpeTokenizer: vocab_size {} must be at least 256: the bytes.", vocab_size);
  BpeTokenizer out;
  // GPT-2 numbers the bytes as their printable characters are ordered.
  std::vector<std::pair<std::string, int>> bytes;
  bytes.reserve(kBytes);
  for (int byte = 0; byte < kBytes; ++byte)
    bytes.emplace_back(printable_bytes(std::string(1, static_cast<char>(byte))), byte);
  std::sort(bytes.begin(), bytes.end());
  for (const auto& [name, byte] : bytes) {
    out.byte_token_[static_cast<size_t>(byte)] = static_cast<int32_t>(out.tokens_.size());
    out.tokens_.emplace_back(1, static_cast<char>(byte));
  }
  Pairs pairs(count_words(text, out.byte_token_));
  std::unordered_set<std::string> known;
  while (out.size() < vocab_size) {
    const Pair best = pairs.take_best();
    if (best.count < 2) break;
    const auto left = static_cast<int32_t>(best.key >> 32), right = static_cast<int32_t>(best.key);
    std::string joined = out.text(left) + out.text(right);
    if (!known.insert(joined).second) continue;  // made of other parts before: one way a token
    const auto result = static_cast<int32_t>(out.size());
    out.tokens_.push_back(std::move(joined));
    out.add_merge(left, right, result);
    pairs.merge(best.key, result);
  }
  return out;
}

}  // namespace tinytorch::data
