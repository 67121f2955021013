#pragma once
// What a student's regions are worth: builds them, runs their tests, gives each task its state.
#include <string>
#include <vector>

#include "cli/lab/build.h"
#include "cli/lab/manifest.h"
#include "cli/lab/state.h"

namespace tinytorch::lab {

struct TestResult {
  std::string name;
  std::string state;  // "PASS", "FAIL", "CRASH", "TODO"
  std::string text;   // why
  int milliseconds = 0;
};

struct TaskResult {
  const Task* task = nullptr;
  // TODO: the regions' tokens are those of the starter, or one still throws NotImplemented. Else
  // CRASH or FAIL if a test did, else PASS.
  std::string state;
  std::string text;  // where it is not a test's
  std::vector<TestResult> tests;
  std::string body;  // fingerprint of the regions
};

struct Verdict {
  std::vector<TaskResult> tasks;
  std::vector<std::string> notes;  // what a student should know of their files beside the tasks
  int compiled = 0;                // files
  double overlay_seconds = 0, compile_seconds = 0, link_seconds = 0, run_seconds = 0;
  double seconds() const { return overlay_seconds + compile_seconds + link_seconds + run_seconds; }
};

// The files of a module in a lab, with the regions of those tasks, by id, to compile; helpers come
// along. A file of which nothing is to compile is left out.
std::vector<Part> student_parts(const std::string& lab, const Module& module,
                                const std::set<std::string>& tasks);

// The given files of all modules, when the student has changed one: they belong together.
std::vector<Whole> given_files(const Lab& lab);

// Looks at a task in a lab without running anything: its fingerprint, and its state where that is
// plain: TODO, or FAIL with a text.
TaskResult look_at(const std::string& lab, const Module& module, const Task& task,
                   const State& state);

// The regions of a task with their markers.
std::string task_text(const SourceFile& file, const Task& task);

// Where the code of all other modules comes from.
enum class Others {
  kReference,
  kPackage,  // the student's own package, as far as it goes
  kLab,      // the lab's files as they are: what is unwritten shows when it is reached
};

// Judges the tasks of a module and remembers it in the lab. An unwritten task is TODO and gets the
// reference's body, so that it blocks no other. With `only`, that task alone is judged, with the
// reference in all others; if unwritten, its starter runs and must say so. Where tasks fail
// together, each is tried with the reference in the others, so that the one at fault can be named.
Verdict judge(Lab& lab, const Module& module, const Task* only, Others others = Others::kReference);

// Builds a program of the module with its open tasks (those without a state). A task that does not
// compile becomes FAIL, and the reference takes its place, so that the others are judged all the
// same. No program: nothing is open any more.
BuildResult build_open(const LabBuild& builder, const Lab& lab, const Module& module,
                       const std::string& program, std::vector<TaskResult>& tasks, Others others,
                       Verdict& verdict);

// Runs tests of a program, in one process that is started anew after a crash.
std::vector<TestResult> run_tests(const std::string& program, const std::string& folder,
                                  std::vector<std::string> names);

// The worst of the tests decides; what still throws NotImplemented is not begun.
std::string state_of(const std::vector<TestResult>& tests);

}  // namespace tinytorch::lab
