#include "tinytorch/config/toml.h"

#include <third_party/tomlplusplus.h>

#include <algorithm>
#include <sstream>

#include "tinytorch/core/format.h"

namespace tinytorch::config {

namespace {

std::string quoted_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto u = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\')
      out += format_text("\\{}", c);
    else if (c == '\n')
      out += "\\n";
    else if (c == '\t')
      out += "\\t";
    else if (u < 0x20 || u == 0x7f)
      out += format_text("\\u{:04x}", u);
    else
      out += c;
  }
  return out + "\"";
}

std::string key_part(std::string_view part) {
  const bool bare = !part.empty() && std::all_of(part.begin(), part.end(), [](unsigned char c) {
    return (c < 0x80 && std::isalnum(c)) || c == '_' || c == '-';
  });
  return bare ? std::string(part) : quoted_string(part);
}

class Flattener {
 public:
  Flattener(const std::string& name, ParsedToml& out) : name_(name), out_(out) {}

  void table(const toml::table& table, const std::string& prefix) {
    std::vector<std::pair<const toml::key*, const toml::node*>> items;
    for (auto&& [key, node] : table) items.emplace_back(&key, &node);
    // The library sorts by name; the file's order reads better in dumps and errors.
    std::sort(items.begin(), items.end(), [](const auto& a, const auto& b) {
      const auto &x = a.first->source().begin, &y = b.first->source().begin;
      return std::pair(x.line, x.column) < std::pair(y.line, y.column);
    });
    for (const auto& [key, node] : items) {
      const std::string path = prefix + key_part(key->str());
      const std::string where = place(key->source().begin);
      const toml::array* list = node->as_array();
      if (const toml::table* inner = node->as_table()) {
        out_.tables.push_back({path, {}, where, std::nullopt});
        this->table(*inner, path + ".");
      } else if (list && !list->empty() && list->is_homogeneous<toml::table>()) {
        for (size_t i = 0; i < list->size(); ++i) {
          const std::string item = format_text("{}.{}", path, i);
          out_.tables.push_back({item, {}, place(list->get(i)->source().begin), std::nullopt});
          this->table(*list->get(i)->as_table(), item + ".");
        }
      } else {
        out_.entries.push_back({path, value(*node, path), where, std::nullopt});
      }
    }
  }

 private:
  std::string place(const toml::source_position& p) const {
    return format_text("{}:{}:{}", name_, p.line, p.column);
  }

  Value value(const toml::node& node, const std::string& path) const {
    if (const auto* b = node.as_boolean()) return {b->get()};
    if (const auto* i = node.as_integer()) return {i->get()};
    if (const auto* f = node.as_floating_point()) return {f->get()};
    if (const auto* s = node.as_string()) return {s->get()};
    if (const auto* list = node.as_array()) {
      std::vector<Value> values(list->size());
      for (size_t i = 0; i < values.size(); ++i) values[i] = value(*list->get(i), path);
      return {std::move(values)};
    }
    if (node.is_table())
      raise<ConfigError>("{}: {}: a list holds either tables or values.",
                         place(node.source().begin), path);
    std::ostringstream text;
    if (const auto* d = node.as_date()) text << d->get();
    if (const auto* t = node.as_time()) text << t->get();
    if (const auto* dt = node.as_date_time()) text << dt->get();
    return {text.str()};
  }

  const std::string& name_;
  ParsedToml& out_;
};

}  // namespace

ParsedToml parse_toml(std::string_view text, const std::string& name) {
  ParsedToml out;
  try {
    Flattener(name, out).table(toml::parse(text, name), "");
  } catch (const toml::parse_error& e) {
    const bool bare = e.description().find("value type") != std::string_view::npos;
    raise<ConfigError>("{}:{}:{}: {}.{}", name, e.source().begin.line, e.source().begin.column,
                       e.description(), bare ? " Hint: a text stands in quotes." : "");
  }
  return out;
}

std::vector<Entry> parse_value(const std::string& key, const std::string& text,
                               const std::string& place) {
  ParsedToml parsed;
  try {
    const toml::table table = toml::parse("value = " + text);
    if (table.size() == 1) Flattener(place, parsed).table(table, "");
  } catch (const toml::parse_error&) {
    parsed = {};
  }
  // More than one setting, or none: the text only looked like TOML ("3\nother = 1", "{}").
  const bool one_value = parsed.entries.size() == 1 && parsed.entries[0].key == "value";
  const bool one_table =
      !parsed.entries.empty() && !parsed.tables.empty() && parsed.tables[0].key == "value";
  if (!one_value && !one_table) return {{key, {text}, place, text}};
  for (Entry& e : parsed.entries) {
    e.key.replace(0, std::string_view("value").size(), key);
    e.place = place;
    if (one_value) e.raw = text;
  }
  return std::move(parsed.entries);
}

std::string to_toml(const Value& value) {
  struct Writer {
    std::string operator()(bool b) const { return b ? "true" : "false"; }
    std::string operator()(int64_t i) const { return std::to_string(i); }
    std::string operator()(double d) const {
      std::string text = format_text("{}", d);
      if (text.find_first_of(".en") == text.npos) text += ".0";  // 3 would read back as an integer
      return text;
    }
    std::string operator()(const std::string& s) const { return quoted_string(s); }
    std::string operator()(const std::vector<Value>& list) const {
      std::string out = "[";
      for (const Value& v : list) out += (out.size() > 1 ? ", " : "") + to_toml(v);
      return out + "]";
    }
  };
  return std::visit(Writer{}, value.data);
}

std::string describe(const Value& value) {
  constexpr const char* kKinds[] = {"", "the integer ", "the number ", "the string ", "the list "};
  return kKinds[value.data.index()] + to_toml(value);
}

}  // namespace tinytorch::config
