// tito kernels: every operation's kernel variants, which one runs here, and why.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/output.h"
#include "tinytorch/kernels/registry.h"

namespace tinytorch::cli {

namespace {

void print_table() {
  using kernels::all_kernels;
  fmt::print("Instruction set of the simd kernels: {} (TINYTORCH_ISA restricts it)\n\n",
             kernels::simd_target());
  size_t width = 0;
  for (const kernels::KernelBase* kernel : all_kernels())
    width = std::max(width, std::strlen(kernel->op()));
  for (const kernels::KernelBase* kernel : all_kernels()) {
    for (int i = 0; i < kernel->count(); ++i) {
      const bool chosen = i == kernel->chosen();
      const std::string line = fmt::format(
          "{:<{}} {} {:<8} {}{}", i == 0 ? kernel->op() : "", width, chosen ? "*" : " ",
          kernel->name(i), kernel->idea(i), chosen ? fmt::format(" [{}]", kernel->reason()) : "");
      fmt::print("{}\n", chosen ? styled(stdout, Style::kBold, line) : line);
    }
  }
  fmt::print(
      "\n* runs, with the reason in brackets. Select by hand: "
      "TINYTORCH_KERNELS=OPERATION=VARIANT,... (all=loops for every operation)\n");
}

int run(const Args& args) {
  if (!args.json()) {
    print_table();
    return kOk;
  }
  Json list = Json::array();
  for (const kernels::KernelBase* kernel : kernels::all_kernels()) {
    Json variants = Json::array();
    for (int i = 0; i < kernel->count(); ++i)
      variants.push_back({{"name", kernel->name(i)}, {"idea", kernel->idea(i)}});
    list.push_back({{"operation", kernel->op()},
                    {"chosen", kernel->name(kernel->chosen())},
                    {"reason", kernel->reason()},
                    {"variants", variants}});
  }
  print_json({{"simd_target", kernels::simd_target()}, {"kernels", list}});
  return kOk;
}

}  // namespace

extern const Command kernels_command{"kernels",
                                     "the kernel variants of every operation, and which one runs",
                                     "TINYTORCH_KERNELS=matmul=loops tito kernels",
                                     {},
                                     {},
                                     run};

}  // namespace tinytorch::cli
