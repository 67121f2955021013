#include "cli/lab/measuring.h"

#include <algorithm>
#include <sstream>

#include "cli/lab/process.h"
#include "tinytorch/core/error.h"

namespace tinytorch::lab {

std::vector<std::string> MeasuredRun::curves() const {
  std::vector<std::string> names;
  for (const MeasuredPoint& p : points)
    if (std::find(names.begin(), names.end(), p.curve) == names.end()) names.push_back(p.curve);
  return names;
}

MeasuredRun run_measurement(const std::string& program, const std::string& id) {
  constexpr int kSilenceMs = 60'000;
  std::string report;
  const Outcome outcome = run(
      {{program, "--report", "3", id}, "", {"TINYTORCH_KERNELS="}, [&](const std::string& more) {
         report += more;
         return kSilenceMs;
       }});
  MeasuredRun result;
  std::istringstream lines(report);
  bool done = false;
  std::string line, why;
  while (std::getline(lines, line)) {
    std::istringstream in(line);
    std::string word, name;
    in >> word >> name;
    if (word == "point") {
      MeasuredPoint p;
      p.curve = name;
      in >> p.x >> p.min >> p.median >> p.max >> p.limit;
      result.points.push_back(p);
    } else if (word == "answer") {
      in >> result.answers[name];
    } else if (word == "end") {
      std::string state;
      in >> state;
      done = state == "done";
      std::getline(lines, why, '\0');
    }
  }
  if (!done)
    throw ConfigError("measuring " + id + " failed: " + (why.empty() ? outcome.output : why) +
                      (outcome.signal ? " (it died)" : ""));
  return result;
}

}  // namespace tinytorch::lab
