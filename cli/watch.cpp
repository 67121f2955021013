// tito watch: judges a module whenever a file of it was saved. It never moves on by itself.
#include "cli/watch.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/inotify.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <filesystem>

#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/lab/package.h"
#include "cli/lab/process.h"
#include "cli/lab/workspace.h"
#include "cli/output.h"
#include "cli/overview.h"

namespace tinytorch::cli {

namespace {

namespace fs = std::filesystem;

constexpr int kDebounceMs = 200;

// Keys come at once and unseen while this lives.
class RawKeys {
 public:
  RawKeys() : active_(isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &before_) == 0) {
    if (!active_) return;
    termios raw = before_;
    raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
    tcsetattr(STDIN_FILENO, TCSANOW, &raw);
  }
  RawKeys(const RawKeys&) = delete;
  RawKeys& operator=(const RawKeys&) = delete;
  ~RawKeys() { restore(); }
  void restore() {
    if (active_) tcsetattr(STDIN_FILENO, TCSANOW, &before_);
    active_ = false;
  }
  bool active() const { return active_; }

 private:
  termios before_{};
  bool active_;
};

// The folders of a module in the lab, watched for files that are written or moved in.
class Watcher {
 public:
  explicit Watcher(const std::string& folder) : fd_(inotify_init1(IN_CLOEXEC | IN_NONBLOCK)) {
    if (fd_ < 0) throw EnvironmentError("watch: this system has no inotify.");
    add(folder);
    for (const auto& entry : fs::recursive_directory_iterator(folder))
      if (entry.is_directory()) add(entry.path().string());
  }
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;
  ~Watcher() { close(fd_); }
  int fd() const { return fd_; }

  // Takes what has come; true when a source or predictions.toml was among it.
  bool drain() const {
    alignas(inotify_event) char buffer[4096];
    bool relevant = false;
    for (ssize_t n; (n = read(fd_, buffer, sizeof buffer)) > 0;)
      for (char* at = buffer; at < buffer + n;) {
        const auto* event = reinterpret_cast<const inotify_event*>(at);
        const std::string name = event->len ? event->name : "";
        relevant = relevant || name.ends_with(".cpp") || name.ends_with(".h");
        at += sizeof(inotify_event) + event->len;
      }
    return relevant;
  }

 private:
  void add(const std::string& folder) const {
    inotify_add_watch(fd_, folder.c_str(), IN_CLOSE_WRITE | IN_MOVED_TO);
  }
  int fd_;
};

class Session {
 public:
  explicit Session(const std::string& word) : lab_(lab::Lab::open("watch")) {
    module_ = lab_.find(word).module;
    lab_.state.current = module_->name;
    lab_.save();
  }

  int run() {
    const InterruptScope scope;  // the terminal is put right before we leave
    judge();
    RawKeys keys;
    if (keys.active()) show_keys();
    auto watcher = std::make_unique<Watcher>(folder());
    while (!interrupted()) {
      pollfd fds[2] = {{watcher->fd(), POLLIN, 0}, {keys.active() ? STDIN_FILENO : -1, POLLIN, 0}};
      if (poll(fds, 2, -1) < 0) {
        if (errno == EINTR) continue;
        throw EnvironmentError("watch: poll failed.");
      }
      if (fds[0].revents && watcher->drain() && settle(*watcher)) judge();
      if (!fds[1].revents) continue;
      char key = 0;
      if (read(STDIN_FILENO, &key, 1) != 1 || key == 'q') return kOk;
      const lab::Module* before = module_;
      press(key, keys);
      if (module_ != before) watcher = std::make_unique<Watcher>(folder());
    }
    return kInterrupted;
  }

 private:
  std::string folder() const { return lab_.folder + "/modules/" + module_->name; }

  // An editor writes a file in several steps: waits until nothing comes any more.
  static bool settle(const Watcher& watcher) {
    pollfd fd = {watcher.fd(), POLLIN, 0};
    while (poll(&fd, 1, kDebounceMs) > 0) watcher.drain();
    return !interrupted();
  }

