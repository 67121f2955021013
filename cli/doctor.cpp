// tito doctor: what this machine is, how fast, and what stands in the way of good use.
#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/home.h"
#include "cli/output.h"
#include "tinytorch/core/parallel.h"
#include "tinytorch/core/utils.h"
#include "tinytorch/data/datasets.h"
#include "tinytorch/kernels/registry.h"

namespace tinytorch::cli {

namespace {

struct Check {
  std::string name;
  bool ok;
  bool needed;      // a failed one makes the exit code 1; others are advice
  std::string say;  // what is so, or what to do
};

bool on_path(const char* program) {
  const char* path = std::getenv("PATH");
  std::string rest = path ? path : "";
  while (!rest.empty()) {
    const size_t colon = rest.find(':');
    std::error_code ec;
    if (std::filesystem::exists(std::filesystem::path(rest.substr(0, colon)) / program, ec))
      return true;
    rest = colon == std::string::npos ? "" : rest.substr(colon + 1);
  }
  return false;
}

std::vector<Check> run_checks() {
  std::vector<Check> checks;
  const MachineInfo machine = probe_machine();
  const bool vectors = std::string(kernels::simd_target()) != "SCALAR";
  checks.push_back({"vector kernels", vectors, false,
                    vectors ? fmt::format("{} in use", kernels::simd_target())
                            : "plain loops in use (TINYTORCH_ISA, or a CPU without AVX2 or NEON): "
                              "everything runs, many times slower"});
  const bool pages = machine.huge_pages != "never";
  checks.push_back({"huge pages", pages, false,
                    pages ? machine.huge_pages
                          : "never: large tensors cost more; as root: echo madvise > "
                            "/sys/kernel/mm/transparent_hugepage/enabled"});
  const bool all_cores = num_threads() >= machine.cores;
  checks.push_back({"threads", all_cores, false,
                    fmt::format("{} on {} CPUs{}", num_threads(), machine.cores,
                                all_cores ? "" : " (TINYTORCH_NUM_THREADS)")});
  const bool fashion = data::has_dataset("fashion-mnist");
  checks.push_back(
      {"Fashion-MNIST", fashion, false,
       fashion ? "installed" : "not installed: apt-get install dataset-fashion-mnist"});
  for (const char* program : {"c++", "cmake", "ninja"}) {
    const bool found = on_path(program);
    checks.push_back({program, found, !home().empty(),
                      found ? "found" : "not found: the tool and its tests cannot be built again"});
  }
  return checks;
}

std::vector<std::pair<const char*, double>> measure() {
  const int64_t large = int64_t{64} << 20;
  return {{"timer_ns", calibrate_timer().read_ns},
          {"copy_gb_per_s", copy_bandwidth(large)},
          {"random_read_ns", random_read_ns(large)},
          {"peak_gflops_1_thread", peak_gflops(1)},
          {"peak_gflops", peak_gflops(num_threads())}};
}

void print_report(const std::vector<Check>& checks,
                  const std::vector<std::pair<const char*, double>>& measured) {
  fmt::print("{}\n", environment_report());
  for (const auto& [name, value] : measured) fmt::print("{:<21} {:.4g}\n", name, value);
  fmt::print("\n");
  for (const Check& check : checks) {
    const Style style = check.ok ? Style::kGreen : check.needed ? Style::kRed : Style::kYellow;
    const char* word = check.ok ? "ok     " : check.needed ? "MISSING" : "advice ";
    fmt::print("{} {:<15} {}\n", styled(stdout, style, word), check.name, check.say);
  }
}

int run(const Args& args) {
  const std::vector<Check> checks = run_checks();
  const auto measured = measure();
  int code = kOk;
  for (const Check& check : checks)
    if (!check.ok && check.needed) code = kCheckFailed;
  if (!args.json()) {
    print_report(checks, measured);
    return code;
  }
  Json object;
  for (const auto& [name, value] : environment()) object["environment"][name] = value;
  for (const auto& [name, value] : measured) object["measured"][name] = value;
  for (const Check& check : checks)
    object["checks"].push_back(
        {{"name", check.name}, {"ok", check.ok}, {"needed", check.needed}, {"detail", check.say}});
  print_json(object);
  return code;
}

}  // namespace

extern const Command doctor_command{
    "doctor", "what this machine is, how fast, and what to improve", "tito doctor --json", {}, {},
    run};

}  // namespace tinytorch::cli
