#pragma once
// Ctrl-C. By default it ends the tool at once with exit code 130. A command that has something to
// finish (a checkpoint) holds an InterruptScope and asks interrupted() between steps; a second
// Ctrl-C ends it at once all the same.

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
