#pragma once
// Running another program.
#include <functional>
#include <memory>
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

// A program to talk with: what is sent comes in at its standard input, what it writes to descriptor
// 3 comes back. It lives no longer than this object.
class Session {
 public:
  explicit Session(const Program& program);  // its reader is not used
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session();

  // False: it reads no more.
  bool send(const std::string& text);
  // Appends what comes until `to` is `enough`; false when the program ended before that, stayed
  // behind for `milliseconds`, or wrote more than `most` bytes.
  bool receive(std::string& to, const std::function<bool(const std::string&)>& enough,
               int milliseconds, size_t most = size_t{1} << 26);
  bool late() const { return late_; }  // the last receive waited in vain
  // Ends it, if it has not ended; the tail of its output, and how it ended by itself.
  Outcome finish();

 private:
  struct Pipes;
  std::unique_ptr<Pipes> pipes_;
  int child_ = -1;
  bool late_ = false;
  std::string output_;
};

// Runs it to its end; with a reader, one that stays silent too long is killed (signal SIGKILL).
Outcome run(const Program& program);

// Runs it on our own terminal to its end; the exit code.
int run_here(const std::vector<std::string>& words, const std::vector<std::string>& environment);

// Runs all of them, a few at a time.
std::vector<Outcome> run_all(const std::vector<Program>& programs);

// While it lives, processes that a program leaves behind become children of ours and are reaped
// when a program ends (they count against their user's limit until then, and not every process 1
// reaps); its end waits for the last of them. Killed they are with the program.
class Orphans {
 public:
  Orphans();
  Orphans(const Orphans&) = delete;
  Orphans& operator=(const Orphans&) = delete;
  ~Orphans();
};

}  // namespace tinytorch::lab
