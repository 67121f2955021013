#include "tinytorch/kernels/recording.h"

#include <cstring>

#include "tinytorch/core/parallel.h"

namespace tinytorch::kernels {

thread_local constinit Recording* t_recording = nullptr;

void Recording::add(Caller caller, AnyKernel kernel, const void* args, size_t bytes) {
  const size_t at = words.size();
  words.resize(at + (bytes + sizeof(uint64_t) - 1) / sizeof(uint64_t));
  std::memcpy(&words[at], args, bytes);
  calls_.push_back({caller, kernel, at});
}

namespace {

struct Watched {  // ends also when the kernel throws
  explicit Watched(const Recording& recording) : watcher(recording.watcher) {
    if (watcher) watcher->begin(recording.args(recording.size() - 1));
  }
  ~Watched() {
    if (watcher) watcher->end();
  }
  Watched(const Watched&) = delete;
  Watched& operator=(const Watched&) = delete;
  CallWatcher* watcher;
};

}  // namespace

void record_and_call(Caller caller, AnyKernel kernel, const void* args, size_t bytes) {
  Recording& to = *t_recording;
  if (bytes == 0)
    to.refuse("a kernel is called whose call cannot be repeated");
  else if (in_parallel_region())
    to.refuse("kernels are called by several threads");
  const RecordingScope not_what_it_calls(nullptr);
  if (to.refusal) return caller(kernel, args);
  to.add(caller, kernel, args, bytes);
  const Watched watched(to);
  caller(kernel, args);
}

}  // namespace tinytorch::kernels
