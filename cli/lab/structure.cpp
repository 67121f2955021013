// Manifests, regions, files and chapters: what can be seen without running anything.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "cli/lab/course.h"
#include "cli/lab/region.h"
#include "tinytorch/core/error.h"

namespace tinytorch::lab {

namespace fs = std::filesystem;

namespace {

// Module and export target, from the course's founding document.
constexpr std::pair<const char*, const char*> kExports[] = {
    {"setup", "core/utils"},       {"tensor", "core/tensor"},
    {"mlp", "nn/linear"},          {"cnn", "nn/conv"},
    {"autograd", "core/autograd"}, {"dataloader", "core/dataloader"},
    {"training", "optim/"},        {"config", "config/"},
    {"profiling", "profiling/"},   {"compression", "compression/"},
    {"kernels", "kernels/"},       {"benchmarking", "benchmarking/"},
    {"mlops", "mlops/"},
};

constexpr const char* kHeadings[] = {"1. The systems question",
                                     "2. The loop",
                                     "3. Invariants",
                                     "4. Predict",
                                     "5. Implement",
                                     "6. Measure",
                                     "7. Break and debug",
                                     "8. Design space",
                                     "9. Checkpoint",
                                     "10. Reason",
                                     "11. Bonus",
                                     "12. Export"};

std::vector<std::string> files_under(const std::string& folder, const char* extension) {
  std::vector<std::string> files;
  std::error_code ec;
  for (fs::recursive_directory_iterator it(folder, ec), end; !ec && it != end; it.increment(ec))
    if (it->path().extension() == extension) files.push_back(it->path().string());
  std::sort(files.begin(), files.end());
  return files;
}

size_t count(const std::string& text, const std::string& what) {
  size_t n = 0;
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++n;
  return n;
}

// The text under each heading, by its words.
std::map<std::string, std::string> sections(const std::string& text,
                                            std::vector<std::string>& order) {
  std::map<std::string, std::string> parts;
  std::istringstream lines(text);
  std::string current;
  bool code = false;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("```")) code = !code;
    if (!code && line.starts_with("## ")) {
      current = line.substr(3);
      order.push_back(current);
    } else if (!current.empty()) {
      parts[current] += line + "\n";
    }
  }
  return parts;
}

size_t words_of(const std::string& text) {
  std::istringstream in(text);
  size_t n = 0;
  bool code = false;
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("```")) code = !code;
    std::istringstream words(line);
    for (std::string word; !code && words >> word;)
      n += std::any_of(word.begin(), word.end(), [](unsigned char c) { return std::isalnum(c); });
  }
  return n;
}

// Regions of one framework file against the manifests.
void check_file(const std::string& home, const std::string& path, const std::vector<Module>& course,
                const std::set<std::string>& selected, std::map<std::string, std::string>& seen,
                std::vector<std::string>& problems) {
  const std::string file = fs::relative(path, home + "/tinytorch").string();
  const SourceFile source = parse_source(read_text(path), file);
  if (source.regions.empty()) return;
  const auto say = [&](const std::string& why) { problems.push_back(file + ": " + why); };
  if (file.ends_with(".h")) say("a header holds regions.");
  std::set<std::string> orders;
  for (size_t i = 0; i < source.regions.size(); ++i) {
    const Region& region = source.regions[i];
    const std::string order = region.id.substr(0, region.id.find('.'));
    orders.insert(order);
    if (region.is_helpers() != (i == 0)) say("region N.0 is the first and only the first one.");
    if (region.is_helpers()) {
      if (!tokens(source.body(region)).empty()) say("region " + region.id + " is not empty.");
      continue;
    }
    if (const auto [at, fresh] = seen.emplace(region.id, file); !fresh)
      say("region " + region.id + " stands in " + at->second + ", too.");
    if (const std::string why = why_not_whole(source.body(region)); !why.empty())
      say("region " + region.id + " holds no whole statements: " + why + ".");
    const Task* task = nullptr;
    for (const Module& module : course)
      if (std::to_string(module.order) == order) task = module.task_of(region.id);
    if (!selected.empty() && !selected.contains(order)) continue;
    if (!task)
      say("region " + region.id + " is in no manifest.");
    else if (task->file != file)
      say("region " + region.id + " is said to be in " + task->file + ".");
  }
  if (orders.size() > 1) say("it belongs to more than one module.");
}

