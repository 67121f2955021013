// tito course: for those who teach with it.
#include <fmt/format.h>

#include <chrono>
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/home.h"
#include "cli/lab/course.h"
#include "cli/output.h"

namespace tinytorch::cli {

namespace {

int check(const Args& args) {
  lab::CourseCheck request;
  request.home = require_home("course check");
  request.course = lab::load_course(request.home);
  request.sample = args.has("--sample");
  for (const std::string& word : args.list("MODULE"))
    request.selected.push_back(lab::find_module(request.course, word));
  if (request.selected.empty()) request.selected = request.course;
  const auto start = std::chrono::steady_clock::now();
  const lab::CourseReport report = lab::check_course(request);
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (args.json()) {
    print_json({{"modules", report.modules},
                {"tasks", report.tasks},
                {"starter_score", report.starter_score},
                {"reference_score", report.reference_score},
                {"wrong_variants", {{"total", report.variants}, {"caught", report.caught}}},
                {"chapters_ok", report.chapters_ok},
                {"independence_ok", report.independence_ok},
                {"prefix_ok", report.prefix_ok},
                {"layout_ok", report.layout_ok},
                {"milestones_ok", report.milestones_ok},
                {"structure_ok", report.structure_ok},
                {"sampled", request.sample},
                {"problems", report.problems},
                {"seconds", seconds}});
    return report.ok() ? kOk : kCheckFailed;
  }
  for (const std::string& problem : report.problems)
    fmt::print("{} {}\n", styled(stdout, Style::kRed, "problem"), problem);
  const auto word = [](bool ok) {
    return ok ? styled(stdout, Style::kGreen, "ok") : styled(stdout, Style::kRed, "FAIL");
  };
  fmt::print("{} modules, {} tasks{}\n", report.modules, report.tasks,
             request.sample ? " (starters and wrong variants: a sample)" : "");
  fmt::print("  starter score      {:.4g} %\n  reference score    {:.4g} %\n", report.starter_score,
             report.reference_score);
  fmt::print("  wrong variants     {} of {} caught\n", report.caught, report.variants);
  fmt::print("  structure          {}\n  chapters           {}\n", word(report.structure_ok),
             word(report.chapters_ok));
  if (!request.sample) fmt::print("  milestones         {}\n", word(report.milestones_ok));
  fmt::print("  each module alone  {}\n  one upon another   {}\n  another layout     {}\n",
             word(report.independence_ok), word(report.prefix_ok), word(report.layout_ok));
  fmt::print("{} in {:.0f} s\n", word(report.ok()), seconds);
  return report.ok() ? kOk : kCheckFailed;
}

int run(const Args& args) {
  if (args.text("ACTION") != "check")
    throw ConfigError("course: '" + args.text("ACTION") + "' is unknown. Did you mean 'check'?");
  return check(args);
}

}  // namespace

extern const Command course_command{
    "course",
    "check that chapters, tasks, tests and reference agree",
    "tito course check tensor",
    {{"ACTION", "check"}, {"MODULE", "tensor, 1, ...; else all", false, true}},
    {{"--sample", nullptr, "a fifth of the starters and wrong variants"}},
    run};

}  // namespace tinytorch::cli
