// Runs the tests named on the command line, or all. With `--report FD` it writes to that descriptor
//   begin NAME
//   end NAME pass|fail|todo MILLISECONDS BYTES, then so many bytes of text
// for each; who reads that sees from a missing end where the process died.
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>

#include "modules/harness/check.h"
#include "tinytorch/core/error.h"
#include "tinytorch/kernels/registry.h"
#include "tinytorch/nn/module.h"

namespace tinytorch::check {

namespace {

struct Outcome {
  const char* status;
  std::string text;
};

Outcome run(const Test& test) {
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

void report(int fd, const std::string& text) {
  for (size_t done = 0; fd >= 0 && done < text.size();) {
    const ssize_t n = write(fd, text.data() + done, text.size() - done);
    if (n <= 0) std::_Exit(3);
    done += static_cast<size_t>(n);
  }
}

bool run_and_report(const Test& test, int fd) {
  report(fd, std::string("begin ") + test.name + "\n");
  const auto start = std::chrono::steady_clock::now();
  const Outcome outcome = run(test);
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::steady_clock::now() - start);
  std::fflush(stdout);
  report(fd, std::string("end ") + test.name + " " + outcome.status + " " +
                 std::to_string(ms.count()) + " " + std::to_string(outcome.text.size()) + "\n" +
                 outcome.text);
  if (fd < 0)
    std::printf("%s  %s\n%s", outcome.status, test.name,
                outcome.text.empty() ? "" : (outcome.text + "\n").c_str());
  return std::strcmp(outcome.status, "pass") == 0;
}

// What runs in a lab is what was written: no fused kernels, and the readable variant of each.
void lab_settings() {
  nn::set_fusion(false);
  for (kernels::KernelBase* kernel : kernels::all_kernels()) kernel->select(kernel->find("loops"));
}

int run_all(int argc, char** argv) {
  int fd = -1, first = 1;
  if (argc > 2 && std::strcmp(argv[1], "--report") == 0) {
    fd = std::atoi(argv[2]);
    first = 3;
  }
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
