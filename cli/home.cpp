#include "cli/home.h"

#include <cstdlib>
#include <filesystem>

#include "cli/command.h"

namespace tinytorch::cli {

namespace fs = std::filesystem;

std::string home() {
  if (const char* set = std::getenv("TINYTORCH_HOME"); set && *set) return set;
  std::error_code ec;
  fs::path folder = fs::read_symlink("/proc/self/exe", ec);
  while (!ec && folder.has_relative_path()) {
    folder = folder.parent_path();
    if (fs::exists(folder / "tito", ec) && fs::exists(folder / "tinytorch/core/error.h", ec))
      return folder.string();
  }
  return "";
}

std::string require_home(const std::string& why) {
  std::string folder = home();
  if (folder.empty())
    throw EnvironmentError(why +
                           " needs the source checkout. Hint: start it with ./tito there, or "
                           "set TINYTORCH_HOME.");
  return folder;
}

}  // namespace tinytorch::cli
