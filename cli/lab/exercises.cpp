#include "cli/lab/exercises.h"

#include <fmt/format.h>

#include <bit>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstring>
#include <sstream>

#include "tinytorch/core/error.h"

namespace tinytorch::lab {

namespace {

constexpr int kLimitMs = 5'000;  // of one answer; the reference needs some 10 ms at most

// The values of one Output::values call.
struct Block {
  double tolerance = 0;
  std::vector<double> values;
};

// False when the text is none that the harness writes.
bool read_blocks(const std::string& text, std::vector<Block>& blocks) {
  std::istringstream lines(text);
  std::string line;
  while (std::getline(lines, line)) {
    size_t count = 0;
    Block block;
    std::istringstream head(line);
    if (!(head >> count >> block.tolerance) || count > text.size()) return false;
    for (size_t i = 0; i < count; ++i) {
      if (!std::getline(lines, line) || line.size() != 16) return false;
      uint64_t bits = 0;
      if (std::sscanf(line.c_str(), "%16lx", &bits) != 1) return false;
      block.values.push_back(std::bit_cast<double>(bits));
    }
    blocks.push_back(std::move(block));
  }
  return true;
}

bool close(double got, double expected, double tolerance) {
  if (std::isnan(expected)) return std::isnan(got);
  return got == expected || std::abs(got - expected) <= tolerance * (1 + std::abs(expected));
}

std::string last_line(const std::string& text) {
  std::istringstream lines(text);
  std::string last;
  for (std::string line; std::getline(lines, line);)
    if (!line.empty()) last = line;
  return last.substr(0, 300);
}

std::string death(Outcome outcome) {
  // The program that made the sandbox passes a signal on as an exit code.
  if (outcome.signal == 0 && outcome.code > 128) outcome.signal = outcome.code - 128;
  if (outcome.signal == SIGSYS)
    return "it tried what code under grading may not do: open a file or socket, start a process, "
           "look into another one";
  const std::string said = last_line(outcome.output);
  const std::string how =
      outcome.signal == SIGXCPU || outcome.signal == SIGKILL
          ? "it was killed at the limit of time or memory"
      : outcome.signal ? fmt::format("it died of {}", strsignal(outcome.signal))
                       : fmt::format("it left with exit code {} in the middle", outcome.code);
  return said.empty() ? how : how + ": " + said;
}

}  // namespace

std::vector<Exercise> list_exercises(const std::string& program) {
  const Outcome listed = run({{program, "--list"}, "", {}, {}});
  if (listed.code != 0) throw IoError(program + ": does not list its exercises: " + listed.output);
  std::vector<Exercise> exercises;
  std::istringstream lines(listed.output);
  for (std::string name, task, kind; lines >> name >> task >> kind;)
    exercises.push_back({name, task, kind == "speed"});
  return exercises;
}

Answer Examinee::ask(const std::string& exercise, const std::string& bytes) {
  if (!session_) session_ = std::make_unique<Session>(program_);
  Answer answer;
  std::string reply;
  size_t head = std::string::npos, size = 0;
  char name[128] = "", state[16] = "";
  const auto complete = [&](const std::string& text) {
    if (head == std::string::npos) {
      head = text.find('\n');
      if (head == std::string::npos) return text.size() > 256;  // no head is that long
      if (std::sscanf(text.c_str(), "%127s %15s %zu", name, state, &size) != 3) size = 0;
    }
    return text.size() >= head + 1 + size;
  };
  const auto start = std::chrono::steady_clock::now();
  const bool sent = session_->send(fmt::format("{} {}\n", exercise, bytes.size()) + bytes);
  const bool told = sent && session_->receive(reply, complete, kLimitMs);
  answer.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (told && exercise == name && reply.size() == head + 1 + size) {
    answer.text = reply.substr(head + 1);
    const std::string word = state;
    answer.state = word == "ok"     ? Answer::State::kOk
                   : word == "todo" ? Answer::State::kTodo
                                    : Answer::State::kRaised;
    return answer;
  }
  const bool late = session_->late();
  const Outcome outcome = session_->finish();
  session_.reset();
  answer.text = late   ? fmt::format("no answer in {} s. An endless loop?", kLimitMs / 1000)
                : told ? "it answered something else than it was asked"
                       : death(outcome);
  return answer;
}

std::string difference(const Answer& reference, const Answer& answer) {
  using State = Answer::State;
  if (answer.state == State::kCrash || answer.state == State::kTodo) return answer.text;
  if (answer.state == State::kRaised)
    return reference.state == State::kRaised ? "" : "it raised an error: " + answer.text;
  if (reference.state == State::kRaised) return "an error was to be raised: " + reference.text;
  std::vector<Block> expected, got;
  read_blocks(reference.text, expected);
  if (!read_blocks(answer.text, got)) return "its answer cannot be read";
  size_t at = 0;
  for (size_t b = 0; b < expected.size(); ++b) {
    if (b >= got.size() || got[b].values.size() != expected[b].values.size())
      return fmt::format("{} values were to come in part {}, {} came", expected[b].values.size(),
                         b + 1, b < got.size() ? got[b].values.size() : 0);
    for (size_t i = 0; i < expected[b].values.size(); ++i, ++at)
      if (!close(got[b].values[i], expected[b].values[i], expected[b].tolerance))
        return fmt::format("value {}: expected {:.9g}, got {:.9g}", at, expected[b].values[i],
                           got[b].values[i]);
  }
  return got.size() == expected.size() ? "" : "more values came than were asked for";
}

}  // namespace tinytorch::lab
