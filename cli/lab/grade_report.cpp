// What a grading leaves behind: a table for people, one for machines, a results.json a submission.
#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "cli/lab/grade.h"
#include "cli/lab/workspace.h"

namespace tinytorch::lab {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

namespace {

std::string html(const std::string& text) {
  std::string out;
  for (const char c : text) switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  return out;
}

// RFC 4180. A text that a spreadsheet would take for a formula gets a quote before it.
std::string csv(const std::string& text) {
  std::string out =
      !text.empty() && std::string("=+-@").find(text[0]) != std::string::npos ? "'" + text : text;
  if (out.find_first_of(",\"\n\r") == std::string::npos) return out;
  for (size_t at = 0; (at = out.find('"', at)) != std::string::npos; at += 2)
    out.insert(at, 1, '"');
  return "\"" + out + "\"";
}

// JSON needs UTF-8; what a program under examination said may be anything.
std::string printable(const std::string& text) {
  std::string out;
  for (const char c : text)
    out += (static_cast<unsigned char>(c) < 0x80 && (c >= ' ' || c == '\n')) ? c : '?';
  return out;
}

std::string explanation(const TaskGrade& task) {
  std::string text = task.state;
  if (!task.text.empty()) text += ": " + task.text;
  for (const ExerciseGrade& exercise : task.exercises)
    text +=
        fmt::format("\n{}: {} of {} cases right", exercise.name, exercise.right, exercise.cases);
  if (task.speed_ratio > 0)
    text += fmt::format("\nspeed: {:.2f} of the reference's (full points from {}, none at {})",
                        task.speed_ratio, kFullSpeed, kNoSpeed);
  if (task.hints > 0) text += fmt::format("\nhints shown: {}", task.hints);
  if (!task.solution.empty()) text += "\nthe solution was shown: " + task.solution;
  return printable(text);
}

// https://gradescope-autograders.readthedocs.io/en/latest/specs/#output-format
Json gradescope(const SubmissionGrade& grade, const std::string& sandbox) {
  Json tests = Json::array();
  for (const ModuleGrade& module : grade.modules)
    for (const TaskGrade& task : module.tasks)
      tests.push_back({{"number", task.task->id},
                       {"name", task.task->id + " " + task.task->title},
                       {"score", task.score},
                       {"max_score", task.task->points},
                       {"status", task.state == "PASS" ? "passed" : "failed"},
                       {"output", explanation(task)},
                       {"tags", {module.module->name}},
                       {"visibility", "visible"}});
  return {{"score", grade.score()},
          {"max_score", grade.points()},
          {"execution_time", grade.seconds},
          {"output", grade.problem.empty()
                         ? "Each task: your region on inputs that nobody has seen, the reference "
                           "elsewhere."
                         : printable(grade.problem)},
          {"visibility", "visible"},
          {"stdout_visibility", "hidden"},
          {"tests", tests},
          {"extra_data", {{"sandbox", sandbox}}}};
}

std::string table(const Grades& grades) {
  std::string text = "submission,score,max_score";
  for (const Module* module : grades.modules)
    for (const Task& task : module->tasks) text += "," + task.id;
  text += ",sandbox,problem\n";
  for (const SubmissionGrade& grade : grades.submissions) {
    text += fmt::format("{},{:.6g},{:.6g}", csv(grade.name), grade.score(), grade.points());
    for (const ModuleGrade& module : grade.modules)
      for (const TaskGrade& task : module.tasks) text += fmt::format(",{:.6g}", task.score);
    text += fmt::format(",{},{}\n", grades.sandbox, csv(grade.problem));
  }
  return text;
}

std::string similarity_table(const Grades& grades) {
  std::string text = "a,b,share,share_beside_reference\n";
  for (const Similarity& pair : grades.similar)
    text += fmt::format("{},{},{:.3f},{:.3f}\n", csv(pair.a),
                        pair.b.empty() ? "the reference" : csv(pair.b), pair.share,
                        pair.share_beside_reference);
  return text;
}

constexpr const char* kStyle = R"css(
:root { color-scheme: light dark; --line: #8884; --good: #2e8b5733; --bad: #c0392b33; --some: #d4a01733; }
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; }
th, td { border: 1px solid var(--line); padding: .25rem .5rem; text-align: right; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
td.PASS { background: var(--good); } td.FAIL, td.CRASH, td.REFUSED { background: var(--bad); }
td.TODO { background: var(--some); }
details { margin: .35rem 0; } summary { cursor: pointer; }
details table td { text-align: left; vertical-align: top; white-space: pre-wrap; }
.key span { padding: 0 .4rem; margin-right: .6rem; }
)css";

std::string cells(const SubmissionGrade& grade) {
  std::string text;
  for (const ModuleGrade& module : grade.modules)
    for (const TaskGrade& task : module.tasks)
      text += fmt::format("<td class=\"{}\" title=\"{}\">{:.3g}</td>", task.state,
                          html(explanation(task)), task.score);
  return text;
}

std::string page(const Grades& grades) {
  std::string text =
      "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width\">\n<title>TinyTorch grades</title>\n";
  text += fmt::format("<style>{}</style>\n<h1>Grades</h1>\n", kStyle);
  text += fmt::format(
      "<p>{} submissions; sandbox: {}{}.</p>\n", grades.submissions.size(), grades.sandbox,
      grades.sandbox == "none" ? " (this host has no namespaces: limits only)" : "");
  text += "<p class=\"key\">";
  const std::pair<const char*, const char*> kinds[] = {
      {"--good", "all points that are for being right"},
      {"--bad", "wrong, crashed or refused"},
      {"--some", "not begun"}};
  for (const auto& [color, meaning] : kinds)
    text += fmt::format("<span style=\"background: var({})\">{}</span>", color, meaning);
  text += "</p>\n<div class=\"wide\"><table>\n<tr><th>submission</th><th>score</th><th>of</th>";
  for (const Module* module : grades.modules)
    for (const Task& task : module->tasks)
      text += fmt::format("<th title=\"{} ({} points)\">{}</th>", html(task.title), task.points,
                          task.id);
  text += "</tr>\n";
  for (const SubmissionGrade& grade : grades.submissions)
    text += fmt::format("<tr><td>{}</td><td>{:.4g}</td><td>{:.4g}</td>{}</tr>\n", html(grade.name),
                        grade.score(), grade.points(), cells(grade));
  text += "</table></div>\n<h2>Why</h2>\n";
  for (const SubmissionGrade& grade : grades.submissions) {
    text += fmt::format("<details><summary>{}: {:.4g} of {:.4g}</summary>\n", html(grade.name),
                        grade.score(), grade.points());
    if (!grade.problem.empty()) text += "<p>" + html(printable(grade.problem)) + "</p>\n";
    text += "<table>\n";
    for (const ModuleGrade& module : grade.modules)
      for (const TaskGrade& task : module.tasks)
        text += fmt::format("<tr><td>{} {}</td><td>{:.3g} of {}</td><td>{}</td></tr>\n",
                            task.task->id, html(task.task->title), task.score, task.task->points,
                            html(explanation(task)));
    text += "</table></details>\n";
  }
  text += "<h2>Alike</h2>\n";
  if (grades.similar.empty())
    text += "<p>No two submissions have half of their code in common.</p>\n";
  else
    text +=
        "<p>Share of the smaller one's code (by winnowing; names and numbers do not count) that "
        "the "
        "other one has too. A short task leaves little choice: the last column leaves out what the "
        "reference has as well.</p>\n<table>\n"
        "<tr><th>a</th><th>b</th><th>in common</th><th>beside the reference's</th></tr>\n";
  for (const Similarity& pair : grades.similar)
    text += fmt::format(
        "<tr><td>{}</td><td>{}</td><td>{:.0f} %</td><td>{}</td></tr>\n", html(pair.a),
        pair.b.empty() ? "<i>the reference</i>" : html(pair.b), 100 * pair.share,
        pair.b.empty() ? "" : fmt::format("{:.0f} %", 100 * pair.share_beside_reference));
  if (!grades.similar.empty()) text += "</table>\n";
  return text + "</html>\n";
}

}  // namespace

void write_reports(const Grades& grades, const std::string& folder) {
  for (const SubmissionGrade& grade : grades.submissions)
    write_text(folder + "/" + grade.name + "/results.json",
               gradescope(grade, grades.sandbox).dump(1) + "\n");
  write_text(folder + "/grades.csv", table(grades));
  write_text(folder + "/similarity.csv", similarity_table(grades));
  write_text(folder + "/report.html", page(grades));
}

}  // namespace tinytorch::lab
