#include "cli/lab/process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

#include "tinytorch/core/error.h"

namespace tinytorch::lab {

namespace {

[[noreturn]] void fail(const char* what) {
  throw IoError(std::string(what) + ": " + std::strerror(errno));
}

// The programs that we began and wait for; any other child of ours is an orphan.
struct Children {
  std::mutex mutex;
  std::set<pid_t> pids;
  bool adopts = false;
};
Children& children() {
  static Children all;
  return all;
}

// fork, in which the child is one of ours before anybody can take it for an orphan.
pid_t begin() {
  const std::lock_guard lock(children().mutex);
  const pid_t child = fork();
  if (child < 0) fail("fork");
  if (child > 0) children().pids.insert(child);
  return child;
}

// Reaps those that have ended; are there others? With `children().mutex` held.
bool reap_orphans() {
  bool others = false;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::ifstream list(task.path() / "children");
    for (pid_t pid; list >> pid;)
      if (!children().pids.contains(pid) && waitpid(pid, nullptr, WNOHANG) == 0) others = true;
  }
  return others;
}

// It stays unreaped, so that its number is nobody else's.
bool has_ended(pid_t child, int flags) {
  siginfo_t info = {};
  while (waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT | flags) != 0)
    if (errno != EINTR) fail("waitid");
  return info.si_pid == child;
}

// Ends it and what it left running.
void end(pid_t child, Outcome& outcome) {
  kill(-child, SIGKILL);
  has_ended(child, 0);
  const std::lock_guard lock(children().mutex);
  int status = 0;
  waitpid(child, &status, 0);
  children().pids.erase(child);
  if (children().adopts) reap_orphans();
  outcome.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  outcome.code = outcome.signal ? 128 + outcome.signal : WEXITSTATUS(status);
}

struct Pipe {
  int read = -1, write = -1;
  Pipe() {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) fail("pipe");
    read = ends[0], write = ends[1];
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  ~Pipe() {
    close_write();
    if (read >= 0) close(read);
  }
  void close_write() {
    if (write >= 0) close(write);
    write = -1;
  }
};

// In the child: nothing that may allocate.
[[noreturn]] void become(const Program& program, char** argv, char** extra, int out, int report,
                         int in = -1) {
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);  // Ctrl-C ends the tool, whose watch over the time ends with it
  dup2(in >= 0 ? in : open("/dev/null", O_RDONLY), STDIN_FILENO);
  dup2(out, STDOUT_FILENO);
  dup2(out, STDERR_FILENO);
  if (report >= 0) dup2(report, 3);
  if (!program.folder.empty() && chdir(program.folder.c_str()) != 0) _exit(127);
  for (; *extra; ++extra) putenv(*extra);
  execvp(argv[0], argv);
  dprintf(STDERR_FILENO, "%s: %s\n", argv[0], std::strerror(errno));
  _exit(127);
}

std::vector<char*> pointers(const std::vector<std::string>& words) {
  std::vector<char*> list;
  list.reserve(words.size() + 1);
  for (const std::string& word : words) list.push_back(const_cast<char*>(word.c_str()));
  list.push_back(nullptr);
  return list;
}

// What there is to read now; false at the end.
bool drain(int fd, std::string& to) {
  char buffer[1 << 14];
  const ssize_t n = read(fd, buffer, sizeof buffer);
  if (n > 0) to.append(buffer, static_cast<size_t>(n));
  return n > 0 || (n < 0 && errno == EINTR);
}

int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

// Reads both pipes until they end. A program that stays silent for too long is killed.
void follow(const Program& program, pid_t child, Pipe& out, Pipe& report, std::string& output) {
  std::string text;
  int64_t deadline = program.reader ? now_ms() + program.reader(text) : 0;
  pollfd fds[2] = {{out.read, POLLIN, 0}, {program.reader ? report.read : -1, POLLIN, 0}};
  while (fds[0].fd >= 0 || fds[1].fd >= 0) {
    const int64_t left = deadline ? std::max<int64_t>(0, deadline - now_ms()) : -1;
    const int ready = poll(fds, 2, static_cast<int>(left));
    if (ready < 0 && errno != EINTR) fail("poll");
    if (ready == 0) {
      kill(-child, SIGKILL);
      return;
    }
    if (ready < 0) continue;
    if (fds[0].revents && !drain(out.read, output)) fds[0].fd = -1;
    if (!fds[1].revents) continue;
    if (!drain(report.read, text)) fds[1].fd = -1;
    deadline = now_ms() + program.reader(text);
    text.clear();
  }
}

}  // namespace

