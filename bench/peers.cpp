#include "bench/peers.h"

#include <fmt/format.h>

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
  if (workload == "c" || workload == "d") return {"plain", "channels_last"};
  if (workload == "g") return {"plain", "traced"};
  if (workload[0] == 'h') return {"plain", "channels_last", "traced"};
  return {"plain"};
}

}  // namespace

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
  for (const std::string& variant : torch_variants(workload))
    peers.push_back(
        {variant == "plain" ? "PyTorch" : "PyTorch " + variant,
         std::make_unique<Worker>(
             std::vector<std::string>{"/usr/bin/python3", home + "/bench/peers/torch_worker.py",
                                      workload, variant, std::to_string(threads)},
             torch_environment(threads))});
  return peers;
}

}  // namespace tinytorch::bench
