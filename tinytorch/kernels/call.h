#pragma once
// The one way from an operation to a kernel: call(). Usually it is just that; while a plan is made
// (ops/plan.h) the calls are also written down, so that they can be repeated without the operations
// around them.
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace tinytorch::kernels {

class Recording;                                       // kernels/recording.h
extern thread_local constinit Recording* t_recording;  // nullptr: nothing is recorded
inline bool recording() {
  return t_recording != nullptr;
}

// A kernel of some args struct, and what calls it with such a struct.
using AnyKernel = void (*)();
using Caller = void (*)(AnyKernel kernel, const void* args);
// Writes the call down, unless it cannot be repeated, and makes it. `bytes` is 0 for a call that
// must not be repeated as it stands.
void record_and_call(Caller caller, AnyKernel kernel, const void* args, size_t bytes);

#if defined(__has_builtin)
#if __has_builtin(__builtin_clear_padding)
#define TINYTORCH_CLEARS_PADDING 1
#endif
#endif

template <class Args>
[[gnu::cold, gnu::noinline]] void record_typed_call(void (*kernel)(const Args&), const Args& args) {
  static_assert(alignof(Args) <= alignof(uint64_t));
  const auto caller = [](AnyKernel k, const void* a) {
    reinterpret_cast<void (*)(const Args&)>(k)(*static_cast<const Args*>(a));
  };
  const auto erased = reinterpret_cast<AnyKernel>(kernel);
#if defined(TINYTORCH_CLEARS_PADDING)
  if constexpr (std::is_trivially_copyable_v<Args> && !requires { typename Args::OnlyOnce; }) {
    // What is left over in gaps between members, or in those that are not used, may look like a
    // pointer.
    Args cleared = args;
    __builtin_clear_padding(&cleared);
    if constexpr (requires { cleared.clear_unused(); }) cleared.clear_unused();
    return record_and_call(caller, erased, &cleared, sizeof(Args));
  }
#endif
  record_and_call(caller, erased, &args, 0);
}

// kernel(args). A struct whose call must not be repeated as it stands (the numbers of a generator
// go on) has a member type OnlyOnce.
template <class Args>
void call(void (*kernel)(const Args&), const Args& args) {
  if (t_recording) [[unlikely]]
    return record_typed_call(kernel, args);
  kernel(args);
}

}  // namespace tinytorch::kernels
