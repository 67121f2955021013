#include "tinytorch/config/run.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tinytorch/config/experiment.h"
#include "tinytorch/core/format.h"
#include "tinytorch/data/atomic_file.h"

namespace tinytorch {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

namespace {

// "cnn-fashion-mnist": what the run is, as part of a folder's name.
std::string run_name(const Config& config) {
  std::string name = model_name(config) + "-" + config.get<std::string>("data.name");
  name = name.substr(0, name.find(':'));
  for (char& c : name)
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '-') c = '_';
  return name;
}

void make_folder(const std::string& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) raise<IoError>("run folder '{}' cannot be made: {}", path, error.message());
}

}  // namespace

RunFolder RunFolder::create(const Config& config, const std::string& root) {
  if (const auto out = config.find<std::string>("train.out")) {
    if (fs::exists(*out + "/config.toml"))
      config.refuse(
          "train.out",
          format_text("'{0}' holds a run already. Hint: --resume {0}, or another folder", *out));
    const bool made = !fs::exists(*out);
    make_folder(*out);
    return RunFolder(*out, made);
  }
  make_folder(root);
  for (int i = 1;; ++i) {  // create_directory says whether it was this call that made it
    const std::string path = format_text("{}/{}-{:03}", root, run_name(config), i);
    std::error_code error;
    if (fs::create_directory(path, error)) return RunFolder(path, true);
    if (error) raise<IoError>("run folder '{}' cannot be made: {}", path, error.message());
  }
}

RunFolder RunFolder::open(const std::string& path) {
  if (!fs::exists(path + "/config.toml"))
    raise<IoError>(
        "'{}' is no run folder: it has no config.toml. Hint: tito train prints the folder of a "
        "run.",
        path);
  return RunFolder(path);
}

std::string RunFolder::last_checkpoint() const {
  const auto steps = optim::checkpoint_steps(checkpoints());
  return steps.empty() ? "" : optim::checkpoint_path(checkpoints(), steps.back());
}

std::string RunFolder::best_checkpoint() const {
  const std::string last = last_checkpoint();
  if (last.empty()) raise<IoError>("the run '{}' has no checkpoint yet.", path_);
  const int64_t best = optim::read_progress(last).best_step;
  const std::string path = optim::checkpoint_path(checkpoints(), best);
  return best > 0 && fs::exists(path) ? path : last;
}

Config RunFolder::load_config() const {
  try {
    return Config::load(config_file());
  } catch (const ConfigError& e) {  // the tool wrote it: no mistake of the user's
    raise<IoError>("the configuration of the run '{}' is damaged: {}", path_, e.what());
  }
}

void RunFolder::remove_if_unused() const {
  std::error_code not_empty;
  if (made_) fs::remove(path_, not_empty);
}

RunFolder::Lock RunFolder::lock() const {
  Lock lock(::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (lock.fd_ >= 0 && ::flock(lock.fd_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
    raise<IoError>("another process is training in '{}'.", path_);
  return lock;
}

RunFolder::Lock::~Lock() {
  if (fd_ >= 0) ::close(fd_);
}

void RunFolder::write_config(const Config& config) const {
  data::write_file_atomic(config_file(), config.dump());
}
void RunFolder::write_environment(const std::string& report) const {
  data::write_file_atomic(path_ + "/environment.txt", report);
}

MetricsWriter::MetricsWriter(const std::string& file, int64_t keep_steps) : file_(file) {
  std::string kept;
  if (std::ifstream in(file); in && keep_steps > 0) {
    std::string text;
    while (std::getline(in, text)) {
      const Json json = Json::parse(text, nullptr, false);  // the last line may have been cut off
      if (json.is_object() && json.contains("step") && json["step"].is_number_integer() &&
          json["step"].get<int64_t>() <= keep_steps)
        kept += text + "\n";
    }
  }
  data::write_file_atomic(file, kept);
  fd_ = ::open(file.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  if (fd_ < 0) raise<IoError>("'{}' cannot be written: {}", file, std::strerror(errno));
}

MetricsWriter::~MetricsWriter() {
  if (fd_ >= 0) ::close(fd_);
}

void MetricsWriter::line(const std::string& text) {
  const std::string whole = text + "\n";
  if (::write(fd_, whole.data(), whole.size()) != static_cast<ssize_t>(whole.size()))
    raise<IoError>("'{}' cannot be written: {}", file_, std::strerror(errno));
}

void MetricsWriter::write(const optim::StepReport& r) {
  line(Json{{"step", r.step},
            {"epoch", r.epoch},
            {"loss", r.loss},
            {"lr", r.lr},
            {"samples_per_second", r.samples_per_second}}
           .dump());
}
void MetricsWriter::write(const optim::EvalReport& r) {
  line(Json{{"event", "eval"},
            {"step", r.step},
            {"epoch", r.epoch},
            {"samples", r.samples},
            {"loss", r.loss},
            {"accuracy", r.accuracy}}
           .dump());
}

}  // namespace tinytorch
