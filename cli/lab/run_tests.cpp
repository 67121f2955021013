// Runs a module's tests (modules/harness/main.cpp is the other side) and reads crashes.
#include <fmt/format.h>

#include <csignal>
#include <cstring>
#include <regex>
#include <sstream>

#include "cli/lab/judge.h"
#include "cli/lab/process.h"

namespace tinytorch::lab {

namespace {

constexpr int kLimitMs = 10'000;  // of one test

// The harness' report, as far as it has come.
struct Report {
  std::vector<TestResult> done;
  std::string running;  // the test that has begun and not ended
  std::string text;     // not read yet

  void take(const std::string& more) {
    text += more;
    while (read_one()) {
    }
  }

 private:
  bool read_one() {
    const size_t newline = text.find('\n');
    if (newline == std::string::npos) return false;
    std::istringstream line(text.substr(0, newline));
    std::string word, name, state;
    line >> word >> name;
    size_t bytes = 0;
    if (word == "begin") {
      running = name;
    } else {
      TestResult result;
      line >> state >> result.milliseconds >> bytes;
      if (text.size() < newline + 1 + bytes) return false;
      result.name = name;
      result.state = state == "pass" ? "PASS" : state == "todo" ? "TODO" : "FAIL";
      result.text = text.substr(newline + 1, bytes);
      done.push_back(result);
      running.clear();
    }
    text.erase(0, newline + 1 + bytes);
    return true;
  }
};

std::string last_lines(const std::string& text, size_t count) {
  size_t at = text.size();
  for (size_t i = 0; i <= count && at != std::string::npos && at > 0; ++i)
    at = text.rfind('\n', at - 1);
  return at == std::string::npos || at == 0 ? text : text.substr(at + 1);
}

// What a sanitizer or the runtime said when the process died, with the student's file and line.
TestResult explain(const std::string& name, const Outcome& outcome) {
  static const std::regex kUndefined("(modules/[^ \n:]+:[0-9]+):[0-9]+: runtime error: ([^\n]+)");
  static const std::regex kAddress("ERROR: AddressSanitizer: ([^ \n]+)");
  static const std::regex kAccess("\n(READ|WRITE) of size ([0-9]+)");
  static const std::regex kFrame("#[0-9]+ 0x[0-9a-f]+ in [^\n]*?(modules/[^ \n:]+\\.cpp:[0-9]+)");
  static const std::regex kThrown(
      "instance of 'tinytorch::NotImplemented'\n *what\\(\\): *([^\n]*)");
  const std::string& text = outcome.output;
  std::smatch match, more;
  if (std::regex_search(text, match, kThrown)) return {name, "TODO", match[1], 0};
  if (std::regex_search(text, match, kUndefined))
    return {name, "CRASH", fmt::format("{}: {}", match[1].str(), match[2].str()), 0};
  if (std::regex_search(text, match, kAddress)) {
    std::string why = match[1];
    if (std::regex_search(text, more, kAccess))
      why += fmt::format(", a {} of {} bytes", more[1] == "READ" ? "read" : "write", more[2].str());
    if (std::regex_search(text, more, kFrame)) why = more[1].str() + ": " + why;
    return {name, "CRASH", why, 0};
  }
  const std::string how =
      outcome.signal ? fmt::format("it died of {}", strsignal(outcome.signal))
                     : fmt::format("it left with exit code {} in the middle", outcome.code);
  return {name, "CRASH", how + (text.empty() ? "" : ":\n" + last_lines(text, 10)), 0};
}

}  // namespace

std::vector<TestResult> run_tests(const std::string& program, const std::string& folder,
                                  std::vector<std::string> names) {
  std::vector<TestResult> results;
  while (!names.empty()) {
    Report report;
    std::vector<std::string> words = {program, "--report", "3"};
    words.insert(words.end(), names.begin(), names.end());
    const Outcome outcome = run({words,
                                 folder,
                                 {"UBSAN_OPTIONS=print_stacktrace=0", "TINYTORCH_KERNELS="},
                                 [&](const std::string& more) {
                                   report.take(more);
                                   return kLimitMs;
                                 }});
    results.insert(results.end(), report.done.begin(), report.done.end());
    for (const TestResult& test : report.done) std::erase(names, test.name);
    const bool ended = report.running.empty() && outcome.signal == 0 && outcome.code <= 1;
    if (ended && !report.done.empty()) {
      for (const std::string& name : names)
        results.push_back({name, "FAIL", "there is no test of this name", 0});
      break;
    }
    if (names.empty()) break;
    // It died: in the test that runs, or before the first one.
    const std::string name = report.running.empty() ? names.front() : report.running;
    if (outcome.signal == SIGKILL)
      results.push_back({name, "FAIL",
                         fmt::format("it ran longer than {} s. An endless loop?", kLimitMs / 1000),
                         kLimitMs});
    else
      results.push_back(explain(name, outcome));
    std::erase(names, name);
  }
  return results;
}

}  // namespace tinytorch::lab
