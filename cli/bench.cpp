// tito bench: the reference workloads against this machine's limits and, with --vs peers, against
// other frameworks in turns.
#include "bench/limits.h"
#include "bench/peers.h"
#include "bench/worker.h"
#include "bench/workloads.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/home.h"
#include "cli/interrupt.h"
#include "cli/output.h"
#include "tinytorch/core/parallel.h"
#include "tinytorch/core/utils.h"
#include "tinytorch/kernels/registry.h"

namespace tinytorch::cli {

namespace {

using bench::MachineLimits;
using bench::Timing;
using bench::Workload;

// A workload is measured in turns with its peers. Short turns: a neighbour who takes the machine
// for a second then slows all of them, not one.
constexpr double kTurnSeconds = 0.1;
constexpr int kLeastTurns = 4;

std::vector<const Workload*> chosen_workloads(const std::string& list) {
  std::vector<const Workload*> chosen;
  if (list.empty())
    for (const Workload& w : bench::workloads())  // without the variants ("i-bf16")
      if (std::string(w.id).find('-') == std::string::npos) chosen.push_back(&w);
  for (size_t at = 0; at < list.size();) {
    const size_t end = std::min(list.find(',', at), list.size());
    chosen.push_back(&bench::find_workload(list.substr(at, end - at)));
    at = end + 1;
  }
  return chosen;
}

// Its limits with as many threads as the last of `all` has, and with each number of threads.
Json machine_json(const std::vector<MachineLimits>& all) {
  const MachineInfo machine = probe_machine();
  Json json = {
      {"cpu", machine.cpu}, {"cores", machine.cores}, {"simd_target", kernels::simd_target()}};
  const auto add_limits = [](Json& to, const MachineLimits& limits) {
    to["threads"] = limits.threads;
    to["peak_gflops"] = limits.peak_gflops;
    to["l2_gb_per_s"] = limits.l2_gb_per_s;
    to["l3_gb_per_s"] = limits.l3_gb_per_s;
    to["dram_gb_per_s"] = limits.dram_gb_per_s;
  };
  add_limits(json, all.back());
  json["limits"] = Json::array();  // for each number of threads
  for (const MachineLimits& limits : all) add_limits(json["limits"].emplace_back(), limits);
  return json;
}

struct Measured {
  Timing ours;
  std::vector<std::pair<std::string, Timing>> peers;  // the fastest one first
};

Measured measure(const Workload& workload, int threads, double seconds, bool vs_peers) {
  bench::Worker ours(
      {"/proc/self/exe", "bench", "--worker", workload.id, "--threads", std::to_string(threads)});
  const std::vector<bench::Peer> peers =
      vs_peers ? bench::start_peers(workload.id, threads, home()) : std::vector<bench::Peer>();
  const auto take_turns = [&](double turn) {
    ours.run(turn);
    for (const bench::Peer& peer : peers) peer.worker->run(turn);
  };
  take_turns(0);  // each warms up
  const double all_seconds = seconds * static_cast<double>(1 + peers.size());
  const Timer timer;
  for (int turn = 0; turn < kLeastTurns || timer.elapsed_ns() < all_seconds * 1e9; ++turn)
    take_turns(std::min(kTurnSeconds, seconds / kLeastTurns));
  Measured result{ours.report(), {}};
  for (const bench::Peer& peer : peers) result.peers.emplace_back(peer.name, peer.worker->report());
  std::ranges::sort(result.peers, {}, [](const auto& peer) { return peer.second.min_us; });
  return result;
}

Json row_json(const Workload& w, int threads, const MachineLimits& limits, const Measured& m) {
  const double limit = bench::limit_us(limits, w.flops, w.bytes);
  Json row = {{"id", w.id},
              {"name", w.name},
              {"threads", threads},
              {"min_us", m.ours.min_us},
              {"median_us", m.ours.median_us},
              {"runs", m.ours.runs},
              {"limit_us", limit},
              {"over_limit", m.ours.min_us / limit},
              {"gflops", w.flops / m.ours.min_us / 1e3},
              {"peak_memory_bytes", m.ours.peak_memory_bytes}};
  if (w.tokens > 0) row["tokens_per_second"] = static_cast<double>(w.tokens) / m.ours.min_us * 1e6;
  if (m.peers.empty()) return row;
  const auto& [peer, theirs] = m.peers.front();
  row["ours_min_us"] = m.ours.min_us;
  row["ours_median_us"] = m.ours.median_us;
  row["peer"] = peer;
  row["peer_min_us"] = theirs.min_us;
  row["peer_median_us"] = theirs.median_us;
  row["speedup"] = theirs.min_us / m.ours.min_us;
  row["ours_peak_memory_bytes"] = m.ours.peak_memory_bytes;
  row["peer_peak_memory_bytes"] = theirs.peak_memory_bytes;
  for (const auto& [name, timing] : m.peers)
    row["peers"].push_back({{"peer", name},
                            {"min_us", timing.min_us},
                            {"median_us", timing.median_us},
                            {"peak_memory_bytes", timing.peak_memory_bytes}});
  return row;
}

// 12.3 us, 4.56 ms
std::string short_time(double us) {
  return us < 1000 ? fmt::format("{:.1f} us", us) : fmt::format("{:.2f} ms", us / 1000);
}

void print_header(const std::vector<MachineLimits>& all, bool vs_peers) {
  fmt::print("{}\n", probe_machine().cpu);
  for (const MachineLimits& limits : all)
    fmt::print("{} {}, {}: {:.0f} GFLOP/s; reads from L2 {:.0f}, L3 {:.0f}, memory {:.0f} GB/s\n",
               limits.threads, limits.threads == 1 ? "thread" : "threads", kernels::simd_target(),
               limits.peak_gflops, limits.l2_gb_per_s, limits.l3_gb_per_s, limits.dram_gb_per_s);
  fmt::print("\n{:<4} {:>7} {:>10} {:>10} {:>10} {:>7} {:>8} {:>8}{}  workload\n", "id", "threads",
             "min", "median", "limit", "x limit", "GFLOP/s", "peak MB",
             vs_peers ? fmt::format(" {:>10} {:>7}", "peer", "faster") : "");
}

void print_row(const Json& row, bool vs_peers) {
  fmt::print("{:<4} {:>7} {:>10} {:>10} {:>10} {:>7.2f} {:>8.0f} {:>8.1f}",
             row["id"].get<std::string>(), row["threads"].get<int>(), short_time(row["min_us"]),
             short_time(row["median_us"]), short_time(row["limit_us"]),
             row["over_limit"].get<double>(), row["gflops"].get<double>(),
             row["peak_memory_bytes"].get<double>() / 1e6);
  if (row.contains("peer"))
    fmt::print(" {:>10} {:>6.2f}x", short_time(row["peer_min_us"]), row["speedup"].get<double>());
  else if (vs_peers)
    fmt::print(" {:>10} {:>7}", "none", "");
  fmt::print("  {}", row["name"].get<std::string>());
  if (row.contains("tokens_per_second"))
    fmt::print(" ({:.0f} tokens/s)", row["tokens_per_second"].get<double>());
  if (row.contains("peer")) fmt::print(" | {}", row["peer"].get<std::string>());
  fmt::print("\n");
  std::fflush(stdout);
}

int run(const Args& args) {
  const int64_t threads = args.integer("--threads", num_threads());
  if (threads < 1 || threads > 1024)
    throw ConfigError(fmt::format("--threads takes a number from 1 to 1024, not {}.", threads));
  set_num_threads(static_cast<int>(threads));
  if (args.has("--worker")) {
    bench::serve(bench::find_workload(args.text("--worker")));
    return kOk;
  }
  const double seconds = args.number("--seconds", 2);
  if (!(seconds > 0 && seconds <= 600))
    throw ConfigError("--seconds takes a time of up to 600 seconds a workload.");
  const bool vs_peers = args.has("--vs");
  if (vs_peers && args.text("--vs") != "peers")
    throw ConfigError("--vs takes the word peers, not '" + args.text("--vs") + "'.");
  const std::vector<const Workload*> chosen = chosen_workloads(args.text("--workloads"));
  if (vs_peers) {
    bench::check_peers(require_home("the peers' programs are in its bench/peers"));
    if (!bench::has_onnx_runtime(home()))
      fmt::print(stderr, "bench: without ONNX Runtime (node and npm install it).\n");
  }

  // Beside the peers one thread and two, on any machine: kernels and threading show apart.
  std::vector<int> counts = {static_cast<int>(threads)};
  if (vs_peers && !args.has("--threads"))
    counts = probe_machine().cores > 1 ? std::vector<int>{1, 2} : std::vector<int>{1};
  std::vector<MachineLimits> limits;
  for (const int count : counts) {
    set_num_threads(count);
    limits.push_back(bench::measure_limits(count));
  }
  if (!args.json()) print_header(limits, vs_peers);
  Json rows = Json::array();
  for (const Workload* workload : chosen)
    for (const MachineLimits& limit : limits) {
      const Measured m = measure(*workload, limit.threads, seconds, vs_peers);
      rows.push_back(row_json(*workload, limit.threads, limit, m));
      if (!args.json()) print_row(rows.back(), vs_peers);
    }
  if (args.json()) print_json({{"machine", machine_json(limits)}, {"workloads", rows}});
  return kOk;
}

}  // namespace

extern const Command bench_command{
    "bench",
    "the reference workloads: time, distance from the machine's limit, memory",
    "tito bench --workloads a,c,e --threads 2",
    {},
    {{"--workloads", "IDS", "which, by id, with commas between (default: a to i)"},
     {"--threads", "N", "threads (default: as many as usable cores; beside peers one and two)"},
     {"--seconds", "S", "time for each workload and framework (default 2)"},
     {"--vs", "peers", "measure other frameworks in turns with ours"},
     {"--worker", "ID", "run as a measured process (bench/worker.h)"}},
    run};

}  // namespace tinytorch::cli
