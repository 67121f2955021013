#pragma once
// milestones/NAME/milestone.toml: programs from the history of the field that run on a student's
// own package.
#include <string>
#include <vector>

namespace tinytorch::lab {

struct Milestone {
  std::string name;  // its folder: "1957-perceptron"
  int year = 0;
  std::string title, story, data;
  std::vector<std::string> modules;  // whose regions it certifies
  std::vector<std::string> wrong;    // variants with which it must not pass: "cnn/3.9-cut-graph"
  double bar = 0;                    // that the accuracy must reach
  double seconds_limit = 0;
};

std::vector<Milestone> load_milestones(const std::string& home);  // by year; ConfigError

// "1957", "perceptron" or "1957-perceptron". ConfigError names what there is.
const Milestone& find_milestone(const std::vector<Milestone>& all, const std::string& word);

}  // namespace tinytorch::lab
