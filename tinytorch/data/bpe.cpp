#include "tinytorch/data/bpe.h"

#include <algorithm>
#include <queue>

#include "tinytorch/core/format.h"
#include "tinytorch/data/unicode.h"

namespace tinytorch::data {

namespace {

struct Character {
  size_t length = 0;  // bytes; 0 at the end of the text
  CharKind kind = CharKind::kOther;
};

Character character(std::string_view text) {
  if (text.empty()) return {};
  const size_t length = utf8_length(text);
  if (length == 0) return {1, CharKind::kOther};
  return {length, char_kind(code_point(text, length))};
}

// Bytes of the characters of one kind at the start of a text, and how many the last of them takes.
struct Run {
  size_t length = 0, last = 0;
};
Run run_of(CharKind kind, std::string_view text) {
  Run run;
  for (Character c = character(text); c.length > 0 && c.kind == kind;
       c = character(text.substr(run.length))) {
    run.length += c.length;
    run.last = c.length;
  }
  return run;
}

}  // namespace

size_t first_word(std::string_view text) {
  for (const std::string_view contraction : {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"})
    if (text.starts_with(contraction)) return contraction.size();
  const size_t space = text.front() == ' ' ? 1 : 0;
  const Character first = character(text.substr(space));
  if (first.length > 0 && first.kind != CharKind::kSpace)
    return space + run_of(first.kind, text.substr(space)).length;
  // White space. Its last character goes with what follows, if anything does.
  const Run run = run_of(CharKind::kSpace, text);
  const bool alone = run.length == text.size() || run.length == run.last;
  return alone ? run.length : run.length - run.last;
}

void BpeTokenizer::add_merge(int32_t left, int32_t right, int32_t result) {
  ranks_.emplace(pair_key(left, right), static_cast<int32_t>(merges_.size()));
  merges_.push_back({left, right, result});
}

int32_t BpeTokenizer::rank(int32_t left, int32_t right) const {
  const auto found = ranks_.find(pair_key(left, right));
  return found == ranks_.end() ? -1 : found->second;
}

// A queue of the pairs that can be merged and a linked list of the symbols: n log n for a word of n
// bytes, which may be a whole file.
void BpeTokenizer::encode_word(std::string_view word, std::vector<int32_t>& out) const {
  struct Symbol {
    int32_t token, before, after;  // neighbours by index; -1 at the ends
  };
  struct Candidate {
    int32_t rank, at;  // the index of the left symbol
    bool operator>(const Candidate& o) const { return rank != o.rank ? rank > o.rank : at > o.at; }
  };
  std::vector<Symbol> symbols;
  const auto size = static_cast<int32_t>(word.size());
  for (int32_t i = 0; i < size; ++i) {
    const auto byte = static_cast<unsigned char>(word[static_cast<size_t>(i)]);
    if (byte_token_[byte] < 0)
      raise<IndexError>("tokenizer: the vocabulary lacks the byte 0x{:02x} of {}.", byte,
                        printable(word));
    symbols.push_back({byte_token_[byte], i - 1, i + 1 < size ? i + 1 : -1});
  }
  std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> queue;
  // Pairs that a round makes wait for its end: GPT-2 merges one pair everywhere before it looks for
  // the next.
  std::vector<Candidate> made;
  const auto symbol = [&](int32_t i) -> Symbol& { return symbols[static_cast<size_t>(i)]; };
  const auto rank_at = [&](int32_t left) {
    if (left < 0 || symbol(left).after < 0) return -1;
    return rank(symbol(left).token, symbol(symbol(left).after).token);
  };
  const auto consider = [&](int32_t left) {
    if (const int32_t found = rank_at(left); found >= 0) made.push_back({found, left});
  };
  for (int32_t i = 0; i < size; ++i) consider(i);
  int32_t round = -1;
  while (!made.empty() || !queue.empty()) {
    if (queue.empty() || queue.top().rank != round) {
      for (const Candidate& c : made) queue.push(c);
      made.clear();
      round = queue.top().rank;
    }
    const Candidate best = queue.top();
    queue.pop();
    // Earlier merges may have changed the pair or taken its left symbol away.
    if (symbol(best.at).token < 0 || rank_at(best.at) != best.rank) continue;
    Symbol& left = symbol(best.at);
    Symbol& right = symbol(left.after);
    left.token = merges_[static_cast<size_t>(best.rank)].result;
    left.after = right.after;
    if (left.after >= 0) symbol(left.after).before = best.at;
    right.token = -1;
    consider(left.before);
    consider(best.at);
  }
  for (int32_t i = size > 0 ? 0 : -1; i >= 0; i = symbol(i).after) out.push_back(symbol(i).token);
}

std::vector<int32_t> BpeTokenizer::encode(std::string_view text) const {
  struct Range {
    size_t begin, count;
  };
  std::vector<int32_t> out;
  std::unordered_map<std::string_view, Range> known;  // words come again
  while (!text.empty()) {
    const std::string_view word = text.substr(0, first_word(text));
    text.remove_prefix(word.size());
    const auto [found, is_new] = known.try_emplace(word, Range{out.size(), 0});
    if (is_new) {
      encode_word(word, out);
      found->second.count = out.size() - found->second.begin;
    } else {
      for (size_t i = 0; i < found->second.count; ++i) out.push_back(out[found->second.begin + i]);
    }
  }
  return out;
}

const std::string& BpeTokenizer::text(int64_t token) const {
  if (token < 0 || token >= size())
    raise<IndexError>("tokenizer: token {} is not in 0 to {}.", token, size() - 1);
  return tokens_[static_cast<size_t>(token)];
}

}  // namespace tinytorch::data
