#include "modules/harness/check.h"

#include <cmath>
#include <cstdio>

namespace tinytorch::check {

namespace {

std::string text_of(double value) {
  if (std::isnan(value)) return "nan";  // its sign says nothing
  char text[32];
  std::snprintf(text, sizeof text, "%.9g", value);
  return text;
}

std::string index_text(size_t flat, const Shape& shape) {
  std::string text = "[";
  if (shape.rank() == 0) text += std::to_string(flat);
  auto rest = static_cast<int64_t>(flat);
  int64_t below = shape.product();  // elements that one step of the index skips
  for (int d = 0; d < shape.rank(); ++d) {
    below /= shape[d];
    if (d > 0) text += ", ";
    text += std::to_string(rest / below);
    rest %= below;
  }
  text += "]";
  return text;
}

bool close(double got, double expected, double tolerance) {
  if (std::isnan(expected)) return std::isnan(got);
  return got == expected || std::abs(got - expected) <= tolerance * (1 + std::abs(expected));
}

bool same(const std::vector<double>& got, const std::vector<double>& want, double tolerance) {
  if (got.size() != want.size()) return false;
  for (size_t i = 0; i < got.size(); ++i)
    if (!close(got[i], want[i], tolerance)) return false;
  return true;
}

std::string likely_cause(const Values& v) {
  for (const Mistake& mistake : v.mistakes)
    if (same(v.got, mistake.values, v.tolerance)) return mistake.cause;
  return "";
}

[[noreturn]] void fail(std::string text, const std::string& invariant, const std::string& cause) {
  if (!invariant.empty()) text += "\ninvariant: " + invariant;
  if (!cause.empty()) text += "\nlikely cause: " + cause;
  throw Failure{text};
}

}  // namespace

std::vector<Test>& all_tests() {
  static std::vector<Test> tests;
  return tests;
}

void values(const Values& v) {
  if (v.got.size() != v.expected.size())
    fail(v.what + ": expected " + std::to_string(v.expected.size()) + " values, got " +
             std::to_string(v.got.size()),
         v.invariant, likely_cause(v));
  size_t wrong = 0, first = 0;
  for (size_t i = v.got.size(); i-- > 0;)
    if (!close(v.got[i], v.expected[i], v.tolerance)) ++wrong, first = i;
  if (wrong == 0) return;
  std::string text = v.what + ": first wrong at " + index_text(first, v.shape) + ": expected " +
                     text_of(v.expected[first]) + ", got " + text_of(v.got[first]) + " (" +
                     std::to_string(wrong) + " of " + std::to_string(v.got.size()) + " wrong";
  if (v.shape.rank() > 0) text += ", shape " + v.shape.str();
  fail(text + ")", v.invariant, likely_cause(v));
}

void that(bool condition, const std::string& text, const std::string& cause) {
  if (!condition) fail(text, "", cause);
}

std::vector<float> numbers(size_t count, uint32_t seed) {
  std::vector<float> out(count);
  uint32_t state = seed * 2654435761U + 1;
  for (float& value : out) {
    state = state * 1664525U + 1013904223U;
    value = static_cast<float>(static_cast<int32_t>(state) >> 8) / 8388608.0F;
  }
  return out;
}

}  // namespace tinytorch::check
