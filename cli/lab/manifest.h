#pragma once
// modules/NAME/module.toml: all that is known of a module and its tasks, in one place.
#include <string>
#include <vector>

namespace tinytorch::lab {

struct Task {
  std::string id, title;
  std::string file;                  // under tinytorch/: "core/tensor.cpp"
  std::vector<std::string> regions;  // of that file; the task's own id, where it names none
  std::string contract;              // what the regions have to do
  std::string edges;                 // the cases at the edge that must work too
  std::string untested;              // what the tests do not cover
  // The last statement of a starter that must not throw because destructors reach it: "return;".
  std::string neutral;
  std::vector<std::string> hints;  // three rungs: a question, an example, the shape of the answer
  std::vector<std::string> tests;
  int points = 0, minutes = 0;
  int speed = 0;  // of the points: for the time it takes, beside the reference's
  // Beginnings of the library's names that its code may call beside what the reference's file calls
  // and the accessors of tensors: "tinytorch::" for all operations.
  std::vector<std::string> uses;
};

struct Prediction {
  std::string id, question, unit;
  std::string measure;  // the measurement that answers it
};

// What `tito measure` draws: y over x, as the programs of measure/ report it.
struct Measurement {
  std::string id, title;
  std::string x, y;  // what the axes show, with units
};

// A seeded defect: debug/ID.cpp has it, debug/ID.fixed.cpp has not, debug/ID.tests.cpp tells them
// apart. A student sees the symptom, mends a copy and names the invariant that was broken.
struct Hunt {
  std::string id, title;
  std::string kind;     // "wrong", "slow" or "leak"
  std::string symptom;  // what a user would report
  int invariant = 0;    // its number in the chapter
  std::vector<std::string> tests;
};

struct Module {
  std::string name;    // its folder: "tensor"
  std::string folder;  // where it stands
  int order = 0;
  std::string title, question, book;
  bool exercise_files = false;     // its exercises open files
  std::vector<std::string> given;  // files under tinytorch/ that a student may change as a whole
  std::vector<Task> tasks;
  std::vector<Prediction> predictions;
  std::vector<Measurement> measurements;
  std::vector<Hunt> hunts;

  const Task* find(const std::string& id) const;         // nullptr when there is none
  const Task* task_of(const std::string& region) const;  // nullptr when it belongs to none
  std::vector<std::string> files() const;                // those of its tasks, each once
};

// Every folder under HOME/modules that has a module.toml, by order. ConfigError with file and line
// for a manifest that is wrong.
std::vector<Module> load_course(const std::string& home);

// By name or number: "tensor", "1", "01". ConfigError names the known ones.
const Module& find_module(const std::vector<Module>& course, const std::string& word);

// "0-4", "1,3", "tensor,mlp": in the order of the course, each once. ConfigError as above.
std::vector<const Module*> find_modules(const std::vector<Module>& course, const std::string& list);

}  // namespace tinytorch::lab
