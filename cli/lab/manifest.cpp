#include "cli/lab/manifest.h"

#include <fmt/format.h>
#include <third_party/tomlplusplus.h>
#include <algorithm>
#include <filesystem>
#include <limits>
#include <set>
#include <sstream>

#include "cli/lab/region.h"
#include "tinytorch/config/suggest.h"
#include "tinytorch/core/error.h"

namespace tinytorch::lab {

namespace fs = std::filesystem;

namespace {

// One table of a manifest. Every key must be asked for: what nobody reads is an error.
class Reader {
 public:
  Reader(const toml::table& table, std::string file) : table_(table), file_(std::move(file)) {}

  std::string text(const char* key, bool required = true) {
    const toml::node* node = get(key, required);
    if (!node) return "";
    const auto value = node->value<std::string>();
    if (!value || (required && value->empty())) refuse(*node, key, "must be a text");
    return *value;
  }
  int number(const char* key, bool required = true) {
    const toml::node* node = get(key, required);
    if (!node) return 0;
    const auto value = node->value_exact<int64_t>();
    if (!value || *value < 0 || *value > std::numeric_limits<int>::max())
      refuse(*node, key, "must be a number");
    return static_cast<int>(*value);
  }
  bool flag(const char* key) {
    const toml::node* node = get(key, false);
    if (!node) return false;
    const auto value = node->value_exact<bool>();
    if (!value) refuse(*node, key, "must be true or false");
    return *value;
  }
  std::vector<std::string> texts(const char* key, bool required = true) {
    const toml::node* node = get(key, required);
    if (!node) return {};
    if (!node->is_array() || node->as_array()->empty())
      refuse(*node, key, "must be a list of texts");
    std::vector<std::string> list;
    for (const toml::node& item : *node->as_array()) {
      const auto value = item.value<std::string>();
      if (!value) refuse(item, key, "must hold texts");
      list.push_back(*value);
    }
    return list;
  }
  template <class F>
  void tables(const char* key, const F& each) {
    const toml::node* node = get(key, false);
    if (!node) return;
    if (!node->is_array_of_tables()) refuse(*node, key, "must be a list of tables");
    for (const toml::node& item : *node->as_array()) {
      Reader reader(*item.as_table(), file_);
      each(reader);
      reader.done();
    }
  }
  void done() const {
    for (const auto& [key, node] : table_)
      if (!known_.contains(std::string(key.str())))
        refuse(node, key.str(),
               "is unknown. Did you mean '" +
                   nearest_name(std::string(key.str()), {known_.begin(), known_.end()}) + "'?");
  }
  [[noreturn]] void refuse(const toml::node& node, std::string_view key,
                           const std::string& why) const {
    throw ConfigError(file_ + ":" + std::to_string(node.source().begin.line) + ": " +
                      std::string(key) + ": " + why);
  }
  const toml::table& table() const { return table_; }

