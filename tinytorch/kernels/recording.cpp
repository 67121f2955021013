#include "tinytorch/kernels/recording.h"

#include <cstring>

#include "tinytorch/core/memory.h"
#include "tinytorch/core/parallel.h"

namespace tinytorch::kernels {

thread_local constinit Recording* t_recording = nullptr;

void Recording::add(Caller caller, AnyKernel kernel, const void* args, size_t bytes) {
  const size_t at = words.size();
  words.resize(at + (bytes + sizeof(uint64_t) - 1) / sizeof(uint64_t));
  std::memcpy(&words[at], args, bytes);
  calls_.push_back({caller, kernel, at});
}

void record_and_call(Caller caller, AnyKernel kernel, const void* args, size_t bytes) {
  Recording& to = *t_recording;
  if (bytes == 0)
    to.refuse("a kernel is called whose call cannot be repeated");
  else if (in_parallel_region())
    to.refuse("kernels are called by several threads");
  if (!to.refusal) {
    to.add(caller, kernel, args, bytes);
    if (t_block_log) t_block_log->kernel_called(to.args(to.size() - 1));
  }
  const RecordingScope not_what_it_calls(nullptr);
  const UnloggedScope nor_what_it_takes;
  caller(kernel, args);
}

}  // namespace tinytorch::kernels
