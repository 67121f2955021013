#pragma once
// Runs a measurement of a module's program (modules/harness/measure.cpp is the other side).
#include <map>
#include <string>
#include <vector>

namespace tinytorch::lab {

struct MeasuredPoint {
  std::string curve;
  double x = 0, min = 0, median = 0, max = 0, limit = 0;  // limit 0: none
};

struct MeasuredRun {
  std::vector<MeasuredPoint> points;
  std::map<std::string, double> answers;    // by prediction
  std::vector<std::string> curves() const;  // in the order in which they came
};

MeasuredRun run_measurement(const std::string& program, const std::string& id);  // ConfigError

}  // namespace tinytorch::lab
