#include "cli/lab/generate.h"

#include <fmt/format.h>

#include <sstream>

namespace tinytorch::lab {

namespace {

constexpr size_t kColumns = 100;

// `text` as C++ string literals, one a line, that fit the page.
std::string literals(const std::string& text, const std::string& indent) {
  std::string out, line;
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    std::string escaped;
    for (const char c : word) {
      if (c == '"' || c == '\\') escaped += '\\';
      escaped += c;
    }
    if (indent.size() + line.size() + escaped.size() + 6 > kColumns) {
      out += fmt::format("{}\"{} \"\n", indent, line);
      line.clear();
    }
    line += (line.empty() ? "" : " ") + escaped;
  }
  return fmt::format("{}{}\"{}\"", out, indent, line);
}

std::string line_directive(size_t line, const std::string& name) {
  return fmt::format("#line {} \"{}\"\n", line, name);
}

bool is_include(const std::string& line) {
  std::string text = line;
  std::erase_if(text, [](char c) { return c == ' ' || c == '\t'; });
  return text.starts_with("#include");
}

}  // namespace

std::string starter_body(const Task& task, const std::string& indent) {
  const std::string text =
      fmt::format("Task {} ({}) is not written yet. Hint: {}", task.id, task.title, task.hints[0]);
  const char* call = task.neutral.empty() ? "throw NotImplemented(\n" : "note_not_implemented(\n";
  std::string body = indent + call + literals(text, indent + "    ") + ");\n";
  if (!task.neutral.empty()) body += indent + task.neutral + "\n";
  return body;
}

std::string make_starter(const SourceFile& reference, const Module& module) {
  std::string text;
  size_t next = 0;  // the first line that is not written yet
  const auto copy_to = [&](size_t end) {
    for (; next < end; ++next) text += reference.lines[next] + "\n";
  };
  for (const Region& region : reference.regions) {
    const Task* task = module.task_of(region.id);
    if (!task) continue;
    copy_to(region.begin);
    const std::string& marker = reference.lines[region.begin - 1];
    text += starter_body(*task, marker.substr(0, marker.find('/')));
    next = region.end;
  }
  copy_to(reference.lines.size());
  return text;
}

std::string make_overlay(const SourceFile& reference, const SourceFile& student,
                         const std::set<std::string>& take,
                         const std::map<std::string, int>& reach) {
  std::string top = "#include \"tinytorch/core/error.h\"\n";  // starters throw NotImplemented
  if (!reach.empty()) top += "extern \"C\" unsigned char tinytorch_reached[];\n";
  std::string text = line_directive(1, reference.name);
  size_t next = 0;
  for (const Region& region : reference.regions) {
    const Region* own = take.contains(region.id) ? student.find(region.id) : nullptr;
    const auto number = reach.find(region.id);
    if (!own && number == reach.end()) continue;
    for (; next < region.begin; ++next) text += reference.lines[next] + "\n";
    if (number != reach.end())
      text += fmt::format("::tinytorch_reached[{}] = 1;\n", number->second);
    if (!own) {
      text += line_directive(next + 1, reference.name);
      continue;
    }
    text += line_directive(own->begin + 1, student.name);
    for (size_t i = own->begin; i < own->end; ++i) {
      const bool moves = own->is_helpers() && is_include(student.lines[i]);
      if (moves) top += line_directive(i + 1, student.name) + student.lines[i] + "\n";
      text += (moves ? "" : student.lines[i]) + "\n";
    }
    next = region.end;
    text += line_directive(next + 1, reference.name);
  }
  for (; next < reference.lines.size(); ++next) text += reference.lines[next] + "\n";
  return top + text;
}

std::string make_merged(const SourceFile& base, const SourceFile& other,
                        const std::set<std::string>& take) {
  std::string text;
  size_t next = 0;
  for (const Region& region : base.regions) {
    const Region* from = other.find(region.id);
    if (!from || !take.contains(region.id)) continue;
    for (; next < region.begin; ++next) text += base.lines[next] + "\n";
    text += other.body(*from);
    next = region.end;
  }
  for (; next < base.lines.size(); ++next) text += base.lines[next] + "\n";
  return text;
}

}  // namespace tinytorch::lab
