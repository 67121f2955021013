#include "tinytorch/optim/checkpoint.h"

#include <zlib.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>

#include "tinytorch/core/format.h"
#include "tinytorch/data/atomic_file.h"
#include "tinytorch/data/safetensors.h"

namespace tinytorch::optim {

namespace fs = std::filesystem;
using Json = nlohmann::json;

namespace {

constexpr const char* kModelFile = "model.safetensors";
constexpr const char* kOptimizerFile = "optimizer.safetensors";
constexpr const char* kStateFile = "state.json";
constexpr int kFormat = 1;

struct FileSum {
  uint64_t bytes = 0;
  uint32_t crc = 0;
};

FileSum sum_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) raise<IoError>("checkpoint: '{}' cannot be read.", path);
  FileSum sum;
  std::vector<char> buffer(1 << 20);
  uLong crc = crc32(0, nullptr, 0);
  while (in.read(buffer.data(), static_cast<std::streamsize>(buffer.size())), in.gcount() > 0) {
    crc = crc32(crc, reinterpret_cast<const Bytef*>(buffer.data()), static_cast<uInt>(in.gcount()));
    sum.bytes += static_cast<uint64_t>(in.gcount());
  }
  sum.crc = static_cast<uint32_t>(crc);
  return sum;
}

// state.json. Its values are checked as they are read; `path` is a JSON pointer, "/best/step".
class State {
 public:
  explicit State(const std::string& checkpoint) : file_(checkpoint + "/" + kStateFile) {
    std::ifstream in(file_);
    if (!in) raise<IoError>("checkpoint: '{}' cannot be read.", file_);
    json_ = Json::parse(in, nullptr, false);
    if (json_.is_discarded()) damaged("it is no JSON, or not whole");
    if (const int64_t format = whole("/format"); format != kFormat)
      raise<IoError>("checkpoint: '{}' has format {}, this version reads {}.", file_, format,
                     kFormat);
  }
  bool has(const char* path) const { return json_.contains(Json::json_pointer(path)); }
  int64_t whole(const std::string& path) const {
    const Json& value = at(path);
    if (!value.is_number_integer() || value < 0 || value > std::numeric_limits<int64_t>::max())
      wrong(path, value, "a whole number of at least 0");
    return value;
  }
  uint64_t word(const std::string& path) const {
    const Json& value = at(path);
    if (!value.is_number_unsigned()) wrong(path, value, "a whole number of 64 bits");
    return value;
  }
  // JSON has no NaN: it was written as null.
  double number(const std::string& path) const {
    const Json& value = at(path);
    if (value.is_null()) return std::numeric_limits<double>::quiet_NaN();
    if (!value.is_number()) wrong(path, value, "a number");
    return value;
  }
  std::vector<int64_t> wholes(const std::string& path) const {
    const Json& list = at(path);
    if (!list.is_array()) wrong(path, list, "a list of whole numbers");
    std::vector<int64_t> out(list.size());
    for (size_t i = 0; i < out.size(); ++i) out[i] = whole(format_text("{}/{}", path, i));
    return out;
  }
  [[noreturn]] void damaged(const std::string& why) const {
    raise<IoError>("checkpoint: '{}' is damaged: {}.", file_, why);
  }

 private:
  const Json& at(const std::string& path) const {
    const Json::json_pointer pointer(path);
    if (!json_.contains(pointer)) damaged(format_text("{} is missing", path.substr(1)));
    return json_.at(pointer);
  }
  [[noreturn]] void wrong(const std::string& path, const Json& value, const char* wanted) const {
    damaged(format_text("{} is {}, expected {}", path.substr(1),
                        value.is_structured() ? value.type_name() : value.dump(-1, ' ', true),
                        wanted));
  }
  std::string file_;
  Json json_;
};

Progress progress_of(const State& state) {
  Progress p;
  p.step = state.whole("/step"), p.epoch = state.whole("/epoch");
  p.loader = {state.word("/loader/seed"), state.whole("/loader/epoch"),
              state.whole("/loader/batch")};
  p.generator = {state.word("/generator/seed"), state.word("/generator/offset")};
  p.best_step = state.whole("/best/step");
  p.best_loss = state.number("/best/loss"), p.best_accuracy = state.number("/best/accuracy");
  if (p.best_step > p.step)
    state.damaged(format_text("best/step is {}, behind step {}", p.best_step, p.step));
  if (state.has("/stale_evaluations")) p.stale_evaluations = state.whole("/stale_evaluations");
  if (state.has("/plateau"))
    p.plateau = {state.whole("/plateau/evaluations"), state.number("/plateau/best"),
                 state.whole("/plateau/stale"), state.number("/plateau/scale")};
  return p;
}

