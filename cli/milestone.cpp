// tito milestone: programs from the history of the field on the student's own package.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

#include "cli/command.h"
#include "cli/lab/milestones.h"
#include "cli/lab/package.h"
#include "cli/lab/process.h"
#include "cli/output.h"

namespace tinytorch::cli {

namespace {

namespace fs = std::filesystem;

std::vector<const lab::Module*> modules_of(const lab::Lab& lab, const lab::Milestone& milestone) {
  std::vector<const lab::Module*> modules;
  modules.reserve(milestone.modules.size());
  for (const std::string& name : milestone.modules)
    modules.push_back(&lab::find_module(lab.course, name));
  return modules;
}

struct Run {
  Json evidence;
  std::vector<std::string> own, borrowed;  // regions that ran, by id
  bool passed = false;
  bool certified() const { return passed && borrowed.empty() && !own.empty(); }
};

// Every file of these modules: the package's where there is one, else the reference's.
std::vector<lab::Part> all_parts(const lab::Lab& lab,
                                 const std::vector<const lab::Module*>& modules) {
  std::vector<lab::Part> parts = lab::package_parts(lab, modules);
  for (const lab::Module* module : modules)
    for (const std::string& file : module->files())
      if (std::none_of(parts.begin(), parts.end(), [&](const auto& p) { return p.file == file; }))
        parts.push_back({file, lab::read_reference(lab.home, file), {}});
  return parts;
}

Run run_milestone(const lab::Lab& lab, const lab::Milestone& milestone) {
  const auto modules = modules_of(lab, milestone);
  const lab::LabBuild builder(lab.home, lab.folder, lab.folder + "/build/release",
                              lab::Profile::kRelease);
  builder.prepare();
  std::vector<lab::Part> parts = all_parts(lab, modules);
  std::vector<std::string> regions;  // by their number in the program
  std::vector<bool> own;
  for (lab::Part& part : parts)
    for (const lab::Region& region : part.student.regions) {
      if (region.is_helpers()) continue;
      part.reach[region.id] = static_cast<int>(regions.size());
      regions.push_back(region.id);
      own.push_back(part.take.contains(region.id));
    }
  const lab::BuildResult built =
      builder.build("milestone_" + milestone.name, parts, lab::given_files(lab));
  if (built.program.empty())
    throw ConfigError("milestone: your package does not build: " + built.errors.begin()->second);

  const std::string reached = lab.folder + "/build/release/reached";
  fs::remove(reached);
  const lab::Outcome outcome =
      lab::run({{"timeout", fmt::format("{:.0f}", 3 * milestone.seconds_limit), built.program},
                lab.folder,
                {"TITO_REACHED=" + reached, "TINYTORCH_KERNELS="},
                {}});
  Run result;
  const size_t begin = outcome.output.find('{');
  if (begin != std::string::npos)
    result.evidence = Json::parse(outcome.output.substr(begin), nullptr, false);
  if (!result.evidence.is_object())
    result.evidence = {{"error", outcome.code == 124 ? "it ran three times longer than its limit"
                                                     : "it died: " + outcome.output}};
  result.passed = outcome.code == 0 && result.evidence.value("passed", false);
  if (fs::exists(reached)) {
    std::istringstream in(lab::read_text(reached));
    for (size_t i = 0; in >> i;)
      if (i < regions.size()) (own[i] ? result.own : result.borrowed).push_back(regions[i]);
  }
  return result;
}

int show_list(const lab::Lab& lab, const std::vector<lab::Milestone>& all, bool json) {
  Json list = Json::array();
  for (const lab::Milestone& milestone : all) {
    std::string missing;
    for (const lab::Module* module : modules_of(lab, milestone))
      if (lab::exported_tasks(lab, *module).size() < module->tasks.size())
        missing += (missing.empty() ? "" : ", ") + module->name;
    const bool certified = lab.state.milestones.contains(milestone.name);
    list.push_back({{"name", milestone.name},
                    {"year", milestone.year},
                    {"title", milestone.title},
                    {"modules", milestone.modules},
                    {"ready", missing.empty()},
                    {"certified", certified}});
    if (json) continue;
    fmt::print("{}  {:<24} {}\n", milestone.year, milestone.title,
               certified         ? styled(stdout, Style::kGreen, "certified")
               : missing.empty() ? "./tito milestone run " + milestone.name
                                 : styled(stdout, Style::kDim, "needs your " + missing));
  }
  if (json) print_json({{"milestones", list}});
  return kOk;
}

std::string value_text(const Json& value) {
  if (value.is_number_float()) return fmt::format("{:.4g}", value.get<double>());
  if (value.is_boolean()) return value.get<bool>() ? "yes" : "no";
  if (value.is_string()) return value.get<std::string>();
  return value.dump();
}

void print(const lab::Lab& lab, const lab::Milestone& milestone, const Run& run) {
  fmt::print("{}\n{}\n\n",
             styled(stdout, Style::kBold, fmt::format("{} {}", milestone.year, milestone.title)),
             milestone.story);
  for (const auto& [key, value] : run.evidence.items())
    if (!value.is_structured()) fmt::print("  {:<22} {}\n", key, value_text(value));
  const size_t ran = run.own.size() + run.borrowed.size();
  fmt::print("\n{} of the {} regions that ran are yours ({:.0f} %).\n", run.own.size(), ran,
             ran ? 100.0 * static_cast<double>(run.own.size()) / static_cast<double>(ran) : 0);
  if (!run.borrowed.empty()) {
    fmt::print("Borrowed from the reference:\n");
    for (const lab::Module& module : lab.course) {
      std::string names;
      for (const std::string& id : run.borrowed)
        if (module.task_of(id)) names += " " + id;
      if (!names.empty()) fmt::print("  {:<10}{}\n", module.name, names);
    }
  }
  if (run.certified())
    fmt::print("{}\n", styled(stdout, Style::kGreen, "Certified: it ran on your own code."));
  else if (run.passed)
    fmt::print("{}\n", styled(stdout, Style::kYellow,
                              "It passes; not certified while regions are borrowed."));
  else
    fmt::print("{}\n", styled(stdout, Style::kRed, "It does not pass."));
}

int run(const Args& args) {
  lab::Lab lab = lab::Lab::open("milestone");
  const lab::LabLock lock(lab.folder);
  const auto all = lab::load_milestones(lab.home);
  const std::string action = args.text("ACTION", "list");
  if (action == "list") return show_list(lab, all, args.json());
  if (action != "run" || args.text("NAME").empty())
    throw ConfigError("milestone: 'list' or 'run NAME'.");
  const lab::Milestone& milestone = lab::find_milestone(all, args.text("NAME"));
  const Run result = run_milestone(lab, milestone);
  if (result.certified())
    lab.state.milestones.insert(milestone.name);
  else
    lab.state.milestones.erase(milestone.name);
  lab.save();
  if (args.json()) {
    const double ran = static_cast<double>(result.own.size() + result.borrowed.size());
    print_json({{"milestone", milestone.name},
                {"passed", result.passed},
                {"certified", result.certified()},
                {"share", ran > 0 ? static_cast<double>(result.own.size()) / ran : 0},
                {"regions_yours", result.own},
                {"regions_borrowed", result.borrowed},
                {"evidence", result.evidence}});
  } else {
    print(lab, milestone, result);
  }
  return result.certified() ? kOk : kCheckFailed;
}

}  // namespace

extern const Command milestone_command{
    "milestone",
    "in a lab: programs from history on your own package",
    "tito milestone run 1957",
    {{"ACTION", "list (the default) or run", false}, {"NAME", "1957, perceptron, ...", false}},
    {},
    run};

}  // namespace tinytorch::cli
