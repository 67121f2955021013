#pragma once
// Whether the course holds together: `tito course check`.
#include <string>
#include <vector>

#include "cli/lab/manifest.h"

namespace tinytorch::lab {

struct CourseReport {
  int modules = 0, tasks = 0;
  double starter_score = 0, reference_score = 0;  // percent of all points
  int variants = 0, caught = 0;
  bool chapters_ok = true, independence_ok = true, prefix_ok = true, layout_ok = true;
  bool milestones_ok = true;          // each passes, and with none of its wrong variants
  bool structure_ok = true;           // manifests, code and files agree
  std::vector<std::string> problems;  // one line or more each
  bool ok() const {
    return problems.empty() && starter_score == 0 && reference_score == 100 && caught == variants;
  }
};

struct CourseCheck {
  std::string home;
  std::vector<Module> course;    // all of it
  std::vector<Module> selected;  // what is checked
  bool sample = false;           // a fifth of the starters and wrong variants
};

CourseReport check_course(const CourseCheck& check);

// A wrong body that a test must catch: modules/NAME/wrong/*.cpp.
struct WrongVariant {
  std::string name;  // "tensor/1.5-ones"
  std::string task, region, test, state, cause, body;
};
std::vector<WrongVariant> wrong_variants(const Module& module);  // ConfigError for a bad head

// What is wrong with a chapter, a line each; nothing: it follows the template.
std::vector<std::string> chapter_problems(const Module& module);

// Where manifests, regions, files and tests of the course disagree.
std::vector<std::string> structure_problems(const std::string& home,
                                            const std::vector<Module>& course,
                                            const std::vector<Module>& selected);

}  // namespace tinytorch::lab
