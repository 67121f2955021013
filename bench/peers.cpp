#include "bench/peers.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>

#include "tinytorch/core/error.h"

namespace tinytorch::bench {

namespace {

// What makes Debian's PyTorch fastest: the OpenMP build of OpenBLAS with the kernels for `core`
// ("": those that it picks), ATen's widest vectors, and a malloc that keeps its pages.
std::vector<std::string> torch_environment(int threads, const std::string& core) {
  std::vector<std::string> env = {core.empty() ? "OPENBLAS_CORETYPE" : "OPENBLAS_CORETYPE=" + core,
                                  "OPENBLAS_L2_SIZE",
                                  "MALLOC_TOP_PAD_=268435456",
                                  "MALLOC_MMAP_THRESHOLD_=1073741824",
                                  "MALLOC_TRIM_THRESHOLD_=4294967296",
                                  fmt::format("OMP_NUM_THREADS={}", threads),
                                  fmt::format("OPENBLAS_NUM_THREADS={}", threads)};
#if defined(__x86_64__)
  const char* openblas = "/usr/lib/x86_64-linux-gnu/openblas-openmp";
  if (__builtin_cpu_supports("avx512f")) env.emplace_back("ATEN_CPU_CAPABILITY=avx512");
#else
  const char* openblas = "/usr/lib/aarch64-linux-gnu/openblas-openmp";
#endif
  if (std::filesystem::exists(openblas)) env.push_back(fmt::format("LD_LIBRARY_PATH={}", openblas));
  return env;
}

std::string torch_worker(const std::string& home) {
  return home + "/bench/peers/torch_worker.py";
}

std::unique_ptr<Worker> start_torch(const std::string& workload, const std::string& variant,
                                    int threads, const std::string& home, const std::string& core) {
  return std::make_unique<Worker>(
      std::vector<std::string>{"/usr/bin/python3", torch_worker(home), workload, variant,
                               std::to_string(threads)},
      torch_environment(threads, core));
}

// OpenBLAS takes its oldest kernels on a CPU younger than itself: version 0.3.21 runs at a fifth
// of its speed on Emerald Rapids. So the fastest kernels for a product are found by trying.
std::string find_openblas_core(const std::string& home) {
  std::vector<std::string> cores = {""};
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f")) cores.emplace_back("SkylakeX");
  if (__builtin_cpu_supports("avx2")) cores.emplace_back("Haswell");
#endif
  std::string best;
  double best_us = HUGE_VAL;
  for (const std::string& core : cores) try {
      const std::unique_ptr<Worker> worker = start_torch("gemm512", "plain", 1, home, core);
      worker->run(0.2);
      const double us = worker->report().min_us;
      if (us < best_us) best = core, best_us = us;
    } catch (const IoError&) {  // this PyTorch multiplies by another library, or not at all
    }
  return best;
}
const std::string& openblas_core(const std::string& home) {
  static const std::string core = find_openblas_core(home);
  return core;
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

// The model of an inference as PyTorch writes it; anew when the program that does it is newer.
std::string onnx_model(const std::string& workload, const std::string& home) {
  namespace fs = std::filesystem;
  const std::string model = fmt::format("{}/{}.onnx", node_packages(home), workload);
  if (fs::exists(model) && fs::last_write_time(model) > fs::last_write_time(torch_worker(home)))
    return model;
  const std::string fresh = model + ".new.onnx";
  try {  // a worker that writes the model and then is ready to end
    start_torch(workload, fresh, 1, home, "");
  } catch (const IoError&) {
    throw IoError("PyTorch cannot export its model");
  }
  fs::rename(fresh, model);
  return model;
}

// nullptr where it is no peer.
std::unique_ptr<Worker> start_onnx_runtime(const std::string& workload, int threads,
                                           const std::string& home) {
  const std::vector<std::string> shape = inference_input(workload);
  if (shape.empty()) return nullptr;
  if (!std::filesystem::exists(node_packages(home) + "/node_modules/onnxruntime-node"))
    throw IoError("node and npm install it");
  std::vector<std::string> command = {"node", home + "/bench/peers/onnx_worker.cjs",
                                      node_packages(home), onnx_model(workload, home),
                                      std::to_string(threads)};
  command.insert(command.end(), shape.begin(), shape.end());
  return std::make_unique<Worker>(command);
}

// Single operations are left to Python, whose share of their time the rows of the table tell.
bool in_libtorch(const std::string& workload) {
  return workload.size() == 1 || workload == "h1" || workload == "h32";
}
std::vector<std::string> libtorch_variants(const std::string& workload) {
  if (workload == "c" || workload == "d" || workload[0] == 'h') return {"plain", "channels_last"};
  return {"plain"};
}
std::unique_ptr<Worker> start_libtorch(const std::string& workload, const std::string& variant,
                                       int threads, const std::string& home) {
  const std::string program = home + "/build/peers/libtorch_worker";
  if (!std::filesystem::exists(program)) throw IoError("libtorch-dev has its headers");
  return std::make_unique<Worker>(
      std::vector<std::string>{program, workload, variant, std::to_string(threads)},
      torch_environment(threads, openblas_core(home)));
}

std::string full_name(const std::string& peer, const std::string& variant) {
  return variant == "plain" ? peer : peer + " " + variant;
}

}  // namespace

std::string why_no_peers(const std::string& home) {
  if (!std::filesystem::exists(torch_worker(home)))
    return fmt::format("{} is not there", torch_worker(home));
  if (std::system("/usr/bin/python3 -c 'import torch' >/dev/null 2>&1") != 0)
    return "PyTorch does not load. Hint: apt-get install python3-torch libtorch-dev "
           "libopenblas0-openmp";
  return "";
}

std::vector<Peer> start_peers(const std::string& workload, int threads, const std::string& home) {
  std::vector<Peer> peers;
  const auto add = [&](const std::string& name, const auto& start) {
    try {
      if (std::unique_ptr<Worker> worker = start()) peers.push_back({name, std::move(worker)});
    } catch (const IoError& error) {  // one that cannot be had does not end the comparison
      fmt::print(stderr, "{}: without {} ({})\n", workload, name, error.what());
    }
  };
  for (const std::string& variant : torch_variants(workload))
    add(full_name("PyTorch", variant),
        [&] { return start_torch(workload, variant, threads, home, openblas_core(home)); });
  if (in_libtorch(workload))
    for (const std::string& variant : libtorch_variants(workload))
      add(full_name("libtorch", variant),
          [&] { return start_libtorch(workload, variant, threads, home); });
  add("ONNX Runtime", [&] { return start_onnx_runtime(workload, threads, home); });
  return peers;
}

}  // namespace tinytorch::bench
