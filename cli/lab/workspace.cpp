#include "cli/lab/workspace.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "cli/lab/generate.h"
#include "cli/lab/region.h"
#include "tinytorch/core/error.h"
#include "tinytorch/data/atomic_file.h"

namespace tinytorch::lab {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

namespace {

constexpr const char* kStateFile = ".tito/state.json";
constexpr int kStateFormat = 1;

// The launcher of a lab. `.tito/local` belongs to one machine and stays out of git.
constexpr const char* kLauncher = R"sh(#!/bin/sh
# Hands over to the TinyTorch installation that this lab uses.
lab=$(CDPATH='' cd -P -- "$(dirname -- "$0")" && pwd -P) || exit 3
home=${TINYTORCH_HOME:-}
[ -n "$home" ] || [ ! -r "$lab/.tito/local" ] || read -r home <"$lab/.tito/local"
if [ -z "$home" ] || [ ! -x "$home/tito" ]; then
  echo "tito: this lab needs a TinyTorch checkout${home:+; there is none in $home}." >&2
  echo "tito: name one: echo /path/to/tinytorch > '$lab/.tito/local' (or set TINYTORCH_HOME)" >&2
  exit 3
fi
TITO_LAB=$lab exec "$home/tito" "$@"
)sh";

void write_text(const fs::path& path, const std::string& text) {
  fs::create_directories(path.parent_path());
  data::write_file_atomic(path.string(), text);
}

// The chapter, or while there is none, the question and the tasks.
std::string chapter(const Module& module) {
  const fs::path written = fs::path(module.folder) / "README.md";
  if (fs::exists(written)) return read_text(written.string());
  std::string text = "# " + module.title + "\n\n" + module.question + "\n";
  for (const Task& task : module.tasks)
    text += "\n## " + task.id + " " + task.title + "\n\n`" + task.file + "`, " +
            std::to_string(task.minutes) + " minutes, " + std::to_string(task.points) +
            " points\n\n" + task.contract + "\n";
  return text;
}

std::string predictions(const Module& module) {
  std::string text = "# Put a number in before you measure; `tito predict` does it for you.\n";
  for (const Prediction& p : module.predictions)
    text += "\n# " + p.question + "\n# " + p.id + " =  # " + p.unit + "\n";
  return text;
}

void write_module(const Module& module, const std::string& home, const fs::path& folder,
                  Records& records) {
  write_text(folder / "README.md", chapter(module));
  write_text(folder / "predictions.toml", predictions(module));
  for (const std::string& file : module.files()) {
    const SourceFile reference = parse_source(read_text(home + "/tinytorch/" + file), file);
    write_text(folder / file, make_starter(reference, module));
  }
  for (const Task& task : module.tasks) records[task.id].starter = fingerprint(starter_of(task));
}

void write_lab(const std::vector<Module>& course, const std::string& home, const fs::path& lab) {
  Records records;
  for (const Module& module : course)
    write_module(module, home, lab / "modules" / module.name, records);
  fs::create_directories(lab / "tinytorch");
  write_text(lab / ".gitignore", "/build/\n/.tito/local\n");
  write_text(lab / "tito", kLauncher);
  fs::permissions(lab / "tito", fs::perms(0755));
  write_text(lab / ".tito/local", home + "\n");
  fs::create_directories(lab / ".tito");
  save_records(lab.string(), records);
}

}  // namespace

void make_workspace(const std::vector<Module>& course, const std::string& home,
                    const std::string& folder) {
  const fs::path lab = fs::weakly_canonical(fs::absolute(folder)).lexically_normal();
  const bool exists = fs::exists(fs::symlink_status(lab));
  if (exists && !(fs::is_directory(lab) && fs::is_empty(lab)))
    throw ConfigError(folder +
                      ": is there already and not empty; nothing was changed. Hint: name "
                      "a new folder.");
  // Written beside its place, then moved there by one rename.
  fs::create_directories(lab.parent_path());
  const fs::path draft = lab.parent_path() /
                         ("." + lab.filename().string() + ".tito-init-" + std::to_string(getpid()));
  try {
    write_lab(course, home, draft);
    if (exists && fs::equivalent(lab, fs::current_path())) {
      // Under our own feet: what makes it a lab comes last.
      for (const auto& entry : fs::directory_iterator(draft))
        if (entry.path().filename() != ".tito")
          fs::rename(entry.path(), lab / entry.path().filename());
      fs::rename(draft / ".tito", lab / ".tito");
      fs::remove(draft);
    } else {
      fs::rename(draft, lab);
    }
  } catch (...) {
    std::error_code ec;
    fs::remove_all(draft, ec);
    throw;
  }
}

std::string find_lab() {
  const char* named = std::getenv("TITO_LAB");
  fs::path folder = named && *named ? fs::path(named) : fs::current_path();
  while (true) {
    if (fs::exists(folder / kStateFile)) return folder.string();
    if (!folder.has_relative_path()) break;
    folder = folder.parent_path();
  }
  throw ConfigError("this is no lab. Hint: make one with `tito init DIR`, then go there.");
}

Records load_records(const std::string& lab) {
  const std::string path = lab + "/" + kStateFile;
  const Json state = Json::parse(read_text(path), nullptr, false);
  Records records;
  try {
    if (state.at("format") != kStateFormat) throw IoError(path + ": is of another tito.");
    for (const auto& [id, task] : state.at("tasks").items())
      records[id] = {task.at("starter"), task.value("state", ""), task.value("tested", "")};
  } catch (const Json::exception&) {
    throw IoError(path + ": is damaged. Hint: take it from git, or from a new lab.");
  }
  return records;
}

void save_records(const std::string& lab, const Records& records) {
  Json state = {{"format", kStateFormat}, {"tasks", Json::object()}};
  for (const auto& [id, record] : records) {
    Json& task = state["tasks"][id] = {{"starter", record.starter}};
    if (!record.state.empty()) task["state"] = record.state;
    if (!record.tested.empty()) task["tested"] = record.tested;
  }
  data::write_file_atomic(lab + "/" + kStateFile, state.dump(1) + "\n");
}

std::string fingerprint(const std::string& code) {
  uint64_t hash = 0xcbf29ce484222325;  // FNV-1a, 64 bits
  for (const char c : tokens(code)) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  std::string text;
  for (int shift = 60; shift >= 0; shift -= 4) text += "0123456789abcdef"[hash >> shift & 15];
  return text;
}

}  // namespace tinytorch::lab
