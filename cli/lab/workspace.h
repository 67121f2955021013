#pragma once
// A student's lab: modules/NAME/ with chapter, starters and predictions.toml; tinytorch/, their own
// package; .tito/, what the tool remembers, as text that can live in git; ./tito.
#include <map>
#include <string>
#include <vector>

#include "cli/lab/manifest.h"
#include "cli/lab/state.h"

namespace tinytorch::lab {

// Makes a lab of `course` in `folder`, which must not exist or be empty (ConfigError). The lab
// appears whole or not at all.
void make_workspace(const std::vector<Module>& course, const std::string& home,
                    const std::string& folder);

// All that a lab is given of a module: texts by their names in the lab. predictions.toml, which is
// the student's from the beginning, is none of them.
std::map<std::string, std::string> module_files(const Module& module, const std::string& home);

// What the lab shall know of a module's starters, contracts and files.
void record_module(const Module& module, const std::map<std::string, std::string>& files,
                   State& state);

// A copy of a lab's file beside those of earlier times: ".tito/backup/3-core_tensor.cpp".
std::string back_up(const std::string& lab, const std::string& name);

// The lines of a file outside of its regions, as one fingerprint; of a text without regions, all.
// Markers that do not pair are an IoError with the file's name.
std::string outside_fingerprint(const std::string& text, const std::string& name);
std::string starter_fingerprint(const Task& task);   // of each of its regions' starters
std::string contract_fingerprint(const Task& task);  // of what it has to do and its tests

// Replaces a file of a lab, whatever its permissions are; at once or not at all.
void write_text(const std::string& path, const std::string& text);

// The lab this run works in: TITO_LAB (set by a lab's ./tito), else the nearest folder from here
// upwards that is one. ConfigError when there is none.
std::string find_lab();
bool in_lab();

}  // namespace tinytorch::lab
