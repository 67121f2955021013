#pragma once
// TOML as a flat list of settings. The only part that knows the TOML library (which costs seconds
// to compile) is toml.cpp. Internal to config/.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace tinytorch::config {

// A date counts as its text.
struct Value {
  std::variant<bool, int64_t, double, std::string, std::vector<Value>> data;
};

struct Entry {
  std::string key;  // dotted path; parts that are not bare keys stand in quotes
  Value value;
  std::string place;               // "mlp.toml:3:8", or where else it came from
  std::optional<std::string> raw;  // of an override: the text that was given
};

struct ParsedToml {
  std::vector<Entry> entries;  // in the order of the file
  std::vector<Entry> tables;   // every table, without its value
};

// Table i of a list of tables [[a.b]] becomes the table "a.b.i". ConfigError with line and column
// for what is not TOML, and for lists of tables and values.
ParsedToml parse_toml(std::string_view text, const std::string& name);

// The settings of "key = text" (several for an inline table); a text that is not one TOML value is
// one string.
std::vector<Entry> parse_value(const std::string& key, const std::string& text,
                               const std::string& place);

std::string to_toml(const Value& value);
std::string describe(const Value& value);  // "the string 'abc'", for errors

}  // namespace tinytorch::config
