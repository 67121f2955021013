// What code under grading may ask the system for, decided before any of it runs: it computes, takes
// memory, starts threads and answers. Whatever else it tries ends the process on the spot: another
// program or process, a socket, another process' memory, and, unless TITO_EXERCISE_FILES is set,
// opening a file. (The sandbox around the process is `tito grade`'s; this is the door inside.)
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <initializer_list>
#include <vector>

#include "tinytorch/core/memory.h"
#include "tinytorch/core/parallel.h"

namespace {

#if defined(__x86_64__)
constexpr unsigned kMachine = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr unsigned kMachine = AUDIT_ARCH_AARCH64;
#else
constexpr unsigned kMachine = 0;
#endif

constexpr unsigned kCloneThread = 0x00010000;  // CLONE_THREAD of linux/sched.h
constexpr unsigned kX32 = 0x40000000;          // the second set of numbers of x86-64

// An int of the kernel's interface cannot be told from the low half of a long one on these
// machines.
constexpr unsigned kFlags = offsetof(seccomp_data, args);

class Filter {
 public:
  Filter() {
    load(offsetof(seccomp_data, arch));
    code_.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kMachine, 1, 0));
    end(SECCOMP_RET_KILL_PROCESS);
    load(offsetof(seccomp_data, nr));
    code_.push_back(BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, kX32, 0, 1));
    end(SECCOMP_RET_KILL_PROCESS);
  }
  void on(long number, unsigned action) {
    code_.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<unsigned>(number), 0, 1));
    end(action);
  }
  // Threads may be made, processes not.
  void threads_only() {
    on(SYS_clone3, SECCOMP_RET_ERRNO | ENOSYS);  // its flags lie in memory; libc then takes clone
    code_.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 4));
    load(kFlags);
    code_.push_back(BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, kCloneThread, 1, 0));
    end(SECCOMP_RET_KILL_PROCESS);
    end(SECCOMP_RET_ALLOW);
  }
  void install() {
    end(SECCOMP_RET_ALLOW);
    const sock_fprog program = {static_cast<unsigned short>(code_.size()), code_.data()};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program);
  }

 private:
  void load(unsigned offset) { code_.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset)); }
  void end(unsigned action) { code_.push_back(BPF_STMT(BPF_RET | BPF_K, action)); }
  std::vector<sock_filter> code_;
};

// Priority 101 is the first that a program may have: before all static objects of other files.
__attribute__((constructor(101))) void close_the_door() {
  if (kMachine == 0 || !getenv("TITO_CONFINED")) return;
#ifdef M_ARENA_MAX
  // A thread's own heap of glibc reads /proc when it shrinks, in the middle of anything.
  mallopt(M_ARENA_MAX, 1);
#endif
  // What the library reads of the system, it reads now.
  tinytorch::parallel_tasks(2, 1e6, [](int64_t) {});
  tinytorch::remember_memory_baseline();
  Filter filter;
  for (const long number :
       {SYS_socket, SYS_socketpair, SYS_connect, SYS_execve, SYS_execveat, SYS_ptrace,
        SYS_process_vm_readv, SYS_process_vm_writev, SYS_kill, SYS_tkill, SYS_bpf, SYS_mount,
        SYS_unshare, SYS_setns, SYS_io_uring_setup, SYS_openat2, SYS_pidfd_open})
    filter.on(number, SECCOMP_RET_KILL_PROCESS);
#if defined(__x86_64__)
  filter.on(SYS_fork, SECCOMP_RET_KILL_PROCESS);
  filter.on(SYS_vfork, SECCOMP_RET_KILL_PROCESS);
#endif
  if (!getenv("TITO_EXERCISE_FILES")) {
    filter.on(SYS_openat, SECCOMP_RET_KILL_PROCESS);
#if defined(__x86_64__)
    filter.on(SYS_open, SECCOMP_RET_KILL_PROCESS);
    filter.on(SYS_creat, SECCOMP_RET_KILL_PROCESS);
#endif
  }
  filter.threads_only();
  filter.install();
}

}  // namespace
