#include "cli/lab/package.h"

#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "cli/lab/generate.h"
#include "cli/lab/workspace.h"
#include "tinytorch/core/error.h"

namespace tinytorch::lab {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

namespace {

constexpr const char* kProvenance = "/tinytorch/provenance.json";
constexpr const char* kStamp = "// tito:from ";

Json load_provenance(const Lab& lab) {
  const std::string path = lab.folder + kProvenance;
  if (!fs::exists(path)) return Json::object();
  Json json = Json::parse(read_text(path), nullptr, false);
  if (!json.is_object()) throw IoError(path + ": is damaged. Hint: export the modules again.");
  return json;
}

void write_read_only(const std::string& path, const std::string& text) {
  write_text(path, text);
  fs::permissions(path, fs::perms(0444));
}

// The framework file with the student's bodies, a stamp under each marker.
std::string package_file(const Lab& lab, const Module& module, const std::string& file,
                         const std::set<std::string>& tasks) {
  const SourceFile reference = read_reference(lab.home, file);
  const SourceFile student = read_source(lab.folder, "modules/" + module.name + "/" + file);
  std::string text =
      fmt::format("// Made by `tito export {}` from modules/{}/{}: change that file.\n",
                  module.name, module.name, file);
  size_t next = 0;
  for (const Region& region : reference.regions) {
    for (; next < region.begin; ++next) text += reference.lines[next] + "\n";
    const Task* task = module.task_of(region.id);
    const bool own = region.is_helpers() || (task && tasks.contains(task->id));
    const Region* from = student.find(region.id);
    text += fmt::format("{}{}\n", kStamp, own && from ? "student" : "reference");
    text += own && from ? student.body(*from) : reference.body(region);
    next = region.end;
  }
  for (; next < reference.lines.size(); ++next) text += reference.lines[next] + "\n";
  return text;
}

}  // namespace

std::string module_fingerprint(const Lab& lab, const Module& module) {
  std::string text;
  std::vector<std::string> names = module.files();
  names.insert(names.end(), module.given.begin(), module.given.end());
  for (const std::string& file : names) {
    const std::string path = lab.folder + "/modules/" + module.name + "/" + file;
    if (fs::exists(path)) text += tokens(read_text(path));
  }
  return text_fingerprint(text);
}

void export_module(const Lab& lab, const Module& module, const std::set<std::string>& tasks) {
  Json provenance = load_provenance(lab);
  Json entry = {{"tasks", tasks}, {"files", Json::object()}};
  std::map<std::string, std::string> files;
  for (const std::string& file : module.files())
    files[file] = package_file(lab, module, file, tasks);
  for (const std::string& file : module.given)
    files[file] = read_text(lab.folder + "/modules/" + module.name + "/" + file);
  // The entry goes first and comes back last: what is killed in between is no export.
  provenance.erase(module.name);
  write_read_only(lab.folder + kProvenance, provenance.dump(1) + "\n");
  for (const auto& [file, text] : files) {
    write_read_only(lab.folder + "/tinytorch/" + file, text);
    entry["files"][file] = text_fingerprint(text);
  }
  provenance[module.name] = entry;
  write_read_only(lab.folder + kProvenance, provenance.dump(1) + "\n");
}

std::set<std::string> exported_tasks(const Lab& lab, const Module& module) {
  const Json provenance = load_provenance(lab);
  if (!provenance.contains(module.name)) return {};
  const Json& entry = provenance[module.name];
  for (const auto& [file, print] : entry.at("files").items()) {
    const std::string path = lab.folder + "/tinytorch/" + file;
    if (!fs::exists(path) || text_fingerprint(read_text(path)) != print.get<std::string>())
      throw IoError("tinytorch/" + file + " is not as it was exported. Hint: ./tito export " +
                    module.name);
  }
  return entry.at("tasks").get<std::set<std::string>>();
}

std::vector<Part> package_parts(const Lab& lab, const std::vector<const Module*>& modules) {
  std::vector<Part> parts;
  for (const Module* module : modules) {
    const std::set<std::string> tasks = exported_tasks(lab, *module);
    for (const std::string& file : module->files()) {
      Part part{file, read_source(lab.folder, "tinytorch/" + file), {}};
      for (const Region& region : part.student.regions) {
        const Task* task = module->task_of(region.id);
        if (region.is_helpers() || (task && tasks.contains(task->id))) part.take.insert(region.id);
      }
      if (!part.student.lines.empty()) parts.push_back(std::move(part));
    }
  }
  return parts;
}

}  // namespace tinytorch::lab
