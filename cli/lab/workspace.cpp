#include "cli/lab/workspace.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "cli/lab/generate.h"
#include "cli/lab/predictions.h"
#include "cli/lab/region.h"
#include "cli/lab/state.h"
#include "tinytorch/core/error.h"
#include "tinytorch/data/atomic_file.h"

namespace tinytorch::lab {

namespace fs = std::filesystem;

namespace {

constexpr const char* kStateFile = ".tito/state.json";

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

// What a task's card says, from the manifest.
std::string card(const Module& module, const Task& task) {
  std::string text = fmt::format(
      "### {} {}\n\n`modules/{}/{}`, {} minutes, {} points, `./tito test {}`\n\n{}\n", task.id,
      task.title, module.name, task.file, task.minutes, task.points, task.id, task.contract);
  text += fmt::format("\n**At the edge.** {}\n\n**Not tested.** {}\n", task.edges, task.untested);
  for (size_t i = 0; i < task.hints.size(); ++i)
    text += fmt::format("\n<details><summary>Hint {}</summary>\n\n{}\n\n</details>\n", i + 1,
                        task.hints[i]);
  return text + "\n";
}

void write_lab(const std::vector<Module>& course, const std::string& home, const fs::path& lab) {
  State state;
  for (const Module& module : course) {
    const auto files = module_files(module, home);
    for (const auto& [name, text] : files) write_text((lab / name).string(), text);
    write_text((lab / "modules" / module.name / "predictions.toml").string(),
               predictions_text(module, {}));
    record_module(module, files, state);
  }
  fs::create_directories(lab / "tinytorch");
  write_text((lab / ".gitignore").string(), "/build/\n/compile_commands.json\n/.tito/local\n");
  write_text((lab / "tito").string(), kLauncher);
  fs::permissions(lab / "tito", fs::perms(0755));
  write_text((lab / ".tito/local").string(), home + "\n");
  save_state(lab.string(), state);
}

// The chapter with the cards of its tasks, as it stands in a lab.
std::string chapter(const Module& module) {
  std::string text = read_text(module.folder + "/README.md"), cards;
  for (const Task& task : module.tasks) cards += card(module, task);
  const std::string place = "<!-- tasks -->\n";
  const size_t at = text.find(place);
  if (at != std::string::npos) text.replace(at, place.size(), cards);
  return text;
}

}  // namespace

void write_text(const std::string& path, const std::string& text) {
  fs::create_directories(fs::path(path).parent_path());
  data::write_file_atomic(path, text);
}

std::map<std::string, std::string> module_files(const Module& module, const std::string& home) {
  std::map<std::string, std::string> files;
  const std::string folder = "modules/" + module.name + "/";
  files[folder + "README.md"] = chapter(module);
  for (const auto& entry : fs::directory_iterator(module.folder))
    if (entry.path().extension() == ".svg")
      files[folder + entry.path().filename().string()] = read_text(entry.path().string());
  const std::string sources = home + "/tinytorch/";
  for (const std::string& file : module.files())
    files[folder + file] = make_starter(parse_source(read_text(sources + file), file), module);
  for (const std::string& file : module.given) files[folder + file] = read_text(sources + file);
  for (const Hunt& hunt : module.hunts)
    for (const char* part : {".cpp", ".h"})
      files[folder + "debug/" + hunt.id + part] =
          read_text(module.folder + "/debug/" + hunt.id + part);
  return files;
}

void record_module(const Module& module, const std::map<std::string, std::string>& files,
                   State& state) {
  for (const auto& [name, text] : files) state.files[name] = outside_fingerprint(text, name);
  for (const Task& task : module.tasks) {
    state.tasks[task.id].starter = starter_fingerprint(task);
    state.tasks[task.id].contract = contract_fingerprint(task);
  }
}

std::string outside_fingerprint(const std::string& text, const std::string& name) {
  const SourceFile file = parse_source(text, name);
  std::string outside;
  size_t next = 0;
  for (const Region& region : file.regions) {
    for (; next < region.begin; ++next) outside += file.lines[next] + "\n";
    next = region.end;
  }
  for (; next < file.lines.size(); ++next) outside += file.lines[next] + "\n";
  return text_fingerprint(outside);
}

std::string back_up(const std::string& lab, const std::string& name) {
  std::string flat = name;
  std::replace(flat.begin(), flat.end(), '/', '_');
  const fs::path folder = lab;
  for (int number = 1;; ++number) {
    const std::string copy = fmt::format(".tito/backup/{}-{}", number, flat);
    if (fs::exists(folder / copy)) continue;
    write_text((folder / copy).string(), read_text((folder / name).string()));
    return copy;
  }
}

std::string starter_fingerprint(const Task& task) {
  return fingerprint(starter_body(task, ""));
}

std::string contract_fingerprint(const Task& task) {
  std::string text = task.contract + task.edges;
  for (const std::string& test : task.tests) text += "\n" + test;
  return text_fingerprint(text);
}

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

namespace {

// Empty where there is none.
std::string lab_above() {
  const char* named = std::getenv("TITO_LAB");
  fs::path folder = named && *named ? fs::path(named) : fs::current_path();
  while (!fs::exists(folder / kStateFile)) {
    if (!folder.has_relative_path()) return "";
    folder = folder.parent_path();
  }
  return folder.string();
}

}  // namespace

bool in_lab() {
  return !lab_above().empty();
}

std::string find_lab() {
  std::string lab = lab_above();
  if (lab.empty())
    throw ConfigError("this is no lab. Hint: make one with `tito init DIR`, then go there.");
  return lab;
}

}  // namespace tinytorch::lab
