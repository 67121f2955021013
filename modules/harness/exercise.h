#pragma once
// What grades are made from: grade/*.cpp of a module's folder. An exercise draws its inputs from
// random bytes, runs the student's code on them, and puts out what came of it. It knows no right
// answer: `tito grade` sends the same bytes to the same exercise on the reference and compares.
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "tinytorch/core/shape.h"

namespace tinytorch::exercise {

// Inputs from the grader's bytes; the same bytes give the same inputs in every build.
class Input {
 public:
  explicit Input(std::span<const uint8_t> bytes) : bytes_(bytes) {}
  int64_t integer(int64_t least, int64_t most);  // both may come
  bool flag() { return integer(0, 1) == 1; }
  std::vector<float> floats(int64_t count);                       // in [-1, 1)
  std::vector<double> doubles(int64_t count);                     // in [-1, 1)
  Shape shape(int least_rank, int most_rank, int64_t most_size);  // sizes from 1

 private:
  uint64_t next();
  std::span<const uint8_t> bytes_;
  size_t at_ = 0;
  uint64_t state_ = 0;  // goes on where the bytes end
};

// What the code gave. A value may differ from the reference's by tolerance * (1 + |reference|).
class Output {
 public:
  void value(double value, double tolerance = 0) { values({&value, 1}, tolerance); }
  void values(std::span<const double> values, double tolerance = 0);
  template <class Range>
  void all(const Range& range, double tolerance = 0) {
    std::vector<double> list;
    for (const auto& each : range) list.push_back(static_cast<double>(each));
    values(list, tolerance);
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

// EXERCISE(strides, "1.5") { const Shape s = in.shape(0, 4, 9); out.all(contiguous_strides(s)); }
// belongs to task 1.5. A task may have several; each is run on many inputs.
#define EXERCISE(name, task) TINYTORCH_EXERCISE(name, task, false)

// SPEED(blocked_512, "2.3") { ... } is an exercise whose time counts too, beside the reference's in
// the same run (the task's `speed` points). It takes some 10 ms, almost all of them in the
// student's code, and puts out enough of the result to show that it was computed.
#define SPEED(name, task) TINYTORCH_EXERCISE(name, task, true)

#define TINYTORCH_EXERCISE(name, task, speed)                                    \
  static void exercise_##name(::tinytorch::exercise::Input& in,                  \
                              ::tinytorch::exercise::Output& out);               \
  static const ::tinytorch::exercise::Registration register_exercise_##name(     \
      {#name, task, exercise_##name, speed});                                    \
  static void exercise_##name([[maybe_unused]] ::tinytorch::exercise::Input& in, \
                              [[maybe_unused]] ::tinytorch::exercise::Output& out)

struct Exercise {
  const char* name;
  const char* task;
  void (*run)(Input&, Output&);
  bool speed;
};
std::vector<Exercise>& all_exercises();
struct Registration {
  explicit Registration(const Exercise& exercise) { all_exercises().push_back(exercise); }
};

}  // namespace tinytorch::exercise
