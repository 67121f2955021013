#pragma once
// Calls of kernels as a list. Internal: for ops/plan.h.
#include <span>
#include <vector>

#include "tinytorch/kernels/call.h"

namespace tinytorch::kernels {

// Is told of a call: of the words of its arguments before, and when it has ended.
class CallWatcher {
 public:
  virtual ~CallWatcher() = default;
  virtual void begin(std::span<const uint64_t> args) = 0;
  virtual void end() = 0;
};

// Each call with a copy of its arguments. Their pointers are found again by their values: every
// aligned word of a copy that is an address in a block of memory is taken for a pointer into it.
// (Sizes and strides are no addresses; smaller members share their words with zeros only.)
class Recording {
 public:
  void add(Caller caller, AnyKernel kernel, const void* args, size_t bytes);
  void refuse(const char* why) {
    if (!refusal) refusal = why;
  }
  void run() const {
    for (const Call& c : calls_) c.caller(c.kernel, &words[c.args]);
  }
  size_t size() const { return calls_.size(); }
  size_t first_word(size_t call) const { return call < size() ? calls_[call].args : words.size(); }
  std::span<const uint64_t> args(size_t call) const {
    return std::span(words).subspan(first_word(call), first_word(call + 1) - first_word(call));
  }

  std::vector<uint64_t> words;  // the arguments of all calls
  CallWatcher* watcher = nullptr;
  const char* refusal = nullptr;  // why they cannot be repeated

 private:
  struct Call {
    Caller caller;
    AnyKernel kernel;
    size_t args;  // its first word
  };
  std::vector<Call> calls_;
};

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

}  // namespace tinytorch::kernels
