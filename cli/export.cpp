// tito export: the student's code of a module becomes part of the student's package.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/lab/package.h"
#include "cli/output.h"

namespace tinytorch::cli {

namespace {

int run(const Args& args) {
  lab::Lab lab = lab::Lab::open("export");
  const lab::LabLock lock(lab.folder);
  const lab::Module& module = *lab.find(args.text("MODULE")).module;
  const lab::Verdict verdict = lab::judge(lab, module, nullptr);
  std::set<std::string> own;
  Json given = Json::array(), failing = Json::array();
  for (const lab::TaskResult& task : verdict.tasks) {
    if (task.state == "PASS")
      own.insert(task.task->id);
    else if (task.state == "TODO")
      given.push_back(task.task->id);
    else
      failing.push_back(task.task->id);
  }
  const bool exports = failing.empty() && !own.empty();
  if (exports) {
    lab::export_module(lab, module, own);
    lab.state.modules[module.name].exported = lab::module_fingerprint(lab, module);
    lab.save();
  }
  if (args.json()) {
    print_json({{"module", module.name},
                {"exported", exports},
                {"yours", own},
                {"given", given},
                {"failing", failing},
                {"complete", exports && given.empty()}});
    return exports ? kOk : kCheckFailed;
  }
  const auto names = [](const Json& list) {
    std::string text;
    for (const auto& id : list) text += (text.empty() ? "" : ", ") + id.get<std::string>();
    return text;
  };
  if (!exports) {
    if (own.empty() && failing.empty())
      fmt::print("Nothing of {} is written yet. Hint: ./tito start {}\n", module.name, module.name);
    else
      fmt::print("Not exported: {} fail{}. Hint: ./tito test {}\n", names(failing),
                 failing.size() == 1 ? "s" : "", module.name);
    return kCheckFailed;
  }
  for (const std::string& file : module.files()) fmt::print("  tinytorch/{}\n", file);
  fmt::print("{} of {} tasks are yours{}\n", own.size(), module.tasks.size(),
             given.empty() ? "." : "; given: " + names(given) + ".");
  return kOk;
}

}  // namespace

extern const Command export_command{"export",
                                    "in a lab: put what passes into your own package",
                                    "tito export tensor",
                                    {{"MODULE", "tensor, 1; else the current one", false}},
                                    {},
                                    run};

}  // namespace tinytorch::cli
