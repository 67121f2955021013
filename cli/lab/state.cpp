#include "cli/lab/state.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "cli/home.h"
#include "cli/lab/region.h"
#include "cli/lab/workspace.h"
#include "tinytorch/core/error.h"
#include "tinytorch/data/atomic_file.h"

namespace tinytorch::lab {

using Json = nlohmann::ordered_json;

namespace {

constexpr int kStateFormat = 1;

std::string state_file(const std::string& lab) {
  return lab + "/.tito/state.json";
}

Json as_json(const TaskRecord& record) {
  Json task = {{"starter", record.starter}};
  if (!record.contract.empty()) task["contract"] = record.contract;
  if (!record.state.empty()) task["state"] = record.state;
  if (!record.tested.empty()) task["tested"] = record.tested;
  if (record.hints > 0) task["hints"] = record.hints;
  if (!record.solution.empty()) task["solution"] = record.solution;
  return task;
}

}  // namespace

State load_state(const std::string& lab) {
  const std::string path = state_file(lab);
  const Json json = Json::parse(read_text(path), nullptr, false);
  State state;
  try {
    if (json.at("format") != kStateFormat) throw IoError(path + ": is of another tito.");
    state.current = json.value("current", "");
    for (const auto& [id, task] : json.at("tasks").items())
      state.tasks[id] = {task.at("starter"),         task.value("state", ""),
                         task.value("tested", ""),   task.value("hints", 0),
                         task.value("contract", ""), task.value("solution", "")};
    state.files = json.value("files", state.files);
    state.milestones = json.value("milestones", state.milestones);
    const Json modules = json.value("modules", Json::object());
    for (const auto& [name, module] : modules.items()) {
      ModuleRecord& record = state.modules[name];
      record.started = module.value("started", false);
      record.measured = module.value("measured", std::set<std::string>());
      record.found = module.value("found", std::map<std::string, double>());
      record.hunts = module.value("hunts", std::set<std::string>());
      record.exported = module.value("exported", "");
    }
  } catch (const Json::exception&) {
    throw IoError(path + ": is damaged. Hint: take it from git, or from a new lab.");
  }
  return state;
}

void save_state(const std::string& lab, const State& state) {
  Json json = {{"format", kStateFormat}};
  if (!state.current.empty()) json["current"] = state.current;
  json["tasks"] = Json::object();
  for (const auto& [id, record] : state.tasks) json["tasks"][id] = as_json(record);
  if (!state.milestones.empty()) json["milestones"] = state.milestones;
  if (!state.files.empty()) json["files"] = state.files;
  for (const auto& [name, record] : state.modules) {
    Json& module = json["modules"][name] = {{"started", record.started}};
    if (!record.measured.empty()) module["measured"] = record.measured;
    if (!record.found.empty()) module["found"] = record.found;
    if (!record.hunts.empty()) module["hunts"] = record.hunts;
    if (!record.exported.empty()) module["exported"] = record.exported;
  }
  write_text(state_file(lab), json.dump(1) + "\n");
}

std::string text_fingerprint(const std::string& text) {
  uint64_t hash = 0xcbf29ce484222325;  // FNV-1a, 64 bits
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return fmt::format("{:016x}", hash);
}

std::string fingerprint(const std::string& code) {
  return text_fingerprint(tokens(code));
}

LabLock::LabLock(const std::string& lab)
    : fd_(::open((lab + "/.tito/lock").c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0666)) {
  if (fd_ >= 0) flock(fd_, LOCK_EX);  // a lab that cannot be locked cannot be written either
}

LabLock::~LabLock() {
  if (fd_ >= 0) close(fd_);
}

Lab Lab::open(const char* command) {
  Lab lab;
  lab.home = cli::require_home(command);
  lab.folder = find_lab();
  lab.course = load_course(lab.home);
  lab.state = load_state(lab.folder);
  return lab;
}

bool Lab::passed(const Task& task) const {
  const auto record = state.tasks.find(task.id);
  return record != state.tasks.end() && record->second.state == "PASS";
}

const Task* Lab::next_task(const Module& module) const {
  for (const Task& task : module.tasks)
    if (!passed(task)) return &task;
  return nullptr;
}

const Module& Lab::first_unfinished() const {
  if (course.empty()) throw ConfigError("this installation has no modules.");
  for (const Module& module : course)
    if (module.name == state.current && next_task(module)) return module;
  for (const Module& module : course)
    if (next_task(module)) return module;
  return course.back();
}

Lab::What Lab::find(const std::string& word) const {
  if (word.empty()) return {&first_unfinished(), nullptr};
  const size_t dot = word.find('.');
  const Module& module = find_module(course, word.substr(0, dot));
  if (dot == std::string::npos) return {&module, nullptr};
  std::string number = word.substr(dot + 1);
  while (number.size() > 1 && number[0] == '0') number.erase(0, 1);
  const std::string id = fmt::format("{}.{}", module.order, number);
  const Task* task = module.find(id);
  if (!task) task = module.task_of(id);  // 2.6a is a region of 2.6
  if (!task)
    throw ConfigError(fmt::format("module {} has no task {}. Its tasks: {} to {}.", module.name,
                                  word, module.tasks.front().id, module.tasks.back().id));
  return {&module, task};
}

Lab::What Lab::find_task(const std::string& word) const {
  What what = find(word);
  if (!what.task) what.task = next_task(*what.module);
  if (!what.task) throw ConfigError("every task of " + what.module->name + " is done; name one.");
  return what;
}

}  // namespace tinytorch::lab
