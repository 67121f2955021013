#pragma once
// A student's lab: modules/NAME/ with chapter, starters and predictions.toml; tinytorch/, their own
// package; .tito/, what the tool remembers, as text that can live in git; ./tito.
#include <map>
#include <set>
#include <string>
#include <vector>

#include "cli/lab/manifest.h"

namespace tinytorch::lab {

// Makes a lab of `course` in `folder`, which must not exist or be empty (ConfigError). The lab
// appears whole or not at all.
void make_workspace(const std::vector<Module>& course, const std::string& home,
                    const std::string& folder);

// The lab this run works in: TITO_LAB (set by a lab's ./tito), else the nearest folder from here
// upwards that is one. ConfigError when there is none.
std::string find_lab();

// What a lab remembers of a task.
struct TaskRecord {
  std::string starter;  // fingerprint of the starter it was handed
  std::string state;    // of the last test: "TODO", "FAIL", "CRASH", "PASS", or empty
  std::string tested;   // fingerprint of the body that state belongs to
};
using Records = std::map<std::string, TaskRecord>;  // by task id

Records load_records(const std::string& lab);
void save_records(const std::string& lab, const Records& records);  // at once or not at all

std::string fingerprint(const std::string& code);  // of its tokens

}  // namespace tinytorch::lab