// The tensors of one file of the checkpoint, after its size and checksum have been compared.
data::TensorFile read_checked(const std::string& checkpoint, const char* file, const State& state) {
  const std::string path = checkpoint + "/" + file, entry = format_text("/files/{}/", file);
  const FileSum expected = {state.word(entry + "bytes"),
                            static_cast<uint32_t>(state.word(entry + "crc32"))};
  const FileSum found = sum_of(path);
  if (found.bytes != expected.bytes || found.crc != expected.crc)
    raise<IoError>(
        "checkpoint: '{}' is damaged: {} bytes with CRC-32 {:08x}, {} with {:08x} were written. "
        "Hint: without the folder '{}' the run goes on from an earlier checkpoint.",
        path, found.bytes, found.crc, expected.bytes, expected.crc, checkpoint);
  return data::read_safetensors(path);
}

Json json_sum(const std::string& path) {
  const FileSum sum = sum_of(path);
  return {{"bytes", sum.bytes}, {"crc32", sum.crc}};
}

}  // namespace

std::string checkpoint_path(const std::string& dir, int64_t step) {
  return format_text("{}/step-{:09}", dir, step);
}

std::vector<int64_t> checkpoint_steps(const std::string& dir) {
  std::vector<int64_t> steps;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(dir, ignored)) {
    const std::string name = entry.path().filename();
    if (name.rfind("step-", 0) == 0 && name.size() > 5 &&
        std::all_of(name.begin() + 5, name.end(), [](char c) { return c >= '0' && c <= '9'; }) &&
        name.size() < 20)
      steps.push_back(std::stoll(name.substr(5)));
  }
  std::sort(steps.begin(), steps.end());
  return steps;
}

std::string save_checkpoint(const std::string& dir, const nn::Module& model,
                            const Optimizer& optimizer, const Progress& p) {
  const std::string final_path = checkpoint_path(dir, p.step);
  const std::string part = format_text("{}/.part-{}", dir, p.step);
  try {
    fs::create_directories(dir);
    fs::remove_all(part);
    fs::create_directory(part);
    data::write_safetensors(part + "/" + kModelFile, {model.state_dict(), {{"format", "pt"}}});
    data::write_safetensors(part + "/" + kOptimizerFile, {optimizer.state_tensors(), {}});
    Json state = {
        {"format", kFormat},
        {"step", p.step},
        {"epoch", p.epoch},
        {"loader", {{"seed", p.loader.seed}, {"epoch", p.loader.epoch}, {"batch", p.loader.batch}}},
        {"generator", {{"seed", p.generator.seed}, {"offset", p.generator.offset}}},
        {"best", {{"step", p.best_step}, {"loss", p.best_loss}, {"accuracy", p.best_accuracy}}},
        {"stale_evaluations", p.stale_evaluations},
        {"optimizer", {{"lr", optimizer.lr()}, {"steps", optimizer.steps()}}},
        {"files",
         {{kModelFile, json_sum(part + "/" + kModelFile)},
          {kOptimizerFile, json_sum(part + "/" + kOptimizerFile)}}}};
    if (p.plateau.evaluations > 0)
      state["plateau"] = {{"evaluations", p.plateau.evaluations},
                          {"best", p.plateau.best},
                          {"stale", p.plateau.stale},
                          {"scale", p.plateau.scale}};
    data::write_file_atomic(part + "/" + kStateFile, state.dump(1) + "\n");
    data::sync_folder(part);
    fs::remove_all(final_path);
    fs::rename(part, final_path);
    data::sync_folder(dir);
  } catch (const fs::filesystem_error& e) {
    raise<IoError>("checkpoint: '{}' cannot be written: {}", final_path, e.code().message());
  }
  return final_path;
}

Progress read_progress(const std::string& checkpoint) {
  return progress_of(State(checkpoint));
}

Progress load_checkpoint(const std::string& checkpoint, nn::Module& model, Optimizer* optimizer) {
  const State state(checkpoint);
  const Progress progress = progress_of(state);
  const data::TensorFile weights = read_checked(checkpoint, kModelFile, state);
  if (!optimizer) {
    model.load_state_dict(weights.tensors);
    return progress;
  }
  const data::TensorFile moments = read_checked(checkpoint, kOptimizerFile, state);
  const auto before = optimizer->state_tensors();
  const std::vector<int64_t> steps_before = optimizer->steps();
  optimizer->load_state(moments.tensors, state.wholes("/optimizer/steps"));
  try {
    model.load_state_dict(weights.tensors);
  } catch (...) {  // each takes all or nothing; both together do so too
    optimizer->load_state(before, steps_before);
    throw;
  }
  return progress;
}

void prune_checkpoints(const std::string& dir, const std::vector<int64_t>& keep) {
  std::error_code ignored;
  std::vector<fs::path> gone;
  for (const auto& entry : fs::directory_iterator(dir, ignored)) {
    const std::string name = entry.path().filename();
    if (name.rfind(".part-", 0) == 0) gone.push_back(entry.path());
  }
  for (const int64_t step : checkpoint_steps(dir))
    if (std::find(keep.begin(), keep.end(), step) == keep.end())
      gone.push_back(checkpoint_path(dir, step));
  for (const fs::path& path : gone) fs::remove_all(path, ignored);
}

}  // namespace tinytorch::optim
