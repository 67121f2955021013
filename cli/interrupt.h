#pragma once
// Ctrl-C, and SIGTERM alike. By default it ends the tool at once with exit code 130 and, with
// --json, an object that says so. A command that has something to finish (a checkpoint) holds an
// InterruptScope and asks interrupted() between steps; a second signal ends it at once all the
// same.

namespace tinytorch::cli {

void install_interrupt_handler();

class InterruptScope {
 public:
  InterruptScope();
  ~InterruptScope();
  InterruptScope(const InterruptScope&) = delete;
  InterruptScope& operator=(const InterruptScope&) = delete;
};

bool interrupted();

}  // namespace tinytorch::cli
