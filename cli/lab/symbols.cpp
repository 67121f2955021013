#include "cli/lab/symbols.h"

#include <algorithm>
#include <mutex>
#include <set>
#include <sstream>

#include "cli/lab/process.h"
#include "tinytorch/core/error.h"

namespace tinytorch::lab {

namespace {

// What everyone may call: files of tinytorch/ that define it.
constexpr const char* kPlumbing[] = {"core/shape.cpp",       "core/error.cpp",
                                     "core/format.cpp",      "core/dtype.cpp",
                                     "core/tensor_impl.cpp", "core/small_objects.cpp"};

// Names of an object, readable; only the undefined or only the defined ones.
std::set<std::string> names(const std::string& object, bool undefined) {
  const Outcome listed =
      run({{"nm", "-C", undefined ? "--undefined-only" : "--defined-only", object}, "", {}, {}});
  if (listed.code != 0) throw IoError("nm " + object + ": " + listed.output);
  std::set<std::string> set;
  std::istringstream lines(listed.output);
  for (std::string line; std::getline(lines, line);) {
    // "0000000000000000 T name" or "                 U name"
    const size_t at = line.find_first_not_of("0123456789abcdef ");
    if (at != std::string::npos && at + 2 < line.size()) set.insert(line.substr(at + 2));
  }
  return set;
}

std::string object_of(const std::string& prebuilt, const std::string& file) {
  return prebuilt + "/CMakeFiles/tinytorch.dir/tinytorch/" + file + ".o";
}

// Of files that do not change while we run.
const std::set<std::string>& reference_names(const std::string& object, bool undefined) {
  static std::mutex mutex;
  static std::map<std::string, std::set<std::string>> known;
  const std::lock_guard lock(mutex);
  const std::string key = object + (undefined ? "?" : "!");
  const auto found = known.find(key);
  return found != known.end() ? found->second : known[key] = names(object, undefined);
}

bool starts_with_any(const std::string& name, const std::vector<std::string>& beginnings) {
  return std::any_of(beginnings.begin(), beginnings.end(), [&](const std::string& beginning) {
    // "tinytorch::" means the operations, not the kernels below them.
    const std::string kernels = "tinytorch::kernels::";
    return name.starts_with(beginning) &&
           (beginning.starts_with(kernels) || !name.starts_with(kernels));
  });
}

}  // namespace

std::vector<std::string> foreign_calls(const std::string& prebuilt, const Task& task,
                                       const std::string& object,
                                       const std::map<std::string, std::string>& beside) {
  std::vector<std::string> foreign;
  const std::set<std::string>& reference = reference_names(object_of(prebuilt, task.file), true);
  for (const std::string& name : names(object, true)) {
    if (!name.starts_with("tinytorch::") || reference.contains(name)) continue;
    if (starts_with_any(name, task.uses)) continue;
    const bool plumbing =
        std::any_of(std::begin(kPlumbing), std::end(kPlumbing), [&](const char* file) {
          return reference_names(object_of(prebuilt, file), false).contains(name);
        });
    const bool own = std::any_of(beside.begin(), beside.end(), [&](const auto& other) {
      return other.second != object && names(other.second, false).contains(name);
    });
    if (!plumbing && !own) foreign.push_back(name);
  }
  return foreign;
}

}  // namespace tinytorch::lab
