#pragma once
// Parking of threads on a 32-bit word, and the pause of a polling loop. Internal.
#include <atomic>
#include <climits>
#include <cstdint>

#if defined(__linux__)
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace tinytorch {

// Tells the core that this is a polling loop, so that it saves power and favours its sibling.
inline void cpu_relax() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

static_assert(sizeof(std::atomic<uint32_t>) == 4, "the kernel reads the word itself");

#if defined(__linux__)
// Sleeps while `word` holds `expected`; may return early: check again in a loop.
inline void futex_wait(std::atomic<uint32_t>& word, uint32_t expected) {
  syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, expected, nullptr, nullptr, 0);
}
inline void futex_wake(std::atomic<uint32_t>& word, int threads) {
  syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, threads, nullptr, nullptr, 0);
}
inline void futex_wake_all(std::atomic<uint32_t>& word) {
  futex_wake(word, INT_MAX);
}
#else
inline void futex_wait(std::atomic<uint32_t>& word, uint32_t expected) {
  word.wait(expected);
}
inline void futex_wake(std::atomic<uint32_t>& word, int) {
  word.notify_all();
}
inline void futex_wake_all(std::atomic<uint32_t>& word) {
  word.notify_all();
}
#endif

}  // namespace tinytorch
