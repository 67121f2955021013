// Runs the tests named on the command line, or all. With `--report FD` it writes to that descriptor
//   begin NAME
//   end NAME pass|fail|todo MILLISECONDS BYTES, then so many bytes of text
// for each, and `--list` only names them; who reads that sees from a missing end where the process
// died.
#include <chrono>
#include <cstdio>
#include <cstring>
#include <exception>

#include "modules/harness/check.h"
#include "modules/harness/lab_settings.h"
#include "modules/harness/report.h"
#include "tinytorch/core/error.h"

// Leaks are counted by the tests themselves; under a debugger that search would be an error.
extern "C" const char* __asan_default_options() {
  return "detect_leaks=0:detect_stack_use_after_return=1";
}

namespace tinytorch::check {

namespace {

struct Outcome {
  const char* status;
  std::string text;
};

Outcome run_body(const Test& test) {
  try {
    test.run();
    return {"pass", ""};
  } catch (const Failure& failure) {
    return {"fail", failure.text};
  } catch (const NotImplemented& e) {
    return {"todo", e.what()};
  } catch (const std::exception& e) {
    return {"fail", std::string("it raised an error: ") + e.what()};
  } catch (...) {
    return {"fail", "it threw something that is no std::exception"};
  }
}

// What a destructor met of unwritten tasks counts more than what came of it.
Outcome run(const Test& test) {
  take_not_implemented();
  const Outcome outcome = run_body(test);
  if (const char* note = take_not_implemented()) return {"todo", note};
  return outcome;
}

bool run_and_report(const Test& test, int fd) {
  if (fd >= 0) write_all(fd, std::string("begin ") + test.name + "\n");
  const auto start = std::chrono::steady_clock::now();
  const Outcome outcome = run(test);
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::steady_clock::now() - start);
  std::fflush(stdout);
  if (fd >= 0)
    write_all(fd, std::string("end ") + test.name + " " + outcome.status + " " +
                      std::to_string(ms.count()) + " " + std::to_string(outcome.text.size()) +
                      "\n" + outcome.text);
  else
    std::printf("%s  %s\n%s", outcome.status, test.name,
                outcome.text.empty() ? "" : (outcome.text + "\n").c_str());
  return std::strcmp(outcome.status, "pass") == 0;
}

int run_all(int argc, char** argv) {
  if (argc > 1 && std::strcmp(argv[1], "--list") == 0) {
    for (const Test& test : all_tests()) std::printf("%s\n", test.name);
    return 0;
  }
  int first = 1;
  const int fd = report_descriptor(argc, argv, first);
  lab_settings();
  int failed = 0, ran = 0;
  for (const Test& test : all_tests()) {
    bool wanted = first == argc;
    for (int i = first; i < argc; ++i) wanted = wanted || std::strcmp(argv[i], test.name) == 0;
    if (!wanted) continue;
    ++ran;
    failed += run_and_report(test, fd) ? 0 : 1;
  }
  if (fd < 0) std::printf("%d tests, %d not passed\n", ran, failed);
  return failed == 0 && ran > 0 ? 0 : 1;
}

}  // namespace

}  // namespace tinytorch::check

int main(int argc, char** argv) {
  return tinytorch::check::run_all(argc, argv);
}
