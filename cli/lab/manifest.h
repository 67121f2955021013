#pragma once
// modules/NAME/module.toml: all that is known of a module and its tasks, in one place.
#include <string>
#include <vector>

namespace tinytorch::lab {

struct Task {
  std::string id, title;
  std::string file;      // under tinytorch/: "core/tensor.cpp"
  std::string contract;  // what the region has to do
  std::string starter;   // the starter's body where a throw would not do (in a destructor's reach)
  std::vector<std::string> hints;  // three rungs: a question, an example, the shape of the answer
  std::vector<std::string> tests;
  int points = 0, minutes = 0;
};

struct Prediction {
  std::string id, question, unit;
};

struct Module {
  std::string name;    // its folder: "tensor"
  std::string folder;  // where it stands
  int order = 0;
  std::string title, question, book;
  std::vector<Task> tasks;
  std::vector<Prediction> predictions;

  const Task* find(const std::string& id) const {  // nullptr when there is none
    for (const Task& task : tasks)
      if (task.id == id) return &task;
    return nullptr;
  }
  std::vector<std::string> files() const;  // those of its tasks, each once
};

// Every folder under HOME/modules that has a module.toml, by order. ConfigError with file and line
// for a manifest that is wrong.
std::vector<Module> load_course(const std::string& home);

// By name or number: "tensor", "1", "01". ConfigError names the known ones.
const Module& find_module(const std::vector<Module>& course, const std::string& word);

}  // namespace tinytorch::lab