void check_manifest(const Module& module, const std::map<std::string, std::string>& seen,
                    std::vector<std::string>& problems) {
  const auto say = [&](const std::string& why) { problems.push_back(module.name + ": " + why); };
  if (module.tasks.size() < 6 || module.tasks.size() > 12)
    say(fmt::format("{} tasks; a module has 6 to 12.", module.tasks.size()));
  std::map<std::string, int> variants;
  for (const WrongVariant& variant : wrong_variants(module)) ++variants[variant.task];
  for (const Task& task : module.tasks) {
    if (task.minutes < 15 || task.minutes > 60)
      say(fmt::format("task {} takes {} minutes; 15 to 60 is meant.", task.id, task.minutes));
    for (const std::string& region : task.regions)
      if (!seen.contains(region)) say("region " + region + " stands in no file.");
    if (task.points >= 10 && variants[task.id] < 5)
      say(fmt::format("task {} has {} wrong variants; 5 at least.", task.id, variants[task.id]));
  }
  const auto* exported = std::find_if(std::begin(kExports), std::end(kExports),
                                      [&](const auto& e) { return module.name == e.first; });
  if (exported == std::end(kExports)) {
    say("is no module of the course.");
  } else {
    if (exported - std::begin(kExports) != module.order) say("its number is another one.");
    bool found = false;
    for (const std::string& file : module.files())
      found = found || file.starts_with(exported->second);
    if (!found) say(fmt::format("no task in its export target {}.", exported->second));
  }
  if (module.predictions.size() < 2) say("fewer than two predictions.");
  if (module.measurements.size() < 2) say("fewer than two measurements.");
  for (const Prediction& p : module.predictions)
    if (std::none_of(module.measurements.begin(), module.measurements.end(),
                     [&](const Measurement& m) { return m.id == p.measure; }))
      say("prediction " + p.id + " names no measurement.");
  bool wrong = false, costly = false;
  for (const Hunt& hunt : module.hunts) {
    (hunt.kind == "wrong" ? wrong : costly) = true;
    for (const char* part : {".cpp", ".fixed.cpp", ".tests.cpp", ".h"})
      if (!fs::exists(module.folder + "/debug/" + hunt.id + part))
        say("debug/" + hunt.id + part + " is not there.");
  }
  if (!wrong || !costly) say("it needs two hunts: one wrong, one slow or leaking.");
}

}  // namespace

std::vector<std::string> structure_problems(const std::string& home,
                                            const std::vector<Module>& course,
                                            const std::vector<Module>& selected) {
  std::vector<std::string> problems;
  std::map<std::string, std::string> seen;  // region: its file
  std::set<std::string> orders;             // of the selected modules; empty: all
  if (selected.size() != course.size())
    for (const Module& module : selected) orders.insert(std::to_string(module.order));
  for (const char* extension : {".h", ".cpp"})
    for (const std::string& path : files_under(home + "/tinytorch", extension))
      check_file(home, path, course, orders, seen, problems);
  for (const Module& module : selected) check_manifest(module, seen, problems);
  return problems;
}

