#pragma once
// What a module's tests are written with. A failing check says which value is wrong, what was
// expected, and why it probably went wrong: a test names the outcomes of plausible mistakes, and
// when the student's values are those of one, its cause is told.
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "tinytorch/core/shape.h"

namespace tinytorch::check {

// TASK_TEST(matmul_ikj, of_ragged_sizes) { ... } has the name "matmul_ikj.of_ragged_sizes", under
// which a task of module.toml lists it.
#define TASK_TEST(group, name)                                                                    \
  static void test_##group##_##name();                                                            \
  static const ::tinytorch::check::Registration register_##group##_##name(#group "." #name,       \
                                                                          test_##group##_##name); \
  static void test_##group##_##name()

struct Test {
  const char* name;
  void (*run)();
};
std::vector<Test>& all_tests();
struct Registration {
  Registration(const char* name, void (*run)()) { all_tests().push_back({name, run}); }
};

// Thrown by a check that fails; its text is what the student reads.
struct Failure {
  std::string text;
};

// What a plausible mistake gives instead of the expected values.
struct Mistake {
  std::vector<double> values;
  std::string cause;
};

struct Values {
  std::string what;              // "contiguous_strides([2, 3, 4])"
  std::vector<double> got;       // row-major
  std::vector<double> expected;  // from a reference that shares no code with the framework
  Shape shape = {};              // of both, for the index of the first wrong one; empty: a list
  double tolerance = 0;          // |got - expected| may reach tolerance * (1 + |expected|)
  std::string invariant = "";    // what the chapter says must hold
  std::vector<Mistake> mistakes = {};
};
void values(const Values& v);

// The condition holds, or the test fails with the text and its likely cause.
void that(bool condition, const std::string& text, const std::string& cause = "");

template <class Range>
std::vector<double> doubles(const Range& range) {
  std::vector<double> out;
  for (const auto& value : range) out.push_back(static_cast<double>(value));
  return out;
}

// Repeatable numbers in [-1, 1), from a generator of its own.
std::vector<float> numbers(size_t count, uint32_t seed);

}  // namespace tinytorch::check
