#pragma once
// Grades: what a submission's regions answer to inputs that nobody has seen.
#include <cstdint>
#include <string>
#include <vector>

#include "cli/lab/manifest.h"

namespace tinytorch::lab {

struct ExerciseGrade {
  std::string name;
  int cases = 0, right = 0;
  std::string why;  // of the first wrong case
};

struct TaskGrade {
  const Task* task = nullptr;
  // "PASS"; "TODO": not begun; "FAIL"; "CRASH"; "REFUSED": it calls what it may not.
  std::string state;
  std::string text;  // why it is not "PASS"
  double score = 0;
  std::vector<ExerciseGrade> exercises;
  double speed_ratio =
      0;          // time of the reference by its own, both measured in turns; 0: not measured
  int hints = 0;  // that the lab says were shown
  std::string solution;  // when the lab says the solution was shown; empty: never
};

struct ModuleGrade {
  const Module* module = nullptr;
  std::vector<TaskGrade> tasks;
  double score() const;
  double points() const;
};

struct SubmissionGrade {
  std::string name, path;
  std::vector<ModuleGrade> modules;
  std::string problem;  // why nothing of it could be graded
  double seconds = 0;
  double score() const;
  double points() const;
};

// Two submissions, or one (`b` empty) and the reference, that have much in common. Shares of the
// smaller one's fingerprints, by winnowing over tokens without names and numbers (Schleimer,
// Wilkerson, Aiken: Winnowing, SIGMOD 2003).
struct Similarity {
  std::string a, b;
  double share = 0;
  double share_beside_reference = 0;  // of the fingerprints that the reference does not have
};

struct GradeRequest {
  std::string home;
  std::vector<Module> course;            // all of it
  std::vector<const Module*> modules;    // that count; empty: those that a submission has
  std::vector<std::string> submissions;  // folders
  uint64_t seed = 0;                     // of the inputs
  int workers = 1;
};

struct Grades {
  std::string sandbox;  // Sandbox::name()
  std::vector<const Module*> modules;
  std::vector<SubmissionGrade> submissions;
  std::vector<Similarity> similar;  // the most alike first
};

// What full and no points for speed need, as ratio to the reference; between them it is linear.
inline constexpr double kFullSpeed = 0.7, kNoSpeed = 0.2;

// EnvironmentError where the installation lacks the programs. A submission that cannot be read gets
// a `problem`; nothing of a submission is changed.
Grades grade(const GradeRequest& request);

// How alike the begun regions are; texts by submission, and the reference's of the same modules.
std::vector<Similarity> compare(const std::vector<std::pair<std::string, std::string>>& texts,
                                const std::string& reference);

// For people and machines: OUT/grades.csv, OUT/report.html, OUT/similarity.csv and, for each
// submission, OUT/NAME/results.json in the format that Gradescope reads.
void write_reports(const Grades& grades, const std::string& folder);

}  // namespace tinytorch::lab
