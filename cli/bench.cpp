// tito bench: the reference workloads against this machine's limits and, with --vs peers, against
// other frameworks in turns. --steps: from plain loops to what runs; --curves: how cost grows.
#include "bench/curves.h"
#include "bench/limits.h"
#include "bench/peers.h"
#include "bench/steps.h"
#include "bench/worker.h"
#include "bench/workloads.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/home.h"
#include "cli/interrupt.h"
#include "cli/output.h"
#include "tinytorch/core/parallel.h"
#include "tinytorch/core/utils.h"
#include "tinytorch/kernels/registry.h"
#include "tinytorch/nn/module.h"

namespace tinytorch::cli {

namespace {

using bench::MachineLimits;
using bench::Timing;
using bench::Workload;

// A workload is measured in turns with its peers. Short turns: a neighbour who takes the machine
// for a second then slows all of them, not one.
constexpr double kTurnSeconds = 0.1;
constexpr int kLeastTurns = 4;

enum class Opponents { kNone, kPeers, kF32 };

bool is_variant(const Workload& w) {  // "i-bf16"
  return std::string(w.id).find('-') != std::string::npos;
}

std::vector<const Workload*> chosen_workloads(const std::string& list, Opponents opponents,
                                              bool operations = false) {
  std::vector<const Workload*> chosen;
  if (list.empty() && operations)
    for (const Workload& w : bench::operations()) chosen.push_back(&w);
  else if (list.empty())
    for (const Workload& w : bench::workloads())
      if (is_variant(w) == (opponents == Opponents::kF32)) chosen.push_back(&w);
  for (size_t at = 0; !list.empty() && at <= list.size();) {
    const size_t end = std::min(list.find(',', at), list.size());
    const Workload* w = &bench::find_workload(list.substr(at, end - at));
    if (std::ranges::find(chosen, w) == chosen.end()) chosen.push_back(w);
    at = end + 1;
  }
  for (const Workload* w : chosen) {
    if (opponents == Opponents::kF32 && !is_variant(*w))
      throw ConfigError(fmt::format(
          "--vs f32 compares variants, such as d-bf16, with what they are one of; {} is none.",
          w->id));
    if (opponents == Opponents::kPeers && is_variant(*w))
      throw ConfigError(fmt::format("no peer has a variant such as {}. Hint: --vs f32.", w->id));
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
    to["peak_bf16_gflops"] = limits.peak_bf16_gflops;
    to["l2_bytes"] = limits.l2_bytes;  // of a core
    to["l3_bytes"] = limits.l3_bytes;
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

std::unique_ptr<bench::Worker> start_own(const std::string& id, int threads) {
  return std::make_unique<bench::Worker>(std::vector<std::string>{
      "/proc/self/exe", "bench", "--worker", id, "--threads", std::to_string(threads)});
}

std::vector<bench::Peer> start_opponents(const Workload& workload, int threads,
                                         Opponents opponents) {
  if (opponents == Opponents::kPeers) return bench::start_peers(workload.id, threads, home());
  std::vector<bench::Peer> peers;
  const std::string id = workload.id;
  if (opponents == Opponents::kF32) {
    bench::Peer& ours = peers.emplace_back();
    ours.name = "ours in f32";
    ours.worker = start_own(id.substr(0, id.find('-')), threads);
  }
  return peers;
}

// Lets each peer do something; one that fails is named and left out from then on.
void for_each_peer(const Workload& workload, std::vector<bench::Peer>& peers,
                   const std::function<void(bench::Peer&)>& fn) {
  std::erase_if(peers, [&](bench::Peer& peer) {
    try {
      fn(peer);
      return false;
    } catch (const IoError& error) {
      fmt::print(stderr, "{}: without {} ({})\n", workload.id, peer.name, error.what());
      return true;
    }
  });
}

Measured measure(const Workload& workload, int threads, double seconds, Opponents opponents) {
  const auto own = start_own(workload.id, threads);
  bench::Worker& ours = *own;
  std::vector<bench::Peer> peers = start_opponents(workload, threads, opponents);
  const auto take_turns = [&](double turn) {
    ours.run(turn);
    for_each_peer(workload, peers, [&](bench::Peer& peer) { peer.worker->run(turn); });
  };
  take_turns(0);  // each warms up
  const double all_seconds = seconds * static_cast<double>(1 + peers.size());
  const Timer timer;
  for (int turn = 0; turn < kLeastTurns || timer.elapsed_ns() < all_seconds * 1e9; ++turn)
    take_turns(std::min(kTurnSeconds, seconds / kLeastTurns));
  Measured result{ours.report(), {}};
  for_each_peer(workload, peers, [&](bench::Peer& peer) {
    result.peers.emplace_back(peer.name, peer.worker->report());
  });
  std::ranges::sort(result.peers, {}, [](const auto& peer) { return peer.second.min_us; });
  return result;
}

// Beside opponents our own numbers carry that in their names; those of a peer are null where none
// could be measured.
Json row_json(const Workload& w, int threads, const MachineLimits& limits, const Measured& m,
              bool versus) {
  const double limit =
      bench::limit_us(limits, w.flops, w.bytes, std::max<int64_t>(w.tokens, 1), w.bf16);
  const std::string own = versus ? "ours_" : "";
  Json row = {{"id", w.id},
              {"name", w.name},
              {"threads", threads},
              {own + "min_us", m.ours.min_us},
              {own + "median_us", m.ours.median_us},
              {own + "peak_memory_bytes", m.ours.peak_memory_bytes},
              {"runs", m.ours.runs},
              {"limit_us", limit},
              {"over_limit", m.ours.min_us / limit},
              {"gflops", w.flops / m.ours.min_us / 1e3}};
  if (w.tokens > 0) row["tokens_per_second"] = static_cast<double>(w.tokens) / m.ours.min_us * 1e6;
  if (!versus) return row;
  for (const char* name :
       {"peer", "peer_min_us", "peer_median_us", "speedup", "peer_peak_memory_bytes"})
    row[name] = nullptr;
  row["peers"] = Json::array();
  if (m.peers.empty()) return row;
  const auto& [peer, theirs] = m.peers.front();
  row["peer"] = peer;
  row["peer_min_us"] = theirs.min_us;
  row["peer_median_us"] = theirs.median_us;
  row["speedup"] = theirs.min_us / m.ours.min_us;
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

void print_header(const std::vector<MachineLimits>& all, bool versus) {
  fmt::print("{}\n", probe_machine().cpu);
  for (const MachineLimits& limits : all)
    fmt::print(
        "{} {}, {}: {:.0f} GFLOP/s ({:.0f} in bf16); reads from L2 {:.0f}, L3 {:.0f}, memory "
        "{:.0f} GB/s\n",
        limits.threads, limits.threads == 1 ? "thread" : "threads", kernels::simd_target(),
        limits.peak_gflops, limits.peak_bf16_gflops, limits.l2_gb_per_s, limits.l3_gb_per_s,
        limits.dram_gb_per_s);
  fmt::print("\n{:<10} {:>7} {:>10} {:>10} {:>10} {:>7} {:>8} {:>8}{}  workload\n", "id", "threads",
             "min", "median", "limit", "x limit", "GFLOP/s", "peak MB",
             versus ? fmt::format(" {:>10} {:>7}", "peer", "faster") : "");
}

void print_row(const Json& row, bool versus) {
  const std::string own = versus ? "ours_" : "";
  const bool has_peer = versus && !row["peer"].is_null();
  fmt::print("{:<10} {:>7} {:>10} {:>10} {:>10} {:>7.2f} {:>8.0f} {:>8.1f}",
             row["id"].get<std::string>(), row["threads"].get<int>(),
             short_time(row[own + "min_us"]), short_time(row[own + "median_us"]),
             short_time(row["limit_us"]), row["over_limit"].get<double>(),
             row["gflops"].get<double>(), row[own + "peak_memory_bytes"].get<double>() / 1e6);
  if (has_peer)
    fmt::print(" {:>10} {:>6.2f}x", short_time(row["peer_min_us"]), row["speedup"].get<double>());
  else if (versus)
    fmt::print(" {:>10} {:>7}", "none", "");
  fmt::print("  {}", row["name"].get<std::string>());
  if (row.contains("tokens_per_second"))
    fmt::print(" ({:.0f} tokens/s)", row["tokens_per_second"].get<double>());
  if (has_peer) fmt::print(" | {}", row["peer"].get<std::string>());
  fmt::print("\n");
  std::fflush(stdout);
}

int run_steps(const Args& args, int threads, double seconds) {
  const std::string list = args.text("--workloads", "c,e");
  Json rows = Json::array();
  const std::vector<const Workload*> chosen = chosen_workloads(list, Opponents::kNone);
  for (const Workload* w : chosen)
    if (is_variant(*w) || w->flops == 0)
      throw ConfigError(fmt::format(
          "--steps takes the workloads that run by products in f32, a to i; {} is none.", w->id));
  const MachineLimits limits = bench::measure_limits(threads);
  for (const Workload* w : chosen) {
    const double limit =
        bench::limit_us(limits, w->flops, w->bytes, std::max<int64_t>(w->tokens, 1));
    if (!args.json())
      fmt::print("{}: {}\n{:>12} {:>8} {:>8} {:>9}  step\n", w->id, w->name, "min", "GFLOP/s",
                 "faster", "x before");
    double first = 0, before = 0;
    for (const bench::Step& step : bench::measure_steps(*w, threads, seconds)) {
      const double us = step.timing.min_us;
      if (first == 0) first = before = us;
      rows.push_back({{"id", w->id},
                      {"step", step.name},
                      {"threads", step.threads},
                      {"min_us", us},
                      {"median_us", step.timing.median_us},
                      {"gflops", w->flops / us / 1e3},
                      {"speedup", first / us},
                      {"speedup_over_step_before", before / us}});
      if (!args.json())
        fmt::print("{:>12} {:>8.1f} {:>7.1f}x {:>8.2f}x  {}\n", short_time(us), w->flops / us / 1e3,
                   first / us, before / us, step.name);
      before = us;
    }
    if (!args.json())
      fmt::print("{:>12} {:>8.1f} {:>7.1f}x {:>9}  limit in f32, {} threads\n\n", short_time(limit),
                 limits.peak_gflops, first / limit, "", threads);
  }
  if (args.json()) print_json({{"machine", machine_json({limits})}, {"steps", rows}});
  return kOk;
}

int run_curves(const Args& args, int threads, double seconds) {
  const std::vector<bench::Curve> curves = bench::measure_curves(seconds);
  const std::vector<bench::MemoryPoint> backward = bench::measure_backward_memory();
  const std::vector<bench::ForkingPoint> forking = bench::measure_forking(threads, seconds / 4);
  if (args.json()) {
    Json all = Json::array(), memory = Json::array(), forks = Json::array();
    for (const bench::ForkingPoint& p : forking)
      forks.push_back({{"operation", p.operation},
                       {"size", p.size},
                       {"one_thread_us", p.one_us},
                       {"all_threads_us", p.all_us}});
    for (const bench::Curve& curve : curves) {
      Json points = Json::array();
      for (const bench::CurvePoint& p : curve.points)
        points.push_back({{"value", p.value}, {"min_us", p.min_us}, {"peak_bytes", p.peak_bytes}});
      all.push_back({{"axis", curve.axis},
                     {"model", curve.model},
                     {"time_exponent", curve.time_exponent},
                     {"memory_exponent", curve.memory_exponent},
                     {"points", points}});
    }
    for (const bench::MemoryPoint& p : backward)
      memory.push_back({{"at", p.at}, {"live_bytes", p.live_bytes}});
    const MachineInfo machine = probe_machine();
    print_json({{"machine", {{"cpu", machine.cpu}, {"cores", machine.cores}}},
                {"threads", threads},
                {"curves", all},
                {"backward", memory},
                {"forking", forks}});
    return kOk;
  }
  for (const bench::Curve& curve : curves) {
    fmt::print("a training step by {}: {}, {} threads\n{:>8} {:>12} {:>12} {:>10}\n", curve.axis,
               curve.model, threads, curve.axis, "min", "for each", "peak MB");
    for (const bench::CurvePoint& p : curve.points)
      fmt::print("{:>8} {:>12} {:>12} {:>10.1f}\n", p.value, short_time(p.min_us),
                 short_time(p.min_us / static_cast<double>(p.value)),
                 static_cast<double>(p.peak_bytes) / 1e6);
    fmt::print("grows as its power {:.2f} (time) and {:.2f} (memory)\n\n", curve.time_exponent,
               curve.memory_exponent);
  }
  fmt::print("live memory during backward of e\n");
  for (const bench::MemoryPoint& p : backward)
    fmt::print("{:>10.1f} MB  {}\n", static_cast<double>(p.live_bytes) / 1e6, p.at);
  fmt::print("\none thread and {}, by numbers in the tensor\n{:>10} {:>10} {:>10} {:>7}\n", threads,
             "size", "one", "all", "faster");
  for (const bench::ForkingPoint& p : forking)
    fmt::print("{:>10} {:>10} {:>10} {:>6.2f}x  {}\n", p.size, short_time(p.one_us),
               short_time(p.all_us), p.one_us / p.all_us, p.operation);
  return kOk;
}

// Options that would be ignored beside one another.
void check_modes(const Args& args) {
  const std::pair<const char*, const char*> apart[] = {
      {"--steps", "--curves"},     {"--steps", "--vs"},          {"--curves", "--vs"},
      {"--steps", "--operations"}, {"--curves", "--operations"}, {"--curves", "--workloads"},
  };
  for (const auto& [one, other] : apart)
    if (args.has(one) && args.has(other))
      throw ConfigError(fmt::format("bench: {} and {} do not go together.", one, other));
  if (args.has("--unfused") && !args.has("--worker"))
    throw ConfigError("bench: --unfused goes with --worker.");
}

int run(const Args& args) {
  check_modes(args);
  const int threads = args.threads();
  set_num_threads(threads);
  if (args.has("--worker")) {
    if (args.has("--unfused")) nn::set_fusion(false);
    bench::serve(bench::find_workload(args.text("--worker")));
    return kOk;
  }
  const double seconds = args.number("--seconds", 2);
  if (!(seconds >= 0.001 && seconds <= 600))
    throw ConfigError("--seconds takes a time from 0.001 to 600 seconds a workload.");
  const int cores = probe_machine().cores;
  if (threads > cores)
    throw ConfigError(
        fmt::format("--threads: {} threads on {} usable cores would only wait for each other.",
                    threads, cores));
  if (args.has("--workloads") && args.text("--workloads").empty())
    throw ConfigError("--workloads takes ids with commas between, such as a,c.");
  if (args.has("--steps")) return run_steps(args, threads, seconds);
  if (args.has("--curves")) return run_curves(args, threads, seconds / 4);
  const std::string opponent = args.text("--vs");
  if (args.has("--vs") && opponent != "peers" && opponent != "f32")
    throw ConfigError("--vs takes the word peers or f32, not '" + opponent + "'.");
  const Opponents opponents = opponent == "peers" ? Opponents::kPeers
                              : opponent == "f32" ? Opponents::kF32
                                                  : Opponents::kNone;
  const bool vs_peers = opponents == Opponents::kPeers;
  const std::vector<const Workload*> chosen =
      chosen_workloads(args.text("--workloads"), opponents, args.has("--operations"));
  if (vs_peers) {
    const std::string why =
        bench::why_no_peers(require_home("the peers' programs are in its bench/peers"));
    if (!why.empty()) throw EnvironmentError(fmt::format("bench --vs peers: {}.", why));
  }

  // Beside the peers one thread and two, on any machine: kernels and threading show apart.
  std::vector<int> counts = {threads};
  if (vs_peers && !args.has("--threads"))
    counts = probe_machine().cores > 1 ? std::vector<int>{1, 2} : std::vector<int>{1};
  std::vector<MachineLimits> limits;
  for (const int count : counts) {
    set_num_threads(count);
    limits.push_back(bench::measure_limits(count));
  }
  const bool versus = opponents != Opponents::kNone;
  if (!args.json()) print_header(limits, versus);
  struct Row {
    const Workload* workload;
    size_t at;  // of its limits
    Measured measured;
  };
  std::vector<Row> done;
  const auto row = [&](const Row& r) {
    return row_json(*r.workload, counts[r.at], limits[r.at], r.measured, versus);
  };
  for (const Workload* workload : chosen)
    for (size_t at = 0; at < counts.size(); ++at) {
      done.push_back({workload, at, measure(*workload, counts[at], seconds, opponents)});
      set_num_threads(counts[at]);
      limits[at] = bench::better_of(limits[at], bench::measure_limits(counts[at]));
      if (!args.json()) print_row(row(done.back()), versus);
    }
  if (args.json()) {
    Json rows = Json::array();
    for (const Row& r : done) rows.push_back(row(r));
    print_json({{"machine", machine_json(limits)}, {"workloads", rows}});
  }
  const bool complete =
      std::ranges::none_of(done, [&](const Row& r) { return versus && r.measured.peers.empty(); });
  if (!complete) fmt::print(stderr, "bench: there are workloads that no peer could run.\n");
  return complete ? kOk : kEnvironment;
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
     {"--vs", "peers|f32", "in turns with other frameworks; bf16, int8 and Winograd with f32"},
     {"--operations", nullptr, "single operations instead: products, convolution, exp, .."},
     {"--steps", nullptr, "what each idea brought, from plain loops on (default: c,e)"},
     {"--curves", nullptr, "how time and memory grow with batch, depth and sequence length"},
     {"--worker", "ID", "run as a measured process (bench/worker.h)"},
     {"--unfused", nullptr, "with --worker: layers run one by one"}},
    run};

}  // namespace tinytorch::cli
