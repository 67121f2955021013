#pragma once
// Other frameworks, each with its best settings, as workers.
#include <memory>
#include <string>
#include <vector>

#include "bench/worker.h"

namespace tinytorch::bench {

struct Peer {
  std::string name;  // "PyTorch channels_last"
  std::unique_ptr<Worker> worker;
};

// IoError with what to install when no peer can run. `home`: the checkout.
void check_peers(const std::string& home);

bool has_onnx_runtime(const std::string& home);

// The peers that run a workload, started and idle. One that does not start is named on
// standard error and left out.
std::vector<Peer> start_peers(const std::string& workload, int threads, const std::string& home);

}  // namespace tinytorch::bench
