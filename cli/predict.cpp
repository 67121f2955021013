// tito predict: numbers typed in before they are measured.
#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>

#include "cli/command.h"
#include "cli/lab/predictions.h"
#include "cli/lab/state.h"
#include "cli/lab/workspace.h"
#include "cli/output.h"
#include "tinytorch/config/suggest.h"

namespace tinytorch::cli {

namespace {

std::optional<double> number_in(const std::string& text) {
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || at != end || !std::isfinite(value)) return std::nullopt;
  return value;
}

// "ID=VALUE" words of the command line.
void take(const lab::Module& module, const std::vector<std::string>& words,
          std::map<std::string, double>& answers) {
  std::vector<std::string> known;
  known.reserve(module.predictions.size());
  for (const lab::Prediction& p : module.predictions) known.push_back(p.id);
  for (const std::string& word : words) {
    const size_t at = word.find('=');
    const std::string id = word.substr(0, at);
    if (std::find(known.begin(), known.end(), id) == known.end())
      throw ConfigError(fmt::format("predict: module {} asks for no '{}'. Did you mean '{}'?",
                                    module.name, id, nearest_name(id, known)));
    const auto value = at == std::string::npos ? std::nullopt : number_in(word.substr(at + 1));
    if (!value || !(*value > 0))
      throw ConfigError(fmt::format("predict: give a number above 0: {}=12.5", id));
    answers[id] = *value;
  }
}

// Asks at the terminal for what has no answer yet; an empty line leaves it open.
void ask(const lab::Module& module, std::map<std::string, double>& answers) {
  for (const lab::Prediction& p : module.predictions) {
    while (!answers.contains(p.id)) {
      fmt::print("{}\n  {} [{}]: ", p.question, p.id, p.unit);
      std::fflush(stdout);
      std::string line;
      if (!std::getline(std::cin, line)) return;
      line.erase(0, line.find_first_not_of(" \t"));
      line.erase(line.find_last_not_of(" \t\r") + 1);
      if (line.empty()) break;
      if (const auto value = number_in(line))
        answers[p.id] = *value;
      else
        fmt::print("  That is no number, such as 12.5 or 3e9.\n");
    }
  }
}

int run(const Args& args) {
  const lab::Lab lab = lab::Lab::open("predict");
  const lab::LabLock lock(lab.folder);
  auto words = args.list("MODULE ID=NUMBER");
  std::string name;
  if (!words.empty() && words[0].find('=') == std::string::npos) {
    name = words[0];
    words.erase(words.begin());
  }
  const lab::Module& module = *lab.find(name).module;
  auto answers = lab::load_predictions(lab.folder, module);
  const auto& measured = lab.state.modules.find(module.name);
  if (measured != lab.state.modules.end() && !measured->second.measured.empty() && !words.empty())
    throw ConfigError("predict: module " + module.name +
                      " was measured already; its predictions stay as they were.");
  take(module, words, answers);
  if (words.empty() && !args.json() && is_terminal(stdin)) ask(module, answers);
  lab::write_text(lab.folder + "/modules/" + module.name + "/predictions.toml",
                  lab::predictions_text(module, answers));
  const size_t open = module.predictions.size() - answers.size();
  if (args.json()) {
    Json object = {{"module", module.name}, {"open", open}, {"predictions", Json::array()}};
    for (const lab::Prediction& p : module.predictions)
      object["predictions"].push_back(
          {{"id", p.id},
           {"question", p.question},
           {"unit", p.unit},
           {"value", answers.contains(p.id) ? Json(answers[p.id]) : Json()}});
    print_json(object);
    return kOk;
  }
  for (const lab::Prediction& p : module.predictions)
    fmt::print("{}\n  {} = {}\n", p.question, p.id,
               answers.contains(p.id) ? fmt::format("{:.6g} {}", answers[p.id], p.unit) : "?");
  if (open == 0) fmt::print("\nNext: ./tito measure {}\n", module.name);
  for (const lab::Prediction& p : module.predictions) {
    if (answers.contains(p.id)) continue;
    fmt::print("\n{} open. Answer with ./tito predict {} {}=NUMBER\n", open, module.name, p.id);
    break;
  }
  return kOk;
}

}  // namespace

extern const Command predict_command{
    "predict",
    "in a lab: put numbers in before you measure them",
    "tito predict tensor row_to_column=3",
    {{"MODULE ID=NUMBER", "a module (else the current one) and answers", false, true}},
    {},
    run};

}  // namespace tinytorch::cli
