#pragma once
#include <cstdio>
#include <string>
#include <utility>

#include "tinytorch/config/config.h"
#include "tinytorch/optim/trainer.h"

namespace tinytorch {

// A run's folder: config.toml (resolved), environment.txt, metrics.jsonl (a line for each step and
// each evaluation), checkpoints/; for text tokenizer/ (data/tokenizer.h).
class RunFolder {
 public:
  // A new folder: train.out, else runs/NAME-001 and so on (under `root`). ConfigError when the
  // folder holds a run already.
  static RunFolder create(const Config& config, const std::string& root = "runs");
  static RunFolder open(const std::string& path);  // IoError when there is no run

  const std::string& path() const { return path_; }
  std::string checkpoints() const { return path_ + "/checkpoints"; }
  std::string tokenizer() const { return path_ + "/tokenizer"; }
  std::string config_file() const { return path_ + "/config.toml"; }
  Config load_config() const;  // IoError when it is damaged
  std::string metrics_file() const { return path_ + "/metrics.jsonl"; }
  // The newest checkpoint, or empty. The best one (lowest evaluation loss): IoError when none.
  std::string last_checkpoint() const;
  std::string best_checkpoint() const;

  // Held by the process that trains here. IoError when another one does. Where the file system has
  // no locks, it holds none.
  class Lock {
   public:
    explicit Lock(int fd) : fd_(fd) {}
    Lock(Lock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    ~Lock();

   private:
    friend class RunFolder;
    int fd_;
  };
  Lock lock() const;

  // Removes the folder if create() made it and nothing has been written: the experiment was
  // refused.
  void remove_if_unused() const;

  void write_config(const Config& config) const;
  void write_environment(const std::string& report) const;

 private:
  explicit RunFolder(std::string path, bool made = false) : path_(std::move(path)), made_(made) {}
  std::string path_;
  bool made_;
};

// Appends to metrics.jsonl, each line with one write, so that a killed run loses no finished line.
class MetricsWriter {
 public:
  // Keeps the lines of steps up to `keep_steps` (a run that is resumed there), drops the rest.
  MetricsWriter(const std::string& file, int64_t keep_steps);
  ~MetricsWriter();
  MetricsWriter(const MetricsWriter&) = delete;
  MetricsWriter& operator=(const MetricsWriter&) = delete;
  void write(const optim::StepReport& report);
  void write(const optim::EvalReport& report);

 private:
  void line(const std::string& text);
  int fd_ = -1;
  std::string file_;
};

}  // namespace tinytorch
