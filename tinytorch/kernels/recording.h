#pragma once
// Calls of kernels as a list, so that they can be repeated without the operations around them.
// Nothing is called another way than in the operations: call() below is their only way to a kernel.
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <vector>

#include "tinytorch/core/parallel.h"

namespace tinytorch::kernels {

// An args struct whose call must not be repeated as it stands (the numbers of a generator go on)
// has a member type of this name.
template <class Args>
concept OnlyOnce = requires { typename Args::OnlyOnce; } || !std::is_trivially_copyable_v<Args>;

// Each call with a copy of its arguments. Their pointers are found again by their values: every
// aligned word of a copy that is an address in a block of memory is taken for a pointer into it.
// (Sizes and strides are no addresses; that a plan gives the right numbers is tested when it is
// made.)
class Recording {
 public:
  template <class Args>
  void add(void (*kernel)(const Args&), const Args& args) {
    static_assert(alignof(Args) <= alignof(uint64_t) && std::is_trivially_copyable_v<Args>);
    const size_t at = words.size();
    words.resize(at + (sizeof(Args) + sizeof(uint64_t) - 1) / sizeof(uint64_t));
    std::memcpy(&words[at], &args, sizeof(Args));
    calls_.push_back({[](AnyKernel k, const void* a) {
                        reinterpret_cast<void (*)(const Args&)>(k)(*static_cast<const Args*>(a));
                      },
                      reinterpret_cast<AnyKernel>(kernel), at});
  }
  void refuse(const char* why) {
    if (!refusal) refusal = why;
  }
  void run() const {
    for (const Call& call : calls_) call.run(call.kernel, &words[call.args]);
  }
  size_t size() const { return calls_.size(); }
  size_t first_word(size_t call) const { return call < size() ? calls_[call].args : words.size(); }

  std::vector<uint64_t> words;    // the arguments of all calls
  const char* refusal = nullptr;  // why they cannot be repeated

 private:
  using AnyKernel = void (*)();
  struct Call {
    void (*run)(AnyKernel kernel, const void* args);
    AnyKernel kernel;
    size_t args;  // its first word
  };
  std::vector<Call> calls_;
};

extern thread_local constinit Recording* t_recording;  // nullptr: nothing is recorded
inline bool recording() {
  return t_recording != nullptr;
}

// Records the kernels that this thread calls until its end; nullptr: none.
class RecordingScope {
 public:
  explicit RecordingScope(Recording* to) : before_(t_recording) { t_recording = to; }
  ~RecordingScope() { t_recording = before_; }
  RecordingScope(const RecordingScope&) = delete;
  RecordingScope& operator=(const RecordingScope&) = delete;

 private:
  Recording* before_;
};

template <class Args>
[[gnu::cold, gnu::noinline]] void record_and_call(void (*kernel)(const Args&), const Args& args) {
  Recording& to = *t_recording;
  if constexpr (OnlyOnce<Args>)
    to.refuse("a kernel is called whose call cannot be repeated");
  else if (in_parallel_region())
    to.refuse("kernels are called by several threads");
  else
    to.add(kernel, args);
  const RecordingScope not_what_it_calls(nullptr);
  kernel(args);
}

// kernel(args).
template <class Args>
void call(void (*kernel)(const Args&), const Args& args) {
  if (t_recording) [[unlikely]]
    return record_and_call(kernel, args);
  kernel(args);
}

}  // namespace tinytorch::kernels