  void tito(std::vector<std::string> words) {
    std::fflush(stdout);
    words.insert(words.begin(), lab_.home + "/tito");
    lab::run_here(words, {"TITO_LAB=" + lab_.folder});
    lab_.state = lab::load_state(lab_.folder);
  }

  void judge() {
    if (use_color(stdout)) fmt::print("\033[2J\033[H");
    tito({"test", module_->name});
    const lab::Task* next = lab_.next_task(*module_);
    if (next)
      fmt::print("next: {} {} ({})\n", next->id, next->title, module_file(*next));
    else
      fmt::print("{} is done. Next: {}\n", module_->name, lab_next_step(lab_));
    std::fflush(stdout);
  }

  std::string module_file(const lab::Task& task) const {
    return "modules/" + module_->name + "/" + task.file;
  }

  void show_keys() const {
    fmt::print("{}\n", styled(stdout, Style::kDim,
                              "n next task  h hint  t tests again  l list  d diff since green  "
                              "m measure  r reset  q quit"));
    std::fflush(stdout);
  }

  void press(char key, RawKeys& keys) {
    const lab::Task* next = lab_.next_task(*module_);
    switch (key) {
      case 't':
        judge();
        break;
      case 'l':
        tito({"status"});
        break;
      case 'm':
        tito({"measure", module_->name});
        break;
      case 'h':
        if (next) tito({"hint", next->id});
        break;
      case 'n':
        show_next(next);
        break;
      case 'd':
        show_diff();
        break;
      case 'r':
        if (next) ask_reset(*next, keys);
        break;
      default:
        break;
    }
    show_keys();
  }

  // The task that comes next; where the module is done, the next module.
  void show_next(const lab::Task* next) {
    if (!next) {
      for (const lab::Module& module : lab_.course)
        if (lab_.next_task(module)) {
          module_ = &module;
          tito({"start", module.name});
          return;
        }
      fmt::print("Every task of the course passes.\n");
      return;
    }
    fmt::print("{} {}: {}\n{}\n", next->id, next->title, module_file(*next), next->contract);
  }

  // Each task that passed once, against what stands there now.
  void show_diff() {
    bool any = false;
    for (const lab::Task& task : module_->tasks) {
      const std::string green = lab_.folder + "/.tito/green/" + task.id;
      if (!fs::exists(green)) continue;
      const std::string now = lab_.folder + "/build/now";
      lab::write_text(now, lab::task_text(lab::read_source(lab_.folder, module_file(task)), task));
      const lab::Outcome diff = lab::run({{"diff", "-u", "--label", task.id + " when it passed",
                                           "--label", task.id + " now", green, now},
                                          "",
                                          {},
                                          {}});
      fmt::print("{}", diff.output);
      any = any || !diff.output.empty();
    }
    if (!any) fmt::print("Nothing has changed since the last green.\n");
  }

  void ask_reset(const lab::Task& task, RawKeys& keys) {
    fmt::print("Put the starter of {} back (yours is kept in .tito/backup)? [y/N] ", task.id);
    std::fflush(stdout);
    char key = 0;
    if (!keys.active() || read(STDIN_FILENO, &key, 1) != 1 || key != 'y') {
      fmt::print("no\n");
      return;
    }
    fmt::print("yes\n");
    tito({"reset", task.id});
  }

  lab::Lab lab_;
  const lab::Module* module_;
};

int run(const Args& args) {
  return watch(args.text("MODULE"));
}

}  // namespace

int watch(const std::string& module) {
  return Session(module).run();
}

extern const Command watch_command{"watch",
                                   "in a lab: judge a module at each save",
                                   "tito watch tensor",
                                   {{"MODULE", "tensor, 1; else the current one", false}},
                                   {},
                                   run};

}  // namespace tinytorch::cli
