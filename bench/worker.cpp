#include "bench/worker.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <sstream>

#include "tinytorch/core/error.h"
#include "tinytorch/core/utils.h"

extern char** environ;

namespace tinytorch::bench {

namespace {

constexpr double kSampleNs = 200e3;  // short runs are timed in rows of about so long

struct Samples {
  std::vector<double> us;  // a run, each
  int64_t in_row = 0;      // runs in a row for one reading of the clock; 0: not yet known
  double once = 0;         // about what a run takes, ns
};

void warm_up(const std::function<void()>& run, Samples& samples) {
  const Timer whole;
  double once = 1e18;
  for (int i = 0; i < 4 && (i < 2 || whole.elapsed_ns() < 0.5e9); ++i) {
    const Timer timer;
    run();
    once = std::min(once, timer.elapsed_ns());
  }
  samples.once = once;
  samples.in_row = std::clamp<int64_t>(static_cast<int64_t>(kSampleNs / once), 1, 1000);
  while (whole.elapsed_ns() < std::min(24 * once, 0.5e9)) run();
}

void measure(const std::function<void()>& run, double seconds, Samples& samples) {
  if (samples.in_row == 0) warm_up(run, samples);
  if (samples.once < 50e6) run();  // what another process left in the caches is not ours
  const Timer whole;
  do {
    const Timer timer;
    for (int64_t i = 0; i < samples.in_row; ++i) run();
    samples.us.push_back(timer.elapsed_ns() / 1e3 / static_cast<double>(samples.in_row));
  } while (whole.elapsed_ns() < seconds * 1e9);
}

Timing timing_of(Samples& samples) {
  Timing t;
  t.peak_memory_bytes = peak_memory_bytes();
  if (samples.us.empty()) return t;
  std::sort(samples.us.begin(), samples.us.end());
  t.min_us = samples.us.front();
  t.median_us = samples.us[samples.us.size() / 2];
  t.runs = static_cast<int64_t>(samples.us.size()) * samples.in_row;
  return t;
}

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> list;
  list.reserve(words.size() + 1);
  for (std::string& word : words) list.push_back(word.data());
  list.push_back(nullptr);
  return list;
}

std::vector<std::string> merged_environment(const std::vector<std::string>& changes) {
  std::vector<std::string> all = changes;
  for (char** entry = environ; *entry; ++entry) {
    const std::string line = *entry, name = line.substr(0, line.find('='));
    const bool changed = std::any_of(changes.begin(), changes.end(), [&](const std::string& c) {
      return c.substr(0, c.find('=')) == name;
    });
    if (!changed) all.push_back(line);
  }
  std::erase_if(all, [](const std::string& line) { return line.find('=') == std::string::npos; });
  return all;
}

}  // namespace

void serve(const Workload& workload) {
  const std::function<void()> run = workload.make();
  Samples samples;
  fmt::print("ready\n");
  std::fflush(stdout);
  std::string line;
  while (std::getline(std::cin, line)) {
    std::istringstream words(line);
    std::string verb;
    double seconds = 0;
    words >> verb >> seconds;
    if (verb == "run") {
      measure(run, seconds, samples);
      fmt::print("done\n");
    } else {
      const Timing t = timing_of(samples);
      fmt::print("{} {} {} {}\n", t.min_us, t.median_us, t.runs, t.peak_memory_bytes);
    }
    std::fflush(stdout);
  }
}

Worker::Worker(const std::vector<std::string>& command, const std::vector<std::string>& environment)
    : name_(fmt::format("{}", fmt::join(command, " "))) {
  // Closed on exec, or one worker would hold another's input open.
  int in[2], out[2];
  if (pipe2(in, O_CLOEXEC) != 0)
    throw IoError(fmt::format("bench: no pipe: {}.", std::strerror(errno)));
  if (pipe2(out, O_CLOEXEC) != 0) {
    close(in[0]), close(in[1]);
    throw IoError(fmt::format("bench: no pipe: {}.", std::strerror(errno)));
  }
  signal(SIGPIPE, SIG_IGN);  // a worker that died is told by read_line
  std::vector<std::string> words = command, env = merged_environment(environment);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in[0], 0);
  posix_spawn_file_actions_adddup2(&actions, out[1], 1);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t as_usual;
  sigemptyset(&as_usual);
  sigaddset(&as_usual, SIGPIPE);
  posix_spawnattr_setsigdefault(&attributes, &as_usual);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
  const int code = posix_spawnp(&pid_, words[0].c_str(), &actions, &attributes,
                                pointers(words).data(), pointers(env).data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  close(in[0]), close(out[1]);
  to_ = in[1], from_ = out[0];
  if (code != 0) {
    pid_ = -1;
    fail(fmt::format("cannot be started: {}", std::strerror(code)));
  }
  if (const std::string greeting = read_line(0); greeting != "ready")
    fail(fmt::format("says '{}', not 'ready'", greeting));
}

Worker::~Worker() {
  end(false);
}

// A worker in good order ends when its input does.
void Worker::end(bool at_once) {
  if (to_ >= 0) close(to_);
  if (from_ >= 0) close(from_);
  if (pid_ > 0 && at_once) kill(pid_, SIGKILL);
  if (pid_ > 0) waitpid(pid_, nullptr, 0);
  to_ = from_ = pid_ = -1;
}

void Worker::fail(const std::string& why) {
  end(true);
  throw IoError(fmt::format("bench: the worker `{}` {}.", name_, why));
}

std::string Worker::read_line(double seconds) {
  const Timer waited;
  for (;;) {
    if (const size_t end = unread_.find('\n'); end != std::string::npos) {
      std::string line = unread_.substr(0, end);
      unread_.erase(0, end + 1);
      return line;
    }
    const double left = seconds + kPatience - waited.elapsed_ns() / 1e9;
    pollfd input{from_, POLLIN, 0};
    const int ready = left > 0 ? poll(&input, 1, static_cast<int>(left * 1e3) + 1) : 0;
    if (ready < 0 && errno == EINTR) continue;
    if (ready == 0) fail(fmt::format("says nothing for {:.0f} seconds", seconds + kPatience));
    char buffer[512];
    const ssize_t n = read(from_, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) fail("ended early");
    unread_.append(buffer, static_cast<size_t>(n));
  }
}

std::string Worker::ask(const std::string& line, double seconds) {
  if (pid_ < 0) fail("has ended");
  const std::string text = line + "\n";
  if (write(to_, text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    fail("ended early");
  return read_line(seconds);
}

void Worker::run(double seconds) {
  const std::string answer = ask(fmt::format("run {}", seconds), seconds);
  if (answer != "done") fail(fmt::format("says '{}', not 'done'", answer));
}

Timing Worker::report() {
  Timing t;
  const std::string answer = ask("report");
  std::istringstream words(answer);
  if (!(words >> t.min_us >> t.median_us >> t.runs >> t.peak_memory_bytes) || !(t.min_us > 0))
    fail(fmt::format("says '{}', which is no report", answer));
  return t;
}

}  // namespace tinytorch::bench
