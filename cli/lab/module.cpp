// What a module can tell of itself; reading it is manifest.cpp's affair.
#include <algorithm>

#include "cli/lab/manifest.h"

namespace tinytorch::lab {

const Task* Module::find(const std::string& id) const {
  for (const Task& task : tasks)
    if (task.id == id) return &task;
  return nullptr;
}

const Task* Module::task_of(const std::string& region) const {
  for (const Task& task : tasks)
    for (const std::string& own : task.regions)
      if (own == region) return &task;
  return nullptr;
}

std::vector<std::string> Module::files() const {
  std::vector<std::string> list;
  for (const Task& task : tasks)
    if (std::find(list.begin(), list.end(), task.file) == list.end()) list.push_back(task.file);
  return list;
}

}  // namespace tinytorch::lab
