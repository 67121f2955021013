#pragma once
// What a student's regions are worth: builds them, runs their tests, gives each task its state.
#include <string>
#include <vector>

#include "cli/lab/manifest.h"
#include "cli/lab/workspace.h"

namespace tinytorch::lab {

struct TestResult {
  std::string name;
  std::string state;  // "PASS", "FAIL", "CRASH", "TODO"
  std::string text;   // why
  int milliseconds = 0;
};

struct TaskResult {
  const Task* task = nullptr;
  // TODO: the region's tokens are those of its starter, or it still throws NotImplemented. Else
  // CRASH or FAIL if a test did, else PASS.
  std::string state;
  std::string text;  // where it is not a test's
  std::vector<TestResult> tests;
  std::string body;  // fingerprint of the region
};

struct Verdict {
  std::vector<TaskResult> tasks;
  int compiled = 0;  // files
  double overlay_seconds = 0, compile_seconds = 0, link_seconds = 0, run_seconds = 0;
  double seconds() const { return overlay_seconds + compile_seconds + link_seconds + run_seconds; }
};

// Judges the tasks of a module. An unwritten task is TODO and gets the reference's body, so that it
// blocks no other. With `only`, one task is judged; if unwritten, its starter runs and must say so.
Verdict judge(const std::string& home, const std::string& lab, const Module& module,
              const std::string& only, const Records& records);

// Runs tests of a program, in one process that is started anew after a crash.
std::vector<TestResult> run_tests(const std::string& program, const std::string& folder,
                                  std::vector<std::string> names);

}  // namespace tinytorch::lab
