// tito measure: a module's measurements with the student's code and with the reference, beside what
// was predicted and what the machine can do at best.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/lab/judge.h"
#include "cli/lab/measuring.h"
#include "cli/lab/plot.h"
#include "cli/lab/predictions.h"
#include "cli/lab/workspace.h"
#include "cli/output.h"

namespace tinytorch::cli {

namespace {

struct Pair {
  const lab::Measurement* measurement;
  lab::MeasuredRun yours, reference;
};

lab::Plot plot_of(const Pair& pair) {
  lab::Plot plot{pair.measurement->title, pair.measurement->x, pair.measurement->y, {}};
  int color = 0;
  for (const std::string& curve : pair.yours.curves()) {
    lab::PlotLine yours{curve + ", yours", color, lab::PlotLine::kSolid, {}};
    lab::PlotLine reference{curve + ", reference", color, lab::PlotLine::kDashed, {}};
    lab::PlotLine limit{curve + ", limit", color, lab::PlotLine::kDotted, {}};
    for (const lab::MeasuredPoint& p : pair.yours.points) {
      if (p.curve != curve) continue;
      yours.points.push_back({p.x, p.min, p.median, p.max});
      if (p.limit > 0) limit.points.push_back({p.x, p.limit, p.limit, p.limit});
    }
    for (const lab::MeasuredPoint& p : pair.reference.points)
      if (p.curve == curve) reference.points.push_back({p.x, p.min, p.median, p.max});
    plot.lines.push_back(yours);
    plot.lines.push_back(reference);
    if (!limit.points.empty()) plot.lines.push_back(limit);
    ++color;
  }
  return plot;
}

const lab::MeasuredPoint* twin(const lab::MeasuredRun& run, const lab::MeasuredPoint& of) {
  for (const lab::MeasuredPoint& p : run.points)
    if (p.curve == of.curve && p.x == of.x) return &p;
  return nullptr;
}

void print_table(const Pair& pair) {
  fmt::print("\n{}\n", styled(stdout, Style::kBold, pair.measurement->title));
  fmt::print("  {} over {}\n", pair.measurement->y, pair.measurement->x);
  fmt::print("  {:<24} {:>12}  {:>10} {:>17}  {:>10} {:>10}\n", "", "", "yours", "(from .. to)",
             "reference", "limit");
  for (const lab::MeasuredPoint& p : pair.yours.points) {
    const lab::MeasuredPoint* other = twin(pair.reference, p);
    fmt::print("  {:<24} {:>12.6g}  {:>10.4g} {:>17}  {:>10} {:>10}\n", p.curve, p.x, p.median,
               fmt::format("({:.3g} .. {:.3g})", p.min, p.max),
               other ? fmt::format("{:.4g}", other->median) : "-",
               p.limit > 0 ? fmt::format("{:.4g}", p.limit) : "-");
  }
}

// Did something else take the machine meanwhile? Then a quarter of the points vary by more than
// two, or the reference is beyond a limit that was measured beside it.
bool is_noisy(const Pair& pair) {
  const bool is_rate = pair.measurement->y.find("/s") != std::string::npos;
  size_t points = 0, wide = 0;
  for (const lab::MeasuredRun* run : {&pair.yours, &pair.reference})
    for (const lab::MeasuredPoint& p : run->points) ++points, wide += p.max > 2 * p.min;
  const auto beyond = [&](const lab::MeasuredPoint& p) {
    return p.limit > 0 && (is_rate ? p.median > 2 * p.limit : p.median < p.limit / 2);
  };
  return 4 * wide >= points ||
         std::any_of(pair.reference.points.begin(), pair.reference.points.end(), beyond);
}

// By how much the prediction missed: 1 is right, 2 twice or half.
double factor(double predicted, double found) {
  if (predicted == found) return 1;
  if (!(predicted / found > 0)) return INFINITY;
  return std::max(predicted / found, found / predicted);
}

Json points_json(const lab::MeasuredRun& run) {
  Json list = Json::array();
  for (const lab::MeasuredPoint& p : run.points)
    list.push_back({{"curve", p.curve},
                    {"x", p.x},
                    {"min", p.min},
                    {"median", p.median},
                    {"max", p.max},
                    {"limit", p.limit > 0 ? Json(p.limit) : Json()}});
  return list;
}

Json answer_json(const lab::Prediction& p, double predicted, const Pair& pair) {
  const double found = pair.yours.answers.at(p.id);
  return {{"id", p.id},
          {"unit", p.unit},
          {"predicted", predicted},
          {"yours", found},
          {"reference",
           pair.reference.answers.contains(p.id) ? Json(pair.reference.answers.at(p.id)) : Json()},
          {"off_by", factor(predicted, found)},
          {"measured", true}};
}

void require_predictions(const lab::Module& module, const std::map<std::string, double>& answers) {
  for (const lab::Prediction& p : module.predictions)
    if (!answers.contains(p.id))
      throw ConfigError(fmt::format(
          "measure: first say what you expect: {}\nHint: ./tito predict {} {}=NUMBER  ({})",
          p.question, module.name, p.id, p.unit));
}

// The student's tasks that pass stand in the program; all else is the reference's.
std::string build_yours(const lab::Lab& lab, const lab::Module& module, int& own) {
  std::set<std::string> tasks;
  for (const lab::Task& task : module.tasks) {
    const lab::TaskResult seen = lab::look_at(lab.folder, module, task, lab.state);
    if (lab.passed(task) && seen.body == lab.state.tasks.at(task.id).tested) tasks.insert(task.id);
  }
  own = static_cast<int>(tasks.size());
  const lab::LabBuild builder(lab.home, lab.folder, lab.folder + "/build/release",
                              lab::Profile::kRelease);
  builder.prepare();
  const lab::BuildResult built =
      builder.build(module.name + "_measure", lab::student_parts(lab.folder, module, tasks),
                    lab::given_files(lab));
  if (built.program.empty())
    throw ConfigError("measure: " + built.errors.begin()->second + "\nHint: ./tito test " +
                      module.name);
  return built.program;
}

int run(const Args& args) {
  lab::Lab lab = lab::Lab::open("measure");
  const lab::LabLock lock(lab.folder);
  const lab::Module& module = *lab.find(args.text("MODULE")).module;
  const auto predicted = lab::load_predictions(lab.folder, module);
  require_predictions(module, predicted);
  int own = 0;
  const std::string program = build_yours(lab, module, own);
  const std::string reference = lab.home + "/build/release/lab_" + module.name + "_measure";
  if (!args.json())
    fmt::print("{} of {} tasks are yours here; the others are the reference's.\n", own,
               module.tasks.size());
  std::vector<Pair> pairs;
  lab::ModuleRecord& record = lab.state.modules[module.name];
  for (const lab::Measurement& measurement : module.measurements) {
    Pair pair{&measurement, lab::run_measurement(program, measurement.id),
              lab::run_measurement(reference, measurement.id)};
    lab::write_text(lab.folder + "/modules/" + module.name + "/measure/" + measurement.id + ".svg",
                    lab::draw_svg(plot_of(pair)));
    record.measured.insert(measurement.id);
    for (const auto& [id, value] : pair.yours.answers) record.found[id] = value;
    if (!args.json()) print_table(pair);
    pairs.push_back(std::move(pair));
  }
  Json object = {{"module", module.name},
                 {"tasks_yours", own},
                 {"tasks", module.tasks.size()},
                 {"measurements", Json::array()},
                 {"predictions", Json::array()}};
  if (!args.json()) fmt::print("\n{}\n", styled(stdout, Style::kBold, "Predicted and found"));
  for (const Pair& pair : pairs) {
    object["measurements"].push_back({{"id", pair.measurement->id},
                                      {"x", pair.measurement->x},
                                      {"y", pair.measurement->y},
                                      {"noisy", is_noisy(pair)},
                                      {"yours", points_json(pair.yours)},
                                      {"reference", points_json(pair.reference)}});
    for (const lab::Prediction& p : module.predictions) {
      if (p.measure != pair.measurement->id || !pair.yours.answers.contains(p.id)) continue;
      const double guess = predicted.at(p.id), found = pair.yours.answers.at(p.id);
      object["predictions"].push_back(answer_json(p, guess, pair));
      if (args.json()) continue;
      const double off = factor(guess, found);
      fmt::print(
          "  {:<32} predicted {:>10.4g}, measured {:>10.4g} {}: {}\n", p.id, guess, found, p.unit,
          off <= 2
              ? styled(stdout, Style::kGreen, fmt::format("within {:.2g}x", off))
              : styled(stdout, Style::kYellow,
                       fmt::format("off by {:.3g}x: {}", off,
                                   is_noisy(pair) ? "but the machine was busy" : "find out why")));
    }
  }
  if (!args.json() && std::any_of(pairs.begin(), pairs.end(), is_noisy))
    fmt::print("\nThe machine was busy: some numbers vary by more than two. Measure again: {}\n",
               "./tito measure " + module.name);
  lab.save();
  lab::write_text(lab.folder + "/.tito/measure/" + module.name + ".json", object.dump(1) + "\n");
  if (args.json())
    print_json(object);
  else
    fmt::print("\nPictures: modules/{}/measure/*.svg\n", module.name);
  return kOk;
}

}  // namespace

extern const Command measure_command{"measure",
                                     "in a lab: predicted, yours, reference, limit",
                                     "tito measure tensor",
                                     {{"MODULE", "tensor, 1; else the current one", false}},
                                     {},
                                     run};

}  // namespace tinytorch::cli
