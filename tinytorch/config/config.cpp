#include "tinytorch/config/config.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <map>
#include <set>
#include <variant>

#include "tinytorch/config/suggest.h"
#include "tinytorch/config/toml.h"
#include "tinytorch/core/format.h"
#include "tinytorch/data/file.h"

extern "C" char** environ;

namespace tinytorch {

using config::Entry;
using config::Value;

namespace {

// The number of a table in a list of tables.
bool is_index(std::string_view text) {
  return !text.empty() && text.size() < 10 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

// Entries in the order in which they were first given. Reading is logically const, but it records
// what is known.
struct Config::State {
  std::string name = "config";  // the file's
  std::vector<Entry> entries;
  std::vector<Entry> tables;  // headers of the file, for the unknown ones
  mutable std::set<std::string> known;
  mutable std::vector<Entry> defaults;
  mutable std::vector<Entry> notes;  // comments of dump()

  using Lists = std::array<const std::vector<Entry>*, 2>;
  Lists lists() const { return {&entries, &defaults}; }

  const Entry* find(std::string_view key) const {
    for (const std::vector<Entry>* list : lists())
      for (const Entry& e : *list)
        if (e.key == key) return &e;
    return nullptr;
  }
  // A key cannot be a value and a table at once: "train=3" against "train.lr".
  void put(Entry entry) {
    for (Entry& e : entries) {
      if (e.key == entry.key) {
        e = std::move(entry);
        return;
      }
      const bool inside = entry.key.starts_with(e.key + "."),
                 around = e.key.starts_with(entry.key + ".");
      if (inside || around)
        raise<ConfigError>("{}: '{}' {} '{}' of {}: a key is either a value or a table.",
                           entry.place, entry.key, inside ? "stands inside" : "would replace",
                           e.key, e.place);
    }
    entries.push_back(std::move(entry));
  }
};

Config::Config() : state_(std::make_unique<State>()) {}
Config::~Config() = default;
Config::Config(Config&&) noexcept = default;
Config& Config::operator=(Config&&) noexcept = default;

Config Config::parse(std::string_view toml, const std::string& name) {
  Config out;
  config::ParsedToml parsed = config::parse_toml(toml, name);
  out.state_->name = name;
  out.state_->tables = std::move(parsed.tables);
  for (Entry& e : parsed.entries) out.state_->put(std::move(e));
  return out;
}

Config Config::load(const std::string& path) {
  const std::vector<std::byte> bytes = data::read_file(path);
  return parse(data::as_text(bytes), path);
}

void Config::override_with(const std::string& assignment, const std::string& origin) {
  const size_t equals = assignment.find('=');
  std::string key = assignment.substr(0, equals);
  const bool valid = !key.empty() && key.front() != '.' && key.back() != '.' &&
                     key.find("..") == key.npos &&
                     std::all_of(key.begin(), key.end(), [](unsigned char c) {
                       return std::isalnum(c) || c == '_' || c == '-' || c == '.';
                     });
  if (equals == assignment.npos || !valid)
    raise<ConfigError>("{}: '{}' is no setting. Hint: write table.key=value, as in train.epochs=3.",
                       origin, assignment);
  if (data::first_bad_utf8(assignment))
    raise<ConfigError>("{}: {} is set to what is not UTF-8, as TOML must be.", origin, key);
  for (Entry& e : config::parse_value(key, assignment.substr(equals + 1), origin))
    state_->put(std::move(e));
}

void Config::override_from_environment() {
  constexpr std::string_view kPrefix = "TINYTORCH__";
  std::vector<std::string> settings;
  for (char** variable = environ; variable && *variable; ++variable)
    if (std::string_view(*variable).starts_with(kPrefix)) settings.emplace_back(*variable);
  std::sort(settings.begin(), settings.end());  // the environment itself has no order
  for (const std::string& text : settings) {
    const size_t equals = text.find('=');
    std::string key;
    for (size_t i = kPrefix.size(); i < std::min(equals, text.size()); ++i) {
      const bool dot = text.compare(i, 2, "__") == 0;
      key += dot ? '.' : static_cast<char>(std::tolower(static_cast<unsigned char>(text[i])));
      i += dot;
    }
    override_with(key + text.substr(std::min(equals, text.size())),
                  "environment " + text.substr(0, equals));
  }
}

namespace {

template <class T>
constexpr const char* kTypeName = nullptr;
template <>
constexpr const char* kTypeName<std::string> = "a string";
template <>
constexpr const char* kTypeName<bool> = "true or false";
template <>
constexpr const char* kTypeName<int64_t> = "an integer";
template <>
constexpr const char* kTypeName<double> = "a number";
template <>
constexpr const char* kTypeName<std::vector<std::string>> = "a list of strings";
template <>
constexpr const char* kTypeName<std::vector<int64_t>> = "a list of integers";
template <>
constexpr const char* kTypeName<std::vector<double>> = "a list of numbers";

// Whether `value` is a T; integers are also doubles.
template <class T>
bool convert(const Value& value, T& out) {
  if constexpr (std::is_same_v<T, double>)
    if (const auto* i = std::get_if<int64_t>(&value.data)) {
      out = static_cast<double>(*i);
      return true;
    }
  const T* p = std::get_if<T>(&value.data);
  if (p) out = *p;
  return p != nullptr;
}
template <class T>
bool convert(const Value& value, std::vector<T>& out) {
  const auto* list = std::get_if<std::vector<Value>>(&value.data);
  if (!list) return false;
  out.clear();
  for (const Value& v : *list) {
    T item{};
    if (!convert(v, item)) return false;
    out.push_back(std::move(item));
  }
  return true;
}

template <class T>
T read(const Entry& e) {
  T out{};
  if (convert(e.value, out)) return out;
  // On a command line quotes are easily lost: train.out=2024 means the text.
  if constexpr (std::is_same_v<T, std::string>)
    if (e.raw) return *e.raw;
  raise<ConfigError>("{}: {} is {}, expected {}.", e.place, e.key, config::describe(e.value),
                     kTypeName<T>);
}

template <class T>
Value to_value(const T& v) {
  return Value{v};
}
template <class T>
Value to_value(const std::vector<T>& v) {
  std::vector<Value> list(v.size());
  for (size_t i = 0; i < v.size(); ++i) list[i].data = static_cast<T>(v[i]);
  return Value{list};
}

}  // namespace

template <class T>
void Config::set_default(std::string_view key, const T& value) {
  state_->known.emplace(key);
  if (!state_->find(key))
    state_->defaults.push_back({std::string(key), to_value(value), "default", std::nullopt});
}

template <class T>
void Config::note(std::string_view key, const T& value) const {
  state_->known.emplace(key);
  state_->notes.push_back({std::string(key), to_value(value), "default", std::nullopt});
}

bool Config::has(std::string_view key) const {
  return state_->find(key) != nullptr;
}

template <class T>
std::optional<T> Config::find(std::string_view key) const {
  state_->known.emplace(key);
  const Entry* e = state_->find(key);
  return e ? std::optional<T>(read<T>(*e)) : std::nullopt;
}

template <class T>
T Config::get(std::string_view key) const {
  std::optional<T> value = find<T>(key);
  if (!value) {
    reject_misspelt(key);
    raise<ConfigError>("{}: {} is missing, expected {}.", state_->name, key, kTypeName<T>);
  }
  return std::move(*value);
}

template <class T>
T Config::get(std::string_view key, T otherwise) const {
  std::optional<T> value = find<T>(key);
  if (value) return std::move(*value);
  state_->defaults.push_back({std::string(key), to_value(otherwise), "default", std::nullopt});
  return otherwise;
}

#define TINYTORCH_CONFIG_TYPE(T)                                     \
  template void Config::set_default<T>(std::string_view, const T&);  \
  template void Config::note<T>(std::string_view, const T&) const;   \
  template std::optional<T> Config::find<T>(std::string_view) const; \
  template T Config::get<T>(std::string_view) const;                 \
  template T Config::get<T>(std::string_view, T) const;
TINYTORCH_CONFIG_TYPE(std::string)
TINYTORCH_CONFIG_TYPE(bool)
TINYTORCH_CONFIG_TYPE(int64_t)
TINYTORCH_CONFIG_TYPE(double)
TINYTORCH_CONFIG_TYPE(std::vector<std::string>)
TINYTORCH_CONFIG_TYPE(std::vector<int64_t>)
TINYTORCH_CONFIG_TYPE(std::vector<double>)
#undef TINYTORCH_CONFIG_TYPE

std::string Config::choice(std::string_view key, const std::vector<std::string>& choices,
                           const std::string& otherwise) const {
  std::string value = get<std::string>(key, otherwise);
  if (std::find(choices.begin(), choices.end(), value) == choices.end())
    refuse(key, format_text("'{}' is unknown. Hint: did you mean '{}'? Known: {}.", value,
                            nearest_name(value, choices), joined(choices)));
  return value;
}

int64_t Config::get_at_least(std::string_view key, int64_t least, int64_t otherwise) const {
  const int64_t value = get<int64_t>(key, otherwise);
  if (value < least)
    refuse(key, format_text("{} is too small, expected at least {}.", value, least));
  return value;
}

int64_t Config::get_between(std::string_view key, int64_t least, int64_t most,
                            int64_t otherwise) const {
  const int64_t value = get_at_least(key, least, otherwise);
  if (value > most) refuse(key, format_text("{} is too large, expected at most {}.", value, most));
  return value;
}

int64_t Config::count_tables(std::string_view key) const {
  std::map<int64_t, const Entry*> found;
  const std::string prefix = std::string(key) + ".";
  for (const auto* list : State::Lists{&state_->tables, &state_->entries})
    for (const Entry& e : *list) {
      if (!e.key.starts_with(prefix)) continue;
      const std::string index =
          e.key.substr(prefix.size(), e.key.find('.', prefix.size()) - prefix.size());
      if (is_index(index)) found.try_emplace(std::stoll(index), &e);
    }
  int64_t next = 0;
  for (const auto& [index, entry] : found)
    if (index != next++)
      raise<ConfigError>("{}: {}: {} has {} tables.", entry->place, entry->key, key, next - 1);
  return next;
}

void Config::refuse(std::string_view key, const std::string& why) const {
  const Entry* e = state_->find(key);
  raise<ConfigError>("{}: {}: {}", e ? e->place : state_->name, key, why);
}

void Config::reject_misspelt(std::string_view key) const {
  const size_t name = key.rfind('.') + 1;  // 0 outside of tables
  for (const Entry& e : state_->entries)
    if (e.key.starts_with(key.substr(0, name)) && e.key.find('.', name) == e.key.npos &&
        !state_->known.contains(e.key) && resembles(e.key.substr(name), key.substr(name)))
      raise<ConfigError>("{}: unknown key '{}'. Hint: did you mean '{}', which is missing?",
                         e.place, e.key, key);
}

void Config::reject_other_tables(const std::vector<std::string>& names) const {
  for (const auto* list : State::Lists{&state_->tables, &state_->entries})
    for (const Entry& e : *list) {
      const std::string table = e.key.substr(0, e.key.find('.'));
      if (std::find(names.begin(), names.end(), table) == names.end())
        raise<ConfigError>("{}: unknown table '{}'. Hint: did you mean '{}'? Known: {}.", e.place,
                           table, nearest_name(table, names), joined(names));
    }
}

void Config::reject_unknown() const {
  const State& s = *state_;
  const std::vector<std::string> names(s.known.begin(), s.known.end());
  for (const auto* list : State::Lists{&s.entries, &s.tables})
    for (const Entry& e : *list) {
      const bool is_table = list == &s.tables;
      const std::string prefix = e.key + ".";
      if (std::any_of(names.begin(), names.end(), [&](const std::string& k) {
            return is_table ? k.starts_with(prefix) : k == e.key;
          }))
        continue;
      raise<ConfigError>(
          "{}: unknown {} '{}'.{}", e.place, is_table ? "table" : "key", e.key,
          names.empty() ? ""
                        : format_text(" Hint: did you mean '{}'?", nearest_name(e.key, names)));
    }
}

namespace {

// The dot before the last part of a key; dots inside quotes are not counted.
size_t last_dot(const std::string& key) {
  size_t found = key.npos;
  bool quoted = false;
  for (size_t i = 0; i < key.size(); ++i) {
    if (key[i] == '\\')
      ++i;  // escapes stand only inside quotes
    else if (key[i] == '"')
      quoted = !quoted;
    else if (key[i] == '.' && !quoted)
      found = i;
  }
  return found;
}

// A table in a list stands behind its super-table, as all inner tables: where `table` belongs.
auto place_of(std::vector<std::string>& order, const std::string& table) {
  return std::find_if(order.begin(), order.end(), [&](const std::string& other) {
    return !table.empty() && other.starts_with(table + ".");
  });
}

std::string header_of(const std::string& table) {
  const size_t dot = last_dot(table);
  return dot != table.npos && is_index(table.substr(dot + 1))
             ? format_text("[[{}]]\n", table.substr(0, dot))
             : format_text("[{}]\n", table);
}

}  // namespace

std::string Config::dump() const {
  // TOML wants the keys outside of tables first, then each table once.
  std::vector<std::string> order = {""};
  std::map<std::string, std::string> tables;
  for (const auto* list : {&state_->entries, &state_->defaults, &state_->notes})
    for (const Entry& e : *list) {
      const size_t dot = last_dot(e.key);
      const std::string table = dot == e.key.npos ? "" : e.key.substr(0, dot);
      if (std::find(order.begin(), order.end(), table) == order.end())
        order.insert(place_of(order, table), table);
      if (list == &state_->notes) tables[table] += "# ";
      tables[table] +=
          e.key.substr(dot == e.key.npos ? 0 : dot + 1) + " = " + config::to_toml(e.value) + "\n";
    }
  std::string out;
  for (const std::string& table : order) {
    if (tables[table].empty()) continue;
    if (!out.empty()) out += "\n";
    if (!table.empty()) out += header_of(table);
    out += tables[table];
  }
  return out;
}

}  // namespace tinytorch
