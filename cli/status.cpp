// tito status: how far a lab is. Nothing is built or run.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/lab/package.h"
#include "cli/lab/predictions.h"
#include "cli/output.h"
#include "cli/overview.h"

namespace tinytorch::cli {

namespace {

std::string bar(double share, int width) {
  const int full = static_cast<int>(std::lround(share * width));
  std::string text;
  for (int i = 0; i < width; ++i) text += i < full ? "█" : "░";
  return text;
}

struct ModuleStatus {
  const lab::Module* module;
  std::vector<std::pair<const lab::Task*, std::string>> tasks;  // with a state
  int done = 0;
  std::set<std::string> exported;
  bool stale = false;
  size_t predicted = 0;
  std::string problem;  // of its exports or predictions
};

ModuleStatus look(const lab::Lab& lab, const lab::Module& module) {
  ModuleStatus status{&module, {}, 0, {}, false, 0, ""};
  for (const lab::Task& task : module.tasks) {
    const auto record = lab.state.tasks.find(task.id);
    std::string state = "TODO";
    try {
      const lab::TaskResult seen = lab::look_at(lab.folder, module, task, lab.state);
      if (!seen.state.empty())
        state = seen.state;
      else if (record != lab.state.tasks.end() && record->second.tested == seen.body)
        state = record->second.state;
      else
        state = "CHANGED";  // since its last test
    } catch (const Error& e) {
      state = "FAIL", status.problem = e.what();
    }
    status.done += state == "PASS";
    status.tasks.emplace_back(&task, state);
  }
  try {
    status.exported = lab::exported_tasks(lab, module);
    status.predicted = lab::load_predictions(lab.folder, module).size();
  } catch (const Error& e) {
    status.problem = e.what();
  }
  const auto record = lab.state.modules.find(module.name);
  status.stale = record != lab.state.modules.end() && !record->second.exported.empty() &&
                 record->second.exported != lab::module_fingerprint(lab, module);
  return status;
}

Json as_json(const lab::Lab& lab, const ModuleStatus& s) {
  const auto record = lab.state.modules.find(s.module->name);
  const lab::ModuleRecord none, &known = record == lab.state.modules.end() ? none : record->second;
  Json object = {
      {"name", s.module->name},
      {"order", s.module->order},
      {"title", s.module->title},
      {"started", known.started},
      {"done", s.done},
      {"total", s.tasks.size()},
      {"exported", s.exported},
      {"stale", s.stale},
      {"predictions", {{"answered", s.predicted}, {"total", s.module->predictions.size()}}},
      {"measured", known.measured},
      {"hunts", known.hunts},
      {"tasks", Json::array()}};
  for (const auto& [task, state] : s.tasks) {
    const auto of = lab.state.tasks.find(task->id);
    object["tasks"].push_back(
        {{"id", task->id},
         {"title", task->title},
         {"state", state},
         {"points", task->points},
         {"hints", of == lab.state.tasks.end() ? 0 : of->second.hints},
         {"solution", of == lab.state.tasks.end() ? "" : of->second.solution}});
  }
  return object;
}

void print(const lab::Lab& lab, const std::vector<ModuleStatus>& modules, double done,
           double share) {
  for (const ModuleStatus& s : modules) {
    const double part = static_cast<double>(s.done) / static_cast<double>(s.tasks.size());
    std::string note = s.stale                               ? "STALE: changed since its export"
                       : s.exported.size() == s.tasks.size() ? "exported"
                       : !s.exported.empty()                 ? "exported in part"
                                                             : "";
    if (!s.problem.empty()) note = s.problem;
    fmt::print("{:>3} {:<11} {} {:>2}/{:<2}  {}\n", s.module->order, s.module->name, bar(part, 12),
               s.done, s.tasks.size(),
               styled(stdout, s.stale ? Style::kYellow : Style::kDim, note));
    for (const auto& [task, state] : s.tasks)
      if (s.module->name == lab.state.current)
        fmt::print("      {} {:<5} {}\n",
                   styled(stdout,
                          state == "PASS"                       ? Style::kGreen
                          : state == "FAIL" || state == "CRASH" ? Style::kRed
                                                                : Style::kYellow,
                          fmt::format("{:<7}", state)),
                   task->id, task->title);
  }
  for (const ModuleStatus& s : modules)
    if (s.module->name == lab.state.current &&
        std::any_of(s.tasks.begin(), s.tasks.end(),
                    [](const auto& task) { return task.second == "CHANGED"; }))
      fmt::print("      CHANGED: since it was judged last; ./tito test {} judges it\n",
                 s.module->name);
  fmt::print("\nCourse {} {:.0f} %. {:.0f} % of its regions in your package are yours.\n",
             bar(done, 24), 100 * done, 100 * share);
}

int run(const Args& args) {
  const lab::Lab lab = lab::Lab::open("status");
  std::vector<ModuleStatus> modules;
  double tasks = 0, done = 0, regions = 0, own = 0;
  for (const lab::Module& module : lab.course) {
    modules.push_back(look(lab, module));
    tasks += static_cast<double>(module.tasks.size());
    done += modules.back().done;
    for (const lab::Task& task : module.tasks) {
      regions += static_cast<double>(task.regions.size());
      if (modules.back().exported.contains(task.id))
        own += static_cast<double>(task.regions.size());
    }
  }
  const double progress = tasks > 0 ? done / tasks : 0, share = regions > 0 ? own / regions : 0;
  const std::string next = lab_next_step(lab);
  if (args.json()) {
    Json object = {{"current", lab.state.current}, {"tasks_done", done}, {"tasks", tasks},
                   {"progress", progress},         {"share", share},     {"next", next},
                   {"modules", Json::array()}};
    for (const ModuleStatus& s : modules) object["modules"].push_back(as_json(lab, s));
    print_json(object);
    return kOk;
  }
  print(lab, modules, progress, share);
  fmt::print("Next: {}\n", next);
  return kOk;
}

}  // namespace

extern const Command status_command{
    "status", "in a lab: how far you are", "tito status --json", {}, {}, run};

}  // namespace tinytorch::cli