Outcome run(const Program& program) {
  Pipe out, report;
  std::vector<char*> argv = pointers(program.words), extra = pointers(program.environment);
  const pid_t child = begin();
  if (child == 0)
    become(program, argv.data(), extra.data(), out.write, program.reader ? report.write : -1);
  out.close_write();
  report.close_write();
  Outcome outcome;
  follow(program, child, out, report, outcome.output);
  has_ended(child, 0);
  end(child, outcome);
  return outcome;
}

struct Session::Pipes {
  Pipe in, out, report;
};

Session::Session(const Program& program) : pipes_(std::make_unique<Pipes>()) {
  signal(SIGPIPE, SIG_IGN);  // a program that has gone is told by send
  std::vector<char*> argv = pointers(program.words), extra = pointers(program.environment);
  child_ = begin();
  if (child_ == 0)
    become(program, argv.data(), extra.data(), pipes_->out.write, pipes_->report.write,
           pipes_->in.read);
  pipes_->out.close_write();
  pipes_->report.close_write();
  close(pipes_->in.read);
  pipes_->in.read = -1;
}

Session::~Session() {
  if (child_ > 0) finish();
}

bool Session::send(const std::string& text) {
  for (size_t done = 0; done < text.size();) {
    const ssize_t n = write(pipes_->in.write, text.data() + done, text.size() - done);
    if (n < 0 && errno != EINTR) return false;
    if (n > 0) done += static_cast<size_t>(n);
  }
  return true;
}

bool Session::receive(std::string& to, const std::function<bool(const std::string&)>& enough,
                      int milliseconds, size_t most) {
  const int64_t deadline = now_ms() + milliseconds;
  late_ = false;
  pollfd fds[2] = {{pipes_->report.read, POLLIN, 0}, {pipes_->out.read, POLLIN, 0}};
  while (!enough(to)) {
    const int64_t left = deadline - now_ms();
    late_ = left <= 0;
    if (late_ || to.size() > most) return false;
    const int ready = poll(fds, 2, static_cast<int>(left));
    if (ready < 0 && errno != EINTR) fail("poll");
    if (ready <= 0) continue;
    if (fds[1].revents) {
      if (!drain(pipes_->out.read, output_)) fds[1].fd = -1;
      if (output_.size() > (size_t{1} << 16)) output_.erase(0, output_.size() / 2);
    }
    if (fds[0].revents && !drain(pipes_->report.read, to)) return enough(to);
  }
  return true;
}

Outcome Session::finish() {
  // It may be about to end by itself; what it is asked no more it leaves on.
  pipes_->in.close_write();
  for (int wait = 0; wait < 100 && !late_ && !has_ended(child_, WNOHANG); ++wait) {
    pollfd out = {pipes_->out.read, POLLIN, 0};
    poll(&out, 1, 10);
    if (out.revents & POLLIN) drain(pipes_->out.read, output_);
  }
  Outcome outcome;
  end(std::exchange(child_, -1), outcome);
  outcome.output = output_;
  return outcome;
}

int run_here(const std::vector<std::string>& words, const std::vector<std::string>& environment) {
  std::vector<char*> argv = pointers(words), extra = pointers(environment);
  const pid_t child = begin();
  if (child == 0) {
    for (char** each = extra.data(); *each; ++each) putenv(*each);
    execvp(argv[0], argv.data());
    _exit(127);
  }
  has_ended(child, 0);
  Outcome outcome;
  end(child, outcome);
  return outcome.code;
}

std::vector<Outcome> run_all(const std::vector<Program>& programs) {
  std::vector<Outcome> outcomes(programs.size());
  std::vector<std::exception_ptr> errors(programs.size());
  std::atomic<size_t> next{0};
  const auto work = [&] {
    for (size_t i = next++; i < programs.size(); i = next++) {
      try {
        outcomes[i] = run(programs[i]);
      } catch (...) {
        errors[i] = std::current_exception();
      }
    }
  };
  const size_t workers =
      std::min<size_t>(programs.size(), std::max(1U, std::thread::hardware_concurrency()));
  std::vector<std::thread> threads;
  for (size_t i = 1; i < workers; ++i) threads.emplace_back(work);
  work();
  for (std::thread& thread : threads) thread.join();
  for (const std::exception_ptr& error : errors)
    if (error) std::rethrow_exception(error);
  return outcomes;
}

Orphans::Orphans() {
  const std::lock_guard lock(children().mutex);
  children().adopts = prctl(PR_SET_CHILD_SUBREAPER, 1) == 0;
}

Orphans::~Orphans() {
  const std::lock_guard lock(children().mutex);
  for (const int64_t deadline = now_ms() + 5000; now_ms() < deadline && reap_orphans();)
    poll(nullptr, 0, 5);
  prctl(PR_SET_CHILD_SUBREAPER, 0);
  children().adopts = false;
}

}  // namespace tinytorch::lab
