#include "cli/lab/region.h"

#include <fmt/format.h>

#include <cctype>
#include <fstream>
#include <sstream>

#include "tinytorch/core/error.h"

namespace tinytorch::lab {

namespace {

// The id of a marker line of this kind ("begin", "end"), or an empty text.
std::string_view marker(std::string_view line, std::string_view kind) {
  const std::string wanted = fmt::format("// tito:{} ", kind);
  const size_t start = line.find_first_not_of(" \t");
  if (start == std::string_view::npos || !line.substr(start).starts_with(wanted)) return {};
  line = line.substr(start + wanted.size());
  return line.substr(0, line.find_last_not_of(" \t\r") + 1);
}

// How many characters the comment, string, character or word at the head of `code` takes. What does
// not close reaches to the end.
size_t token_length(std::string_view code) {
  const auto until = [&](std::string_view end, size_t from) {
    const size_t at = code.find(end, from);
    return at == std::string_view::npos ? code.size() : at + end.size();
  };
  if (code.starts_with("//")) return until("\n", 2);
  if (code.starts_with("/*")) return until("*/", 2);
  if (code.starts_with("R\"")) {
    const size_t open = code.find('(');
    if (open == std::string_view::npos) return code.size();
    return until(fmt::format("){}\"", code.substr(2, open - 2)), open);
  }
  if (code[0] == '"' || code[0] == '\'') {
    for (size_t i = 1; i < code.size(); ++i) {
      if (code[i] == '\\')
        ++i;
      else if (code[i] == code[0])
        return i + 1;
    }
    return code.size();
  }
  const auto is_word = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '.';
  };
  size_t n = 0;
  const bool number = std::isdigit(static_cast<unsigned char>(code[0])) != 0;
  while (n < code.size() && (is_word(code[n]) || (number && code[n] == '\''))) ++n;
  return n ? n : 1;
}

// Calls f with every token; comments and white space are none.
template <class F>
void each_token(std::string_view code, const F& f) {
  while (!code.empty()) {
    if (std::isspace(static_cast<unsigned char>(code[0]))) {
      code.remove_prefix(1);
      continue;
    }
    const size_t n = token_length(code);
    if (!code.starts_with("//") && !code.starts_with("/*")) f(code.substr(0, n));
    code.remove_prefix(n);
  }
}

}  // namespace

const Region* SourceFile::find(std::string_view id) const {
  for (const Region& region : regions)
    if (region.id == id) return &region;
  return nullptr;
}

std::string SourceFile::body(const Region& region) const {
  std::string text;
  for (size_t i = region.begin; i < region.end; ++i) text += lines[i] + "\n";
  return text;
}

SourceFile parse_source(std::string_view text, const std::string& name) {
  SourceFile file{name, {}, {}};
  const auto refuse = [&](const std::string& why) {
    throw IoError(name + ":" + std::to_string(file.lines.size()) + ": " + why);
  };
  bool open = false;
  while (!text.empty()) {
    const size_t newline = text.find('\n');
    const std::string_view line = text.substr(0, newline);
    text.remove_prefix(newline == std::string_view::npos ? text.size() : newline + 1);
    file.lines.emplace_back(line);
    const size_t number = file.lines.size();  // of this line, from 1
    if (const auto id = marker(line, "begin"); !id.empty()) {
      if (open) refuse("region " + file.regions.back().id + " is still open here.");
      if (file.find(id)) refuse("region " + std::string(id) + " stands here a second time.");
      file.regions.push_back({std::string(id), number, number});
      open = true;
    } else if (const auto last = marker(line, "end"); !last.empty()) {
      if (!open || file.regions.back().id != last)
        refuse("the end of region " + std::string(last) + " has no beginning.");
      file.regions.back().end = number - 1;
      open = false;
    }
  }
  if (open) refuse("region " + file.regions.back().id + " has no end.");
  return file;
}

std::string tokens(std::string_view code) {
  std::string text;
  bool literal = false;  // the last token is one, in plain quotes
  each_token(code, [&](std::string_view token) {
    const bool more = token[0] == '"' && literal;
    literal = token[0] == '"';
    if (more) {  // the compiler joins them
      text.pop_back();
      token.remove_prefix(1);
    } else if (!text.empty()) {
      text += ' ';
    }
    text += token;
  });
  return text;
}

std::string why_not_whole(std::string_view body) {
  while (true) {  // directives at the end, such as #endif, end no statement
    body = body.substr(0, body.find_last_not_of(" \t\r\n") + 1);
    const size_t line = body.rfind('\n') + 1;  // 0 where there is one line
    const size_t first = body.find_first_not_of(" \t", line);
    if (first == std::string_view::npos || body[first] != '#') break;
    body = body.substr(0, line);
  }
  std::string closers, last, why;  // the brackets that must still close, innermost last
  each_token(body, [&](std::string_view token) {
    const char c = token[0];
    last = token;
    if (c == '(') closers += ')';
    if (c == '[') closers += ']';
    if (c == '{') closers += '}';
    if (c != ')' && c != ']' && c != '}') return;
    if (!why.empty()) return;
    if (closers.empty() || closers.back() != c)
      why = fmt::format("a '{}' closes nothing", c);
    else
      closers.pop_back();
  });
  if (!why.empty()) return why;
  if (!closers.empty()) return fmt::format("a '{}' is missing", closers.back());
  if (!last.empty() && last != ";" && last != "}" && last != ":")
    return "its last statement has no ';'";
  return "";
}

std::string read_text(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  if (!in || !(text << in.rdbuf() || in.peek() == std::ifstream::traits_type::eof()))
    throw IoError(path + ": cannot be read.");
  return text.str();
}

}  // namespace tinytorch::lab
