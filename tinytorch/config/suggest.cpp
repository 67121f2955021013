#include "tinytorch/config/suggest.h"

#include <algorithm>
#include <cctype>

namespace tinytorch {

namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

// Optimal string alignment: insertions, deletions, substitutions and swaps of neighbours.
int edit_distance(const std::string& a, const std::string& b) {
  const size_t n = b.size();
  std::vector<int> before(n + 1), previous(n + 1), row(n + 1);
  for (size_t j = 0; j <= n; ++j) previous[j] = static_cast<int>(j);
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = static_cast<int>(i);
    for (size_t j = 1; j <= n; ++j) {
      const int cost = a[i - 1] != b[j - 1];
      row[j] = std::min({previous[j] + 1, row[j - 1] + 1, previous[j - 1] + cost});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], before[j - 2] + 1);
    }
    std::swap(before, previous);
    std::swap(previous, row);
  }
  return previous[n];
}

// The first letters of the words of "learning_rate": "lr".
std::string initials(const std::string& text) {
  std::string out;
  bool start = true;
  for (const char c : text) {
    const bool letter = std::isalnum(static_cast<unsigned char>(c)) != 0;
    if (letter && start) out += c;
    start = !letter;
  }
  return out;
}

int distance(const std::string& a, const std::string& b) {
  const int edits = edit_distance(a, b);
  if (a.size() > 1 && b.size() > 1) {
    if (initials(a) == b || initials(b) == a) return std::min(edits, 1);
    if (a.size() > 2 && b.size() > 2 &&
        (a.find(b) != std::string::npos || b.find(a) != std::string::npos))
      return std::min(edits, 2);
  }
  return edits;
}

}  // namespace

std::string nearest_name(std::string_view name, const std::vector<std::string>& known) {
  const std::string wanted = lower(name);
  std::string best;
  int best_distance = -1;
  for (const std::string& candidate : known) {
    const int d = distance(wanted, lower(candidate));
    if (best_distance < 0 || d < best_distance) {
      best_distance = d;
      best = candidate;
    }
  }
  return best;
}

bool resembles(std::string_view name, std::string_view other) {
  return distance(lower(name), lower(other)) <= (std::min(name.size(), other.size()) < 5 ? 1 : 2);
}

}  // namespace tinytorch
