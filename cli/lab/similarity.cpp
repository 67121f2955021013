// Winnowing (Schleimer, Wilkerson, Aiken: Winnowing: Local Algorithms for Document Fingerprinting,
// SIGMOD 2003): hashes of all runs of kGram tokens, of which the least of each window is kept. Any
// copy of kGram + kWindow - 1 tokens leaves a fingerprint in common.
#include <algorithm>
#include <deque>
#include <set>
#include <sstream>
#include <tuple>

#include "cli/lab/grade.h"
#include "cli/lab/region.h"

namespace tinytorch::lab {

namespace {

constexpr size_t kGram = 12, kWindow = 6;
constexpr size_t kLeast = 8;      // fewer fingerprints than these say nothing
constexpr double kNotable = 0.5;  // from this share on a pair is reported
constexpr size_t kMostPairs = 500;

uint64_t mix(uint64_t hash, uint64_t word) {
  return (hash ^ word) * 0x100000001b3U;
}

// A token's hash; names and numbers are all alike, because they are what is changed first.
uint64_t hash_of(const std::string& token) {
  static const std::set<std::string> kWords = {
      "for",    "while", "if",  "else",    "return", "const",    "auto",  "continue", "break",
      "double", "float", "int", "int64_t", "static", "template", "throw", "switch"};
  const auto letter = [](unsigned char c) { return std::isalnum(c) || c == '_'; };
  const bool name = letter(static_cast<unsigned char>(token[0])) && !kWords.contains(token);
  uint64_t hash = 0xcbf29ce484222325U;
  for (const char c :
       name ? std::string(std::isdigit(static_cast<unsigned char>(token[0])) ? "0" : "n") : token)
    hash = mix(hash, static_cast<unsigned char>(c));
  return hash;
}

std::set<uint64_t> fingerprints(const std::string& code) {
  std::vector<uint64_t> words, grams;
  std::istringstream text(tokens(code));
  for (std::string token; text >> token;) words.push_back(hash_of(token));
  for (size_t i = 0; i + kGram <= words.size(); ++i) {
    uint64_t hash = 0xcbf29ce484222325U;
    for (size_t j = 0; j < kGram; ++j) hash = mix(hash, words[i + j] >> 7);
    grams.push_back(hash);
  }
  std::set<uint64_t> kept;
  for (size_t i = 0; i + kWindow <= grams.size(); ++i)
    kept.insert(*std::min_element(grams.begin() + static_cast<std::ptrdiff_t>(i),
                                  grams.begin() + static_cast<std::ptrdiff_t>(i + kWindow)));
  return kept;
}

std::set<uint64_t> without(const std::set<uint64_t>& a, const std::set<uint64_t>& b) {
  std::set<uint64_t> rest;
  std::set_difference(a.begin(), a.end(), b.begin(), b.end(), std::inserter(rest, rest.end()));
  return rest;
}

// Of the smaller one's, how many the other one has.
double share(const std::set<uint64_t>& a, const std::set<uint64_t>& b) {
  const auto& small = a.size() < b.size() ? a : b;
  const auto& large = a.size() < b.size() ? b : a;
  if (small.size() < kLeast) return 0;
  const auto common = std::count_if(small.begin(), small.end(),
                                    [&](uint64_t print) { return large.contains(print); });
  return static_cast<double>(common) / static_cast<double>(small.size());
}

}  // namespace

std::vector<Similarity> compare(const std::vector<std::pair<std::string, std::string>>& texts,
                                const std::string& reference) {
  const std::set<uint64_t> known = fingerprints(reference);
  std::vector<std::set<uint64_t>> prints, own;
  for (const auto& [name, text] : texts) {
    prints.push_back(fingerprints(text));
    own.push_back(without(prints.back(), known));
  }
  std::vector<Similarity> pairs;
  for (size_t i = 0; i < texts.size(); ++i) {
    if (const double alike = share(prints[i], known); alike >= kNotable)
      pairs.push_back({texts[i].first, "", alike, 0});
    for (size_t j = i + 1; j < texts.size(); ++j) {
      Similarity pair{texts[i].first, texts[j].first, share(prints[i], prints[j]),
                      share(own[i], own[j])};
      if (pair.b < pair.a) std::swap(pair.a, pair.b);
      if (std::max(pair.share, pair.share_beside_reference) >= kNotable) pairs.push_back(pair);
    }
  }
  std::sort(pairs.begin(), pairs.end(), [](const Similarity& x, const Similarity& y) {
    return std::tuple(-x.share_beside_reference, -x.share, x.a, x.b) <
           std::tuple(-y.share_beside_reference, -y.share, y.a, y.b);
  });
  if (pairs.size() > kMostPairs) pairs.resize(kMostPairs);
  return pairs;
}

}  // namespace tinytorch::lab
