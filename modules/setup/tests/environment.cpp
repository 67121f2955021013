// Task 0.9: what a report must say about where its numbers come from.
#include <stdlib.h>
#include <sys/utsname.h>

#include <map>

#include "modules/setup/tests/invariants.h"
#include "tinytorch/core/cpu.h"
#include "tinytorch/core/parallel.h"
#include "tinytorch/core/utils.h"

namespace tinytorch::check {

namespace {

// A variable of the environment for as long as a test runs.
class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) {
    if (const char* old = getenv(name)) old_ = old, had_ = true;
    if (value)
      setenv(name, value, 1);
    else
      unsetenv(name);
  }
  ~Variable() {
    if (had_)
      setenv(name_, old_.c_str(), 1);
    else
      unsetenv(name_);
  }

 private:
  const char* name_;
  std::string old_;
  bool had_ = false;
};

using Entries = std::vector<std::pair<std::string, std::string>>;

std::string names_of(const Entries& entries) {
  std::string text;
  for (const auto& [name, value] : entries) text += (text.empty() ? "" : " ") + name;
  return text;
}

void expect_entry(const Entries& entries, const std::string& name, const std::string& wanted,
                  const std::string& cause) {
  for (const auto& [each, value] : entries)
    if (each == name)
      return holds(value == wanted, name + " is '" + value + "', expected '" + wanted + "'",
                   invariant::kReport, cause);
  holds(false, name + " is missing", invariant::kReport, "the contract names every entry");
}

}  // namespace

TASK_TEST(environment, names_in_their_order) {
  const Variable threads("TINYTORCH_NUM_THREADS", nullptr), isa("TINYTORCH_ISA", nullptr),
      kernels("TINYTORCH_KERNELS", nullptr);
  const Entries entries = environment();
  const std::string names = names_of(entries);
  const std::string wanted =
      "cpu cores threads isa l1 l2 l3 memory huge_pages system compiler build";
  holds(names == wanted, "the entries are: " + names, invariant::kReport,
        names.find("TINYTORCH") != std::string::npos ? "a variable that is not set has no entry"
                                                     : "expected, in this order: " + wanted);
  for (const auto& [name, value] : entries)
    holds(!value.empty(), name + " has no value", invariant::kReport,
          "what the system does not tell is \"unknown\"");
}

TASK_TEST(environment, values_of_this_machine) {
  const Entries entries = environment();
  const MachineInfo m = probe_machine();
  expect_entry(entries, "cpu", m.cpu, "probe_machine() knows it");
  expect_entry(entries, "cores", std::to_string(m.cores), "probe_machine() knows it");
  expect_entry(entries, "threads", std::to_string(num_threads()),
               "num_threads() says how many threads the framework uses; that may be fewer than "
               "there are cores");
  std::string isa;
  for (const std::string& word : m.isa) isa += (isa.empty() ? "" : " ") + word;
  expect_entry(entries, "isa", isa.empty() ? "unknown" : isa,
               "the words of probe_machine().isa with one space between them");
  const std::string bytes = "text_of_bytes makes it readable: 48 KiB";
  expect_entry(entries, "l1", text_of_bytes(m.l1_bytes), bytes);
  expect_entry(entries, "l2", text_of_bytes(m.l2_bytes), bytes);
  expect_entry(entries, "l3", text_of_bytes(m.l3_bytes), bytes);
  expect_entry(entries, "memory", text_of_bytes(m.memory_bytes), bytes);
  expect_entry(entries, "huge_pages", m.huge_pages, "probe_machine() knows it");
  utsname system = {};
  uname(&system);
  expect_entry(entries, "system", std::string(system.sysname) + " " + system.release,
               "uname: sysname and release with a space between them");
  expect_entry(entries, "compiler", __VERSION__, "the compiler tells it as __VERSION__");
}

TASK_TEST(environment, tells_the_build) {
#if defined(__SANITIZE_ADDRESS__)
  const char* wanted = "sanitizer";
#elif defined(__OPTIMIZE__)
  const char* wanted = "optimised";
#else
  const char* wanted = "not optimised";
#endif
  expect_entry(environment(), "build", wanted,
               "the compiler defines __SANITIZE_ADDRESS__ or __SANITIZE_THREAD__, else "
               "__OPTIMIZE__, else neither");
}

TASK_TEST(environment, changes_with_the_threads) {
  const int before = num_threads();
  set_num_threads(before == 1 ? 2 : 1);
  const Entries entries = environment();
  const std::string wanted = std::to_string(num_threads());
  set_num_threads(before);
  expect_entry(entries, "threads", wanted,
               "num_threads() says how many threads the framework uses; that may be fewer than "
               "there are cores");
}

TASK_TEST(environment, variables_that_are_set) {
  const Variable threads("TINYTORCH_NUM_THREADS", "2"), isa("TINYTORCH_ISA", nullptr),
      kernels("TINYTORCH_KERNELS", "matmul=loops");
  const Entries entries = environment();
  const std::string names = names_of(entries);
  holds(names.ends_with("build TINYTORCH_NUM_THREADS TINYTORCH_KERNELS"),
        "with TINYTORCH_NUM_THREADS and TINYTORCH_KERNELS set the entries are: " + names,
        invariant::kReport,
        names.find("TINYTORCH_ISA") != std::string::npos
            ? "a variable that is not set has no entry"
            : "variables that change what runs stand at the end, when they are set");
  expect_entry(entries, "TINYTORCH_KERNELS", "matmul=loops", "the value of the variable");
}

}  // namespace tinytorch::check
