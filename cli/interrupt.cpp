#include "cli/interrupt.h"

#include <unistd.h>
#include <csignal>

#include "cli/command.h"
#include "cli/output.h"

namespace tinytorch::cli {

namespace {

volatile std::sig_atomic_t pending = 0;
volatile std::sig_atomic_t deferred = 0;

void on_interrupt(int) {
  if (!deferred || pending) {
    print_interrupted_json();
    _exit(kInterrupted);
  }
  pending = 1;
}

}  // namespace

void install_interrupt_handler() {
  struct sigaction action = {};
  action.sa_handler = on_interrupt;
  action.sa_flags = SA_RESTART;
  for (const int signal : {SIGINT, SIGTERM}) sigaction(signal, &action, nullptr);
}

InterruptScope::InterruptScope() {
  deferred = 1;
}
InterruptScope::~InterruptScope() {
  deferred = 0;
}

bool interrupted() {
  return pending != 0;
}

}  // namespace tinytorch::cli
