#include "cli/parse.h"

#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <charconv>
#include <memory>
#include <system_error>

#include "tinytorch/config/suggest.h"
#include "tinytorch/core/parallel.h"

namespace tinytorch::cli {

namespace {

// One CLI::App for the one command that was asked for, with the places its values go to.
struct Parser {
  std::unique_ptr<CLI::App> app;
  std::map<std::string, std::vector<std::string>> values;
  std::map<std::string, CLI::Option*> options;

  explicit Parser(const Command& command) {
    app = std::make_unique<CLI::App>(command.help, std::string("tito ") + command.name);
    app->set_help_flag("");
    app->allow_extras();
    for (const Positional& p : command.positionals) {
      CLI::Option* option = app->add_option(p.name, values[p.name], p.help)->type_name("");
      option->required(p.required)->expected(p.repeated ? -1 : 1)->allow_extra_args(p.repeated);
      options[p.name] = option;
    }
    for (const Option& o : command.options) {
      if (o.value)
        options[o.name] = app->add_option(o.name, values[o.name], o.help)
                              ->type_name(o.value)
                              ->expected(1)
                              ->allow_extra_args(false);
      else
        options[o.name] = app->add_flag(o.name)->description(o.help);
    }
    options["--json"] =
        app->add_flag("--json")->description("print one JSON object and nothing else");
    options["--help"] = app->add_flag("-h,--help")->description("print this help");
    app->footer(std::string("Example:\n  ") + command.example);
  }
};

std::vector<std::string> option_names(const Command& command) {
  std::vector<std::string> names;
  names.reserve(command.options.size() + 2);
  for (const Option& option : command.options) names.emplace_back(option.name);
  names.emplace_back("--json");
  names.emplace_back("--help");
  return names;
}

[[noreturn]] void refuse_extra(const Command& command, const std::string& word) {
  const std::string prefix = std::string("tito ") + command.name + ": ";
  if (word.size() > 1 && word[0] == '-') {
    const std::string name = word.substr(0, word.find('='));
    throw ConfigError(prefix + "unknown option '" + name + "'. Did you mean '" +
                      nearest_name(name, option_names(command)) + "'?");
  }
  throw ConfigError(prefix + "unexpected argument '" + word + "'. See: tito " + command.name +
                    " --help");
}

// "--prompt --json": the value was forgotten, though the parser library takes the option for it.
void refuse_option_as_value(const Command& command, const std::vector<std::string>& words) {
  const std::vector<std::string> names = option_names(command);
  for (size_t i = 0; i + 1 < words.size() && words[i] != "--"; ++i) {
    const auto takes_value = [&](const Option& o) { return o.value && words[i] == o.name; };
    if (std::none_of(command.options.begin(), command.options.end(), takes_value)) continue;
    const std::string& value = words[++i];
    if (std::find(names.begin(), names.end(), value) != names.end())
      throw ConfigError(fmt::format(
          "tito {}: {} needs a value before {}. Hint: if that is the value, write {}={}.",
          command.name, words[i - 1], value, words[i - 1], value));
  }
}

}  // namespace

Args parse(const Command& command, const std::vector<std::string>& words) {
  Parser parser(command);
  // The parser library takes the words from the back.
  std::vector<std::string> reversed(words.rbegin(), words.rend());
  std::string failure;
  try {
    parser.app->parse(reversed);
  } catch (const CLI::ParseError& e) {
    failure = e.what();
  }
  Args args;
  for (const auto& [name, option] : parser.options)
    if (option->count() > 0) args.add(name, parser.values[name]);
  // Help wins over a missing argument, and an unknown option over what follows from it.
  if (args.has("--help") || std::count(words.begin(), words.end(), "--help") > 0) {
    args.add("--help", {});
    return args;
  }
  refuse_option_as_value(command, words);
  if (const auto extras = parser.app->remaining(); !extras.empty())
    refuse_extra(command, extras.front());
  if (!failure.empty())
    throw ConfigError(std::string("tito ") + command.name + ": " + failure +
                      ". Example: " + command.example);
  return args;
}

std::string help_text(const Command& command) {
  return Parser(command).app->help();
}

std::string Args::text(const std::string& name, const std::string& fallback) const {
  const auto it = values_.find(name);
  return it == values_.end() || it->second.empty() ? fallback : it->second.back();
}

int64_t Args::integer(const std::string& name, int64_t fallback) const {
  if (!has(name)) return fallback;
  const std::string word = text(name);
  int64_t value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (error == std::errc::result_out_of_range)
    throw ConfigError(name + " takes a whole number of 64 bits, " + word + " does not fit.");
  if (error != std::errc{} || end != word.data() + word.size())
    throw ConfigError(name + " takes a whole number, not '" + word + "'.");
  return value;
}

int Args::threads() const {
  const int64_t count = integer("--threads", num_threads());
  if (count < 1 || count > 1024)
    throw ConfigError("--threads takes a number from 1 to 1024, not " + std::to_string(count) +
                      ".");
  return static_cast<int>(count);
}

double Args::number(const std::string& name, double fallback) const {
  if (!has(name)) return fallback;
  const std::string word = text(name);
  double value = 0;
  if (!CLI::detail::lexical_cast(word, value))
    throw ConfigError(name + " takes a number, not '" + word + "'.");
  return value;
}

std::vector<std::string> Args::list(const std::string& name) const {
  const auto it = values_.find(name);
  return it == values_.end() ? std::vector<std::string>{} : it->second;
}

}  // namespace tinytorch::cli
