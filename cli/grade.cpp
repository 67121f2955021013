// tito grade: what submissions are worth.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <random>
#include <thread>

#include "cli/command.h"
#include "cli/home.h"
#include "cli/lab/grade.h"
#include "cli/output.h"

namespace tinytorch::cli {

namespace {

namespace fs = std::filesystem;

Json task_json(const lab::TaskGrade& task) {
  Json object = {
      {"id", task.task->id},       {"title", task.task->title},      {"state", task.state},
      {"score", task.score},       {"max_score", task.task->points}, {"text", task.text},
      {"exercises", Json::array()}};
  for (const lab::ExerciseGrade& exercise : task.exercises)
    object["exercises"].push_back({{"name", exercise.name},
                                   {"cases", exercise.cases},
                                   {"right", exercise.right},
                                   {"why", exercise.why}});
  if (task.task->speed > 0)
    object["speed"] = {{"ratio", task.speed_ratio}, {"max_score", task.task->speed}};
  if (task.hints > 0) object["hints"] = task.hints;
  if (!task.solution.empty()) object["solution"] = task.solution;
  return object;
}

Json as_json(const lab::Grades& grades) {
  Json object = {{"sandbox", grades.sandbox},
                 {"modules", Json::array()},
                 {"submissions", Json::array()},
                 {"similar", Json::array()}};
  for (const lab::Module* module : grades.modules) object["modules"].push_back(module->name);
  for (const lab::SubmissionGrade& grade : grades.submissions) {
    Json one = {{"name", grade.name},       {"path", grade.path},
                {"score", grade.score()},   {"max_score", grade.points()},
                {"seconds", grade.seconds}, {"tasks", Json::array()}};
    if (!grade.problem.empty()) one["problem"] = grade.problem;
    for (const lab::ModuleGrade& module : grade.modules)
      for (const lab::TaskGrade& task : module.tasks) one["tasks"].push_back(task_json(task));
    object["submissions"].push_back(std::move(one));
  }
  for (const lab::Similarity& pair : grades.similar)
    object["similar"].push_back({{"a", pair.a},
                                 {"b", pair.b.empty() ? Json() : Json(pair.b)},
                                 {"share", pair.share},
                                 {"share_beside_reference", pair.share_beside_reference}});
  return object;
}

int run(const Args& args) {
  lab::GradeRequest request;
  request.home = require_home("grade");
  request.course = lab::load_course(request.home);
  request.submissions = args.list("SUBMISSION");
  if (args.has("--modules"))
    request.modules = lab::find_modules(request.course, args.text("--modules"));
  request.workers =
      static_cast<int>(args.integer("--jobs", std::max(1U, std::thread::hardware_concurrency())));
  if (request.workers < 1 || request.workers > 64)
    throw ConfigError("--jobs takes a number from 1 to 64.");
  const int64_t seed = args.integer("--seed", static_cast<int64_t>(std::random_device()()));
  request.seed = static_cast<uint64_t>(seed);
  const std::string out = args.text("--out");
  if (out.empty()) throw ConfigError("grade: needs --out DIR, a folder for the reports.");
  if (fs::exists(out) && !(fs::is_directory(out) && fs::is_empty(out)))
    throw ConfigError(out +
                      ": is there already and not empty; nothing was graded. Hint: name a new "
                      "folder.");
  for (const std::string& path : request.submissions)
    if (!fs::exists(path)) throw ConfigError(path + ": is not there.");
  const auto start = std::chrono::steady_clock::now();
  const lab::Grades grades = lab::grade(request);
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  lab::write_reports(grades, out);
  if (grades.sandbox == "none")
    fmt::print(stderr,
               "tito: sandbox: none. This host makes no namespaces (or has no bubblewrap): "
               "submissions ran with limits and nothing else around them.\n");
  if (args.json()) {
    Json object = as_json(grades);
    object["seed"] = seed;
    object["out"] = out;
    object["seconds"] = seconds;
    print_json(object);
    return kOk;
  }
  size_t width = 10;
  for (const auto& grade : grades.submissions) width = std::max(width, grade.name.size());
  for (const lab::SubmissionGrade& grade : grades.submissions) {
    std::string open;
    for (const lab::ModuleGrade& module : grade.modules)
      for (const lab::TaskGrade& task : module.tasks)
        if (task.state != "PASS" && task.state != "TODO")
          open += fmt::format("{}{} {}", open.empty() ? "  " : ", ", task.task->id, task.state);
    fmt::print("{:<{}}  {:>6.4g} of {:.4g}{}\n", grade.name, width, grade.score(), grade.points(),
               grade.problem.empty() ? open : "  " + grade.problem);
  }
  fmt::print("sandbox: {}; {} in {:.0f} s; the seed was {}\n", grades.sandbox,
             grades.submissions.size() == 1
                 ? "1 submission"
                 : fmt::format("{} submissions", grades.submissions.size()),
             seconds, seed);
  fmt::print("{0}/report.html, {0}/grades.csv, {0}/similarity.csv, {0}/NAME/results.json\n", out);
  return kOk;
}

}  // namespace

extern const Command grade_command{
    "grade",
    "grade submissions on inputs that nobody has seen",
    "tito grade submissions/* --modules 1 --out grades",
    {{"SUBMISSION", "folders: labs as they were handed in", true, true}},
    {{"--out", "DIR", "a new folder for the reports"},
     {"--modules", "LIST", "0-4, 1,3 or tensor (default: those that a submission has)"},
     {"--jobs", "N", "submissions at a time (default: one a CPU)"},
     {"--seed", "N", "of the inputs, to repeat a grading (default: a new one)"}},
    run};

}  // namespace tinytorch::cli
