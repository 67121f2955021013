#include "cli/lab/milestones.h"

#include <fmt/format.h>
#include <third_party/tomlplusplus.h>

#include <algorithm>
#include <filesystem>

#include "cli/lab/region.h"
#include "tinytorch/core/error.h"

namespace tinytorch::lab {

namespace fs = std::filesystem;

namespace {

Milestone read_milestone(const fs::path& folder) {
  const std::string file = (folder / "milestone.toml").string();
  toml::table table;
  try {
    table = toml::parse(read_text(file), file);
  } catch (const toml::parse_error& e) {
    throw ConfigError(fmt::format("{}:{}: {}", file, e.source().begin.line, e.description()));
  }
  Milestone m;
  m.name = folder.filename().string();
  m.year = static_cast<int>(table["year"].value_or<int64_t>(0));
  m.title = table["title"].value_or("");
  m.story = table["story"].value_or("");
  m.data = table["data"].value_or("");
  m.bar = table["bar"].value_or(0.0);
  m.seconds_limit = table["seconds_limit"].value_or(0.0);
  if (const toml::array* modules = table["modules"].as_array())
    for (const toml::node& node : *modules) m.modules.push_back(node.value_or<std::string>(""));
  if (const toml::array* wrong = table["wrong"].as_array())
    for (const toml::node& node : *wrong) m.wrong.push_back(node.value_or<std::string>(""));
  if (m.year == 0 || m.title.empty() || m.modules.empty() || m.bar <= 0 || m.seconds_limit <= 0)
    throw ConfigError(file + ": needs year, title, story, modules, data, bar, seconds_limit.");
  return m;
}

}  // namespace

std::vector<Milestone> load_milestones(const std::string& home) {
  std::vector<Milestone> all;
  std::error_code ec;
  for (fs::directory_iterator it(home + "/milestones", ec), end; !ec && it != end; it.increment(ec))
    if (fs::exists(it->path() / "milestone.toml")) all.push_back(read_milestone(it->path()));
  std::sort(all.begin(), all.end(),
            [](const Milestone& a, const Milestone& b) { return a.year < b.year; });
  return all;
}

const Milestone& find_milestone(const std::vector<Milestone>& all, const std::string& word) {
  std::string names;
  for (const Milestone& m : all) {
    if (m.name == word || std::to_string(m.year) == word || m.name.ends_with("-" + word)) return m;
    names += (names.empty() ? "" : ", ") + m.name;
  }
  throw ConfigError("there is no milestone '" + word + "'. Milestones: " + names + ".");
}

}  // namespace tinytorch::lab
