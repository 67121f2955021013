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

// Why no peer can run and what to install, or an empty text. `home`: the checkout.
std::string why_no_peers(const std::string& home);

// The peers that run a workload, started and idle. One that cannot be had is named on standard
// error and left out.
std::vector<Peer> start_peers(const std::string& workload, int threads, const std::string& home);

}  // namespace tinytorch::bench
