#include "bench/peers.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "tinytorch/core/error.h"

namespace tinytorch::bench {

namespace {

// What makes Debian's PyTorch fastest: the OpenMP build of OpenBLAS with the kernels that fit the
// CPU, ATen's widest vectors, and a malloc that keeps its pages.
std::vector<std::string> torch_environment(int threads) {
  std::vector<std::string> env = {"OPENBLAS_CORETYPE",
                                  "OPENBLAS_L2_SIZE",
                                  "MALLOC_TOP_PAD_=268435456",
                                  "MALLOC_MMAP_THRESHOLD_=1073741824",
                                  "MALLOC_TRIM_THRESHOLD_=4294967296",
                                  fmt::format("OMP_NUM_THREADS={}", threads),
                                  fmt::format("OPENBLAS_NUM_THREADS={}", threads)};
  const char* openblas = "/usr/lib/x86_64-linux-gnu/openblas-openmp";
  if (std::filesystem::exists(openblas)) env.push_back(fmt::format("LD_LIBRARY_PATH={}", openblas));
  if (__builtin_cpu_supports("avx512f")) env.emplace_back("ATEN_CPU_CAPABILITY=avx512");
  return env;
}

std::vector<std::string> torch_variants(const std::string& workload) {
  if (workload == "c" || workload == "d" || workload.rfind("conv", 0) == 0)
    return {"plain", "channels_last"};
  if (workload == "g") return {"plain", "traced"};
  if (workload[0] == 'h') return {"plain", "channels_last", "traced"};
  return {"plain"};
}

// The shape of an inference's input; empty for other workloads.
std::vector<std::string> inference_input(const std::string& workload) {
  if (workload == "g") return {"1", "784"};
  if (workload == "h1") return {"1", "1", "28", "28"};
  if (workload == "h32") return {"32", "1", "28", "28"};
  return {};
}

// Where `tito bench --vs peers` has installed the packages of bench/peers/package.json.
std::string node_packages(const std::string& home) {
  return home + "/build/peers";
}

// ONNX Runtime on the model as PyTorch writes it; nullptr when it is not installed or is no peer
// here.
std::unique_ptr<Worker> start_onnx_runtime(const std::string& workload, int threads,
                                           const std::string& home) {
  const std::vector<std::string> shape = inference_input(workload);
  if (shape.empty() || !has_onnx_runtime(home)) return nullptr;
  const std::string model = fmt::format("{}/{}.onnx", node_packages(home), workload);
  if (!std::filesystem::exists(model)) {
    const std::string line =
        fmt::format("/usr/bin/python3 '{}/bench/peers/torch_worker.py' {} '{}' 1 >/dev/null 2>&1",
                    home, workload, model);
    if (std::system(line.c_str()) != 0) throw IoError("PyTorch cannot export its model.");
  }
  std::vector<std::string> command = {"node", home + "/bench/peers/onnx_worker.cjs",
                                      node_packages(home), model, std::to_string(threads)};
  command.insert(command.end(), shape.begin(), shape.end());
  return std::make_unique<Worker>(command);
}

std::string libtorch_worker(const std::string& home) {
  return home + "/build/peers/libtorch_worker";
}
// Where Python's share of the time may count; d and i run the same code for longer.
bool in_libtorch(const std::string& workload) {
  const std::string all[] = {"a", "b", "c", "e", "f", "g", "h1", "h32"};
  return std::ranges::find(all, workload) != std::end(all);
}
bool has_libtorch(const std::string& home) {
  return std::filesystem::exists(libtorch_worker(home));
}

}  // namespace

bool has_onnx_runtime(const std::string& home) {
  return std::filesystem::exists(node_packages(home) + "/node_modules/onnxruntime-node");
}

void check_peers(const std::string& home) {
  if (std::system("/usr/bin/python3 -c 'import torch' >/dev/null 2>&1") != 0)
    throw IoError(
        "bench --vs peers: PyTorch does not load. Hint: apt-get install python3-torch "
        "libopenblas0-openmp.");
  if (!std::filesystem::exists(home + "/bench/peers/torch_worker.py"))
    throw IoError(fmt::format("bench --vs peers: {}/bench/peers is not there.", home));
}

std::vector<Peer> start_peers(const std::string& workload, int threads, const std::string& home) {
  std::vector<Peer> peers;
  if (workload.find('-') != std::string::npos) return peers;  // a variant: no peer has it
  const auto add = [&](const std::string& name, const auto& start) {
    try {
      if (std::unique_ptr<Worker> worker = start()) peers.push_back({name, std::move(worker)});
    } catch (const IoError& error) {  // one that cannot be had does not end the comparison
      fmt::print(stderr, "{}: without {} ({})\n", workload, name, error.what());
    }
  };
  for (const std::string& variant : torch_variants(workload))
    add(variant == "plain" ? "PyTorch" : "PyTorch " + variant, [&] {
      return std::make_unique<Worker>(
          std::vector<std::string>{"/usr/bin/python3", home + "/bench/peers/torch_worker.py",
                                   workload, variant, std::to_string(threads)},
          torch_environment(threads));
    });
  if (has_libtorch(home) && in_libtorch(workload))
    add("libtorch", [&] {
      return std::make_unique<Worker>(
          std::vector<std::string>{libtorch_worker(home), workload, std::to_string(threads)},
          torch_environment(threads));
    });
  add("ONNX Runtime", [&] { return start_onnx_runtime(workload, threads, home); });
  return peers;
}

}  // namespace tinytorch::bench
