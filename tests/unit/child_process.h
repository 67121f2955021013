#pragma once
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__SANITIZE_THREAD__)
#define SKIP_UNDER_TSAN() GTEST_SKIP() << "TSan does not follow threads started after fork()"
#else
#define SKIP_UNDER_TSAN() static_cast<void>(0)
#endif
// A child that is forked while another thread holds ASan's allocator (GCC 12) waits for it for
// ever.
#if defined(__SANITIZE_ADDRESS__)
#define SKIP_UNDER_ASAN() GTEST_SKIP() << "ASan's allocator cannot be forked while a thread uses it"
#else
#define SKIP_UNDER_ASAN() static_cast<void>(0)
#endif

namespace tinytorch::testing {

// Runs `body` in a child process and returns its exit status; -1 when it hangs.
template <class Body>
int in_child(Body body) {
  const pid_t pid = fork();
  if (pid == 0) {
    body();
    _exit(9);
  }
  for (int i = 0; i < 10'000; ++i) {
    int status = 0;
    if (waitpid(pid, &status, WNOHANG) == pid)
      return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
    usleep(1000);
  }
  kill(pid, SIGKILL);
  waitpid(pid, nullptr, 0);
  return -1;
}

}  // namespace tinytorch::testing
