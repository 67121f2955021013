#pragma once
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace tinytorch {

// One pool of threads for everything. Work is cut into fixed chunks that never depend on the number
// of threads, so a kernel that fixes the order of every sum within a chunk gives bit-identical
// results for any thread count. A thread owns a contiguous range of chunks (the same range for the
// same chunk count: its cache keeps the data) and steals from the back of the others' ranges.

int num_threads();                // of this process: set_num_threads, else TINYTORCH_NUM_THREADS,
                                  // else the CPUs this process may use (affinity, cgroup quota)
void set_num_threads(int count);  // >= 1; waits for running work; ConfigError otherwise
int thread_index();               // 0 for the thread that called parallel_*, else 1..num_threads-1
bool in_parallel_region();

// Non-owning reference to a callable: what the pool runs. Valid while the callable lives.
class ChunkFn {
 public:
  ChunkFn() = default;  // refers to nothing: not to be called
  template <class F, class = std::enable_if_t<!std::is_same_v<std::decay_t<F>, ChunkFn>>>
  ChunkFn(F& f)  // NOLINT: implicit by design
      : object_(const_cast<void*>(static_cast<const void*>(&f))),
        call_([](void* o, int64_t chunk) { (*static_cast<F*>(o))(chunk); }) {}
  void operator()(int64_t chunk) const { call_(object_, chunk); }

 private:
  void* object_ = nullptr;
  void (*call_)(void*, int64_t) = nullptr;
};

// How a thread goes through its chunks. kAlternating: in the direction against that of the last
// such call, so that a pass begins with what the one before it left in the caches: worth 1 to 2 %
// of a GPT's and a ResNet's training step on a Xeon. Short work goes up.
enum class Order { kUp, kAlternating };

// Runs fn(chunk) once for each chunk in [0, count). `total_ns` estimates the whole work on one
// thread: work under a few microseconds runs on the caller; a parked helper is woken only for work
// worth the wake-up. Returns when all chunks are done. Nested calls run serially on the caller.
// When chunks throw, the exception of the lowest chunk reaches the caller after all have ended.
void run_chunks(int64_t count, double total_ns, ChunkFn fn, Order order = Order::kUp);

template <class F>
void parallel_tasks(int64_t count, double total_ns, F&& fn, Order order = Order::kUp) {
  run_chunks(count, total_ns, ChunkFn(fn), order);
}

// Chunk length for n items of item_ns each: at most 200 us, at least about 4 us of work, a multiple
// of 64 items (whole cache lines for every dtype), so for light items: 64 heavy ones would be one
// chunk (kernels/rows.h cuts those). Depends on n and item_ns only.
int64_t chunk_length(int64_t n, double item_ns);

// Runs fn(begin, end) over [0, n) in chunks of chunk_length(n, item_ns), in alternating order.
template <class F>
void parallel_for(int64_t n, double item_ns, F&& fn) {
  if (n <= 0) return;
  const int64_t length = chunk_length(n, item_ns);
  if (n <= length) return fn(int64_t{0}, n);
  auto body = [&](int64_t chunk) {
    const int64_t begin = chunk * length;
    fn(begin, begin + length < n ? begin + length : n);
  };
  run_chunks((n + length - 1) / length, item_ns * static_cast<double>(n), ChunkFn(body),
             Order::kAlternating);
}

// Scratch memory of the calling thread, 64-byte aligned, kept for its next use; contents undefined.
// Slots let one kernel hold several buffers at once (A panels, B panels, padded rows). Valid until
// this thread asks for the same slot again.
enum class Scratch { kA, kB, kC, kD, kCount };
void* scratch_bytes(Scratch slot, size_t bytes);
template <class T>
T* scratch(Scratch slot, int64_t count) {
  return static_cast<T*>(scratch_bytes(slot, static_cast<size_t>(count) * sizeof(T)));
}

}  // namespace tinytorch
