#pragma once
// Where code runs that nobody has read: behind bubblewrap where that works, with limits everywhere.
#include <string>
#include <vector>

#include "cli/lab/process.h"

namespace tinytorch::lab {

struct Limits {
  int cpu_seconds = 30;
  int64_t memory_bytes = int64_t{2} << 30;  // of address space
  int64_t file_bytes = int64_t{16} << 20;   // of one file
  int processes = 64;                       // threads count, too
  // Without namespaces the program sees our files: does it need those that only we may read?
  bool reads_ours = false;
};

// A file or folder that shall be there: all else is the system's programs and libraries, read-only,
// and an empty /tmp of its own.
struct Mount {
  std::string from, to;
  bool writable = false;
};

class Sandbox {
 public:
  // Tries it out. `home`, the installation, is hidden in it wherever it stands.
  explicit Sandbox(std::string home);

  // "bubblewrap": own file system, processes and network, and an own user if we are root. "none":
  // this host lets nobody make namespaces, or bwrap is missing; limits hold, and the own user.
  const char* name() const { return namespaces_ ? "bubblewrap" : "none"; }

  // The same program, confined. Programs of different workers share no user and no processes.
  Program confine(const Program& program, const std::vector<Mount>& mounts, const Limits& limits,
                  int worker) const;

  // Gives a folder to the worker's user, so that a confined program can write there.
  void own(const std::string& folder, int worker) const;

 private:
  std::string home_;
  bool namespaces_ = false;
};

}  // namespace tinytorch::lab
