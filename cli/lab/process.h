#pragma once
// Running another program.
#include <functional>
#include <string>
#include <vector>

namespace tinytorch::lab {

struct Outcome {
  int code = 0;        // exit code; 128 + signal where one ended it
  int signal = 0;      // 0: it left by itself
  std::string output;  // what it wrote to standard output and error
};

struct Program {
  std::vector<std::string> words;        // the first is the program, looked up on PATH
  std::string folder;                    // where it runs; empty: here
  std::vector<std::string> environment;  // "NAME=VALUE", beside our own
  // With a reader, descriptor 3 of the program is a pipe whose text the reader gets as it comes.
  // The reader gives the milliseconds that the program may stay silent, counted from now.
  std::function<int(const std::string&)> reader;
};

// Runs it to its end; with a reader, one that stays silent too long is killed (signal SIGKILL).
Outcome run(const Program& program);

// Runs it on our own terminal to its end; the exit code.
int run_here(const std::vector<std::string>& words, const std::vector<std::string>& environment);

// Runs all of them, a few at a time.
std::vector<Outcome> run_all(const std::vector<Program>& programs);

}  // namespace tinytorch::lab
