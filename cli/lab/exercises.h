#pragma once
// Talks with the programs of grade/*.cpp (modules/harness/exercise.cpp is the other side). The
// process that holds a student's code only answers; what an answer is worth is found out here.
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cli/lab/process.h"

namespace tinytorch::lab {

struct Exercise {
  std::string name, task;
  bool speed = false;
};

// What a program of grade/ offers. IoError when it does not tell.
std::vector<Exercise> list_exercises(const std::string& program);

struct Answer {
  enum class State { kOk, kTodo, kRaised, kCrash } state = State::kCrash;
  std::string text;    // the values; else why there are none
  double seconds = 0;  // from the question to the answer
};

// One program under examination; it is started anew where it died.
class Examinee {
 public:
  explicit Examinee(Program program) : program_(std::move(program)) {}
  Answer ask(const std::string& exercise, const std::string& bytes);

 private:
  Program program_;
  std::unique_ptr<Session> session_;
};

// Why `answer` is not what the reference gave, for the student; empty when it is.
std::string difference(const Answer& reference, const Answer& answer);

}  // namespace tinytorch::lab
