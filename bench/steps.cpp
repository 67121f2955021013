#include "bench/steps.h"

#include <fmt/format.h>

#include <memory>

#include "tinytorch/core/utils.h"
#include "tinytorch/kernels/simd/bf16.h"
#include "tinytorch/kernels/simd/isa.h"

namespace tinytorch::bench {

namespace {

std::vector<Step> possible_steps(int threads) {
  std::vector<Step> steps;
  steps.push_back({"plain loops", 1, "all=loops", ""});
  steps.push_back({"tiles that stay in cache", 1, "all=loops,matmul=tiled,conv2d=im2col", ""});
  using kernels::current_isa;
  using kernels::Isa;
  if (current_isa() == Isa::kAvx512) {
    steps.push_back({"packed operands, vectors of 256 bits", 1, "", "avx2"});
    steps.push_back({"vectors of 512 bits", 1, "", "avx512"});
  } else {
    steps.push_back({"packed operands, vectors", 1, "", ""});
  }
  steps.push_back({"fused layers", 1, "", "", true});
  if (threads > 1) steps.push_back({fmt::format("{} threads", threads), threads, "", "", true});
  if (kernels::bf16_unit() != kernels::Bf16Unit::kNone)
    steps.push_back({fmt::format("products in bf16 ({})", kernels::bf16_unit_name()), threads,
                     "matmul=bf16,conv2d=bf16,conv2d_grad_input=bf16,conv2d_grad_weight=bf16", "",
                     true, true});
  return steps;
}

std::unique_ptr<Worker> start(const Step& step, const Workload& workload) {
  std::vector<std::string> command = {"/proc/self/exe", "bench",     "--worker",
                                      workload.id,      "--threads", std::to_string(step.threads)};
  if (!step.fused) command.emplace_back("--unfused");
  return std::make_unique<Worker>(
      command,
      std::vector<std::string>{"TINYTORCH_KERNELS=" + step.kernels, "TINYTORCH_ISA=" + step.isa});
}

}  // namespace

std::vector<Step> measure_steps(const Workload& workload, int threads, double seconds) {
  std::vector<Step> steps = possible_steps(threads);
  std::vector<std::unique_ptr<Worker>> workers;
  workers.reserve(steps.size());
  for (const Step& step : steps) workers.push_back(start(step, workload));
  for (const auto& worker : workers) worker->run(0);  // each warms up
  constexpr int kTurns = 4;
  for (int turn = 0; turn < kTurns; ++turn)
    for (const auto& worker : workers) worker->run(seconds / kTurns);
  for (size_t i = 0; i < steps.size(); ++i) steps[i].timing = workers[i]->report();
  return steps;
}

}  // namespace tinytorch::bench