 private:
  const toml::node* get(const char* key, bool required) {
    known_.insert(key);
    const toml::node* node = table_.get(key);
    if (!node && required) refuse(table_, key, "is missing");
    return node;
  }
  const toml::table& table_;
  std::string file_;
  std::set<std::string> known_;
};

Module read_manifest(const fs::path& folder) {
  const std::string file = (folder / "module.toml").string();
  toml::table table;
  try {
    table = toml::parse(read_text(file), file);
  } catch (const toml::parse_error& e) {
    throw ConfigError(file + ":" + std::to_string(e.source().begin.line) + ": " +
                      std::string(e.description()));
  }
  Module module;
  module.name = folder.filename().string();
  module.folder = folder.string();
  Reader reader(table, file);
  module.order = reader.number("order");
  module.title = reader.text("title");
  module.question = reader.text("question");
  module.book = reader.text("book");
  module.exercise_files = reader.flag("exercise_files");
  module.given = reader.texts("given", false);
  reader.tables("task", [&](Reader& r) {
    Task task;
    task.id = r.text("id");
    task.title = r.text("title");
    task.file = r.text("file");
    task.points = r.number("points");
    task.speed = r.number("speed", false);
    task.uses = r.texts("uses", false);
    if (task.speed >= task.points && task.speed > 0)
      r.refuse(r.table(), "speed", "must be less than all points");
    task.minutes = r.number("minutes");
    task.contract = r.text("contract");
    task.edges = r.text("edges");
    task.untested = r.text("untested");
    task.neutral = r.text("neutral", false);
    task.regions = r.texts("regions", false);
    if (task.regions.empty()) task.regions.push_back(task.id);
    task.hints = r.texts("hints");
    task.tests = r.texts("tests");
    if (task.hints.size() != 3) r.refuse(r.table(), "hints", "must be three");
    if (!task.id.starts_with(std::to_string(module.order) + "."))
      r.refuse(r.table(), "id", task.id + " is no task of module " + std::to_string(module.order));
    if (module.find(task.id)) r.refuse(r.table(), "id", task.id + " stands here a second time");
    for (const std::string& region : task.regions)
      if (region != task.id &&
          (!region.starts_with(task.id) || region.size() != task.id.size() + 1))
        r.refuse(r.table(), "regions", region + " is no region of " + task.id);
    module.tasks.push_back(std::move(task));
  });
  reader.tables("prediction", [&](Reader& r) {
    module.predictions.push_back(
        {r.text("id"), r.text("question"), r.text("unit"), r.text("measure")});
  });
  reader.tables("measure", [&](Reader& r) {
    module.measurements.push_back({r.text("id"), r.text("title"), r.text("x"), r.text("y")});
  });
  reader.tables("hunt", [&](Reader& r) {
    Hunt hunt{r.text("id"),      r.text("title"),       r.text("kind"),
              r.text("symptom"), r.number("invariant"), r.texts("tests")};
    if (hunt.kind != "wrong" && hunt.kind != "slow" && hunt.kind != "leak")
      r.refuse(r.table(), "kind", "must be wrong, slow or leak");
    module.hunts.push_back(std::move(hunt));
  });
  reader.done();
  return module;
}

}  // namespace

std::vector<Module> load_course(const std::string& home) {
  std::vector<Module> course;
  std::error_code ec;
  for (fs::directory_iterator it(fs::path(home) / "modules", ec), end; !ec && it != end;
       it.increment(ec))
    if (fs::exists(it->path() / "module.toml")) course.push_back(read_manifest(it->path()));
  std::sort(course.begin(), course.end(),
            [](const Module& a, const Module& b) { return a.order < b.order; });
  return course;
}

const Module& find_module(const std::vector<Module>& course, const std::string& word) {
  std::string names, number = word;
  std::vector<std::string> known;
  while (number.size() > 1 && number[0] == '0') number.erase(0, 1);
  for (const Module& module : course) {
    if (module.name == word || std::to_string(module.order) == number) return module;
    names += (names.empty() ? "" : ", ") + std::to_string(module.order) + " " + module.name;
    known.push_back(module.name);
  }
  const bool is_number = word.find_first_not_of("0123456789") == word.npos;
  throw ConfigError(fmt::format(
      "there is no module '{}'.{} Modules: {}.", word,
      is_number || known.empty() ? "" : " Did you mean '" + nearest_name(word, known) + "'?",
      names));
}

std::vector<const Module*> find_modules(const std::vector<Module>& course,
                                        const std::string& list) {
  std::set<const Module*> chosen;
  std::istringstream words(list);
  for (std::string word; std::getline(words, word, ',');) {
    const size_t dash = word.find('-');
    const Module& first = find_module(course, word.substr(0, dash));
    const Module& last = dash == word.npos ? first : find_module(course, word.substr(dash + 1));
    for (const Module& module : course)
      if (module.order >= first.order && module.order <= last.order) chosen.insert(&module);
  }
  if (chosen.empty()) throw ConfigError("'" + list + "' names no modules. Example: 0-4");
  std::vector<const Module*> modules;
  for (const Module& module : course)
    if (chosen.contains(&module)) modules.push_back(&module);
  return modules;
}

}  // namespace tinytorch::lab
