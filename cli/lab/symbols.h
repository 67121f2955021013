#pragma once
// What a student's object calls of the library.
#include <map>
#include <string>
#include <vector>

#include "cli/lab/manifest.h"

namespace tinytorch::lab {

// The library's functions that the object of a task's file calls and may not: it may call what the
// reference's object of that file calls, what shapes, errors, texts and the accessors of tensors
// are made of, what `beside` (the student's other objects) defines, and what the task `uses`. So
// the fast kernel is no way to write the plain one.
std::vector<std::string> foreign_calls(const std::string& prebuilt, const Task& task,
                                       const std::string& object,
                                       const std::map<std::string, std::string>& beside);

}  // namespace tinytorch::lab
