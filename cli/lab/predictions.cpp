#include "cli/lab/predictions.h"

#include <fmt/format.h>
#include <third_party/tomlplusplus.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "cli/lab/region.h"
#include "tinytorch/core/error.h"

namespace tinytorch::lab {

std::map<std::string, double> load_predictions(const std::string& lab, const Module& module) {
  std::map<std::string, double> answers;
  const std::string name = "modules/" + module.name + "/predictions.toml";
  if (!std::filesystem::exists(lab + "/" + name)) return answers;
  toml::table table;
  const auto refuse = [&](const toml::source_region& at, const std::string& why) {
    throw ConfigError(fmt::format("{}:{}: {}", name, at.begin.line, why));
  };
  try {
    table = toml::parse(read_text(lab + "/" + name), name);
  } catch (const toml::parse_error& e) {
    refuse(e.source(), std::string(e.description()));
  }
  for (const auto& [key, node] : table) {
    const std::string id(key.str());
    const auto value = node.value<double>();
    if (std::none_of(module.predictions.begin(), module.predictions.end(),
                     [&](const Prediction& p) { return p.id == id; }))
      refuse(node.source(), id + " answers no question of this module.");
    if (!value || !std::isfinite(*value)) refuse(node.source(), id + " must be a number.");
    answers[id] = *value;
  }
  return answers;
}

std::string predictions_text(const Module& module, const std::map<std::string, double>& answers) {
  std::string text = "# Put a number in before you measure; `tito predict` does it for you.\n";
  for (const Prediction& p : module.predictions) {
    const auto answer = answers.find(p.id);
    text += "\n# " + p.question + "\n";
    text += answer == answers.end()
                ? fmt::format("# {} =  # {}\n", p.id, p.unit)
                : fmt::format("{} = {:.9g}  # {}\n", p.id, answer->second, p.unit);
  }
  return text;
}

}  // namespace tinytorch::lab
