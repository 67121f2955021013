#pragma once
// What is made from a framework file with regions: the starter that a student fills, and the file
// that is compiled in a lab.
#include <map>
#include <set>
#include <string>

#include "cli/lab/manifest.h"
#include "cli/lab/region.h"

namespace tinytorch::lab {

// The body of a task's region in a starter: throws a NotImplemented that names the task and its
// first hint; where destructors reach it, notes that and ends with the task's neutral statement.
std::string starter_body(const Task& task, const std::string& indent);

// `reference` with a starter body in every region that is a task of `module`. Markers stay, and so
// does all else: a region that is no task is given.
std::string make_starter(const SourceFile& reference, const Module& module);

// `reference` with the student's bodies of the regions `take`. #line directives name the file and
// line each body comes from; #include lines among the student's helpers move to the top. A region
// with a number in `reach` begins with a store that tells that it ran.
std::string make_overlay(const SourceFile& reference, const SourceFile& student,
                         const std::set<std::string>& take,
                         const std::map<std::string, int>& reach = {});

// `base` with the bodies that `other` has in the regions `take`; both have those regions.
std::string make_merged(const SourceFile& base, const SourceFile& other,
                        const std::set<std::string>& take);

}  // namespace tinytorch::lab
