#include "tinytorch/optim/checkpoint.h"

#include <zlib.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
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

Json read_state(const std::string& checkpoint) {
  const std::string path = checkpoint + "/" + kStateFile;
  std::ifstream in(path);
  if (!in) raise<IoError>("checkpoint: '{}' cannot be read.", path);
  try {
    Json state = Json::parse(in);
    if (state.at("format").get<int>() != kFormat)
      raise<IoError>("checkpoint: '{}' has format {}, this version reads {}.", path,
                     state.at("format").dump(), kFormat);
    return state;
  } catch (const Json::exception& e) {
    raise<IoError>("checkpoint: '{}' is damaged: {}", path, e.what());
  }
}

Progress progress_of(const Json& state, const std::string& checkpoint) {
  try {
    Progress p;
    p.step = state.at("step"), p.epoch = state.at("epoch");
    p.loader = {state.at("loader").at("seed"), state.at("loader").at("epoch"),
                state.at("loader").at("batch")};
    p.generator = {state.at("generator").at("seed"), state.at("generator").at("offset")};
    p.best_step = state.at("best").at("step");
    p.best_loss = state.at("best").at("loss"), p.best_accuracy = state.at("best").at("accuracy");
    p.stale_evaluations = state.value("stale_evaluations", int64_t{0});
    if (state.contains("plateau")) {
      const Json& plateau = state["plateau"];
      p.plateau = {plateau.at("evaluations"), plateau.at("best"), plateau.at("stale"),
                   plateau.at("scale")};
    }
    return p;
  } catch (const Json::exception& e) {
    raise<IoError>("checkpoint: '{}/{}' is damaged: {}", checkpoint, kStateFile, e.what());
  }
}

// The tensors of one file of the checkpoint, after its size and checksum have been compared.
data::TensorFile read_checked(const std::string& checkpoint, const char* file, const Json& state) {
  const std::string path = checkpoint + "/" + file;
  FileSum expected;
  try {
    expected.bytes = state.at("files").at(file).at("bytes");
    expected.crc = state.at("files").at(file).at("crc32");
  } catch (const Json::exception& e) {
    raise<IoError>("checkpoint: '{}/{}' is damaged: {}", checkpoint, kStateFile, e.what());
  }
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
  return progress_of(read_state(checkpoint), checkpoint);
}

Progress load_checkpoint(const std::string& checkpoint, nn::Module& model, Optimizer* optimizer) {
  const Json state = read_state(checkpoint);
  const Progress progress = progress_of(state, checkpoint);
  const data::TensorFile weights = read_checked(checkpoint, kModelFile, state);
  if (optimizer) {
    const data::TensorFile moments = read_checked(checkpoint, kOptimizerFile, state);
    std::vector<int64_t> steps;
    try {
      steps = state.at("optimizer").at("steps").get<std::vector<int64_t>>();
    } catch (const Json::exception& e) {
      raise<IoError>("checkpoint: '{}/{}' is damaged: {}", checkpoint, kStateFile, e.what());
    }
    optimizer->load_state(moments.tensors, steps);
  }
  model.load_state_dict(weights.tensors);
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