std::vector<std::string> chapter_problems(const Module& module) {
  std::vector<std::string> problems;
  const auto say = [&](const std::string& why) {
    problems.push_back(module.name + "/README.md: " + why);
  };
  const std::string path = module.folder + "/README.md";
  if (!fs::exists(path)) {
    say("is not there.");
    return problems;
  }
  const std::string text = read_text(path);
  std::vector<std::string> order;
  auto parts = sections(text, order);
  if (order != std::vector<std::string>(std::begin(kHeadings), std::end(kHeadings)))
    say("its headings are not those of the template, in order.");
  if (!text.starts_with("# " + module.title + ": "))
    say("the first line is '# " + module.title + ": the question'.");
  if (text.find(module.question) == std::string::npos) say("it never asks the module's question.");
  const size_t words = words_of(text);
  if (words < 1200 || words > 1800) say(fmt::format("{} words; 1,200 to 1,800 is meant.", words));
  static const std::regex kPicture("\\]\\(([^)]*[.]svg)\\)");
  bool picture = false;
  for (std::sregex_iterator it(text.begin(), text.end(), kPicture), end; it != end; ++it) {
    picture = true;
    if (!fs::exists(module.folder + "/" + (*it)[1].str())) say((*it)[1].str() + " is not there.");
  }
  if (!picture) say("it has no picture (SVG).");
  static const std::regex kNumbered("(^|\n)[0-9]+[.] ");
  const std::string& invariants = parts["3. Invariants"];
  const auto numbered =
      std::distance(std::sregex_iterator(invariants.begin(), invariants.end(), kNumbered),
                    std::sregex_iterator());
  if (numbered < 4 || numbered > 6) say(fmt::format("{} invariants; 4 to 6 is meant.", numbered));
  for (const Hunt& hunt : module.hunts)
    if (hunt.invariant < 1 || hunt.invariant > numbered)
      say("hunt " + hunt.id + " breaks an invariant that is not there.");
  if (parts["5. Implement"].find("<!-- tasks -->") == std::string::npos)
    say("'5. Implement' has no place for the task cards (<!-- tasks -->).");
  if (count(parts["9. Checkpoint"], "<details>") != 5)
    say("'9. Checkpoint' has five explain-it questions with folded criteria.");
  for (const char* command : {"predict", "measure", "debug", "export"})
    if (text.find(fmt::format("./tito {} {}", command, module.name)) == std::string::npos)
      say(fmt::format("it never shows ./tito {} {}.", command, module.name));
  return problems;
}

std::vector<WrongVariant> wrong_variants(const Module& module) {
  std::vector<WrongVariant> list;
  for (const std::string& path : files_under(module.folder + "/wrong", ".cpp")) {
    WrongVariant v;
    v.name = module.name + "/" + fs::path(path).stem().string();
    std::istringstream lines(read_text(path));
    bool head = true;
    for (std::string line; std::getline(lines, line);) {
      const auto field = [&](const char* key, std::string& to) {
        const std::string start = fmt::format("// {}: ", key);
        if (!head || !line.starts_with(start)) return false;
        to = line.substr(start.size());
        return true;
      };
      if (field("task", v.task) || field("region", v.region) || field("test", v.test) ||
          field("state", v.state) || field("cause", v.cause))
        continue;
      head = false;
      v.body += line + "\n";
    }
    if (v.region.empty()) v.region = v.task;
    const Task* task = module.find(v.task);
    const auto refuse = [&](const std::string& why) {
      throw ConfigError(fmt::format("{}: {}", path, why));
    };
    if (!task) refuse("its task '" + v.task + "' is not in the manifest.");
    if (std::find(task->regions.begin(), task->regions.end(), v.region) == task->regions.end())
      refuse("'" + v.region + "' is no region of task " + v.task + ".");
    if (std::find(task->tests.begin(), task->tests.end(), v.test) == task->tests.end())
      refuse("'" + v.test + "' is no test of task " + v.task + ".");
    if (v.state != "FAIL" && v.state != "CRASH") refuse("its state is FAIL or CRASH.");
    if (v.cause.empty()) refuse("it names no cause.");
    list.push_back(std::move(v));
  }
  return list;
}

}  // namespace tinytorch::lab
