#pragma once
// What a lab remembers: .tito/state.json, text that can live in git; written at once or not at all.
#include <map>
#include <set>
#include <string>
#include <vector>

#include "cli/lab/manifest.h"

namespace tinytorch::lab {

struct TaskRecord {
  std::string starter;   // fingerprint of the starter that each of its regions was handed
  std::string state;     // of the last test: "TODO", "FAIL", "CRASH", "PASS", or empty
  std::string tested;    // fingerprint of the regions that state belongs to
  int hints = 0;         // how many were shown
  std::string contract;  // fingerprint of contract and tests
  std::string solution;  // when it was shown: "after green" or "given up"; empty: never
};

struct ModuleRecord {
  bool started = false;
  std::set<std::string> measured;       // ids
  std::map<std::string, double> found;  // answers to predictions, as measured with own code
  std::set<std::string> hunts;          // solved
  std::string exported;                 // fingerprint of what the export held
};

struct State {
  std::map<std::string, TaskRecord> tasks;      // by id
  std::map<std::string, ModuleRecord> modules;  // by name
  std::map<std::string, std::string> files;     // fingerprints of what was given, by name
  std::set<std::string> milestones;             // certified
  std::string current;                          // the module that was started last
};

State load_state(const std::string& lab);  // IoError when it is damaged
void save_state(const std::string& lab, const State& state);

std::string fingerprint(const std::string& code);       // of its tokens
std::string text_fingerprint(const std::string& text);  // of every character

// One command at a time changes a lab; another one waits.
class LabLock {
 public:
  explicit LabLock(const std::string& lab);
  LabLock(const LabLock&) = delete;
  LabLock& operator=(const LabLock&) = delete;
  ~LabLock();

 private:
  int fd_;
};

// The lab this run works in, with the course of its installation.
struct Lab {
  std::string home, folder;
  std::vector<Module> course;
  State state;

  static Lab open(const char* command);  // ConfigError when there is none, EnvironmentError
  void save() const { save_state(folder, state); }

  // "tensor", "1", "1.3"; empty: the module that was started last, else the first one with an
  // unfinished task. ConfigError names what there is.
  struct What {
    const Module* module;
    const Task* task;  // nullptr: the module
  };
  What find(const std::string& word) const;
  What find_task(const std::string& word) const;  // must be a task
  const Module& first_unfinished() const;
  const Task* next_task(const Module& module) const;  // nullptr: all pass
  bool passed(const Task& task) const;
};

}  // namespace tinytorch::lab
