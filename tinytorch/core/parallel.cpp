#include "tinytorch/core/parallel.h"

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tinytorch/core/cpu.h"
#include "tinytorch/core/format.h"
#include "tinytorch/core/futex.h"
#include "tinytorch/core/memory.h"

namespace tinytorch {

namespace {

constexpr double kSmallWorkNs = 3e3;       // less than this runs on the caller, without the pool
constexpr double kWakeNs = 1e5;            // work that pays for waking a parked helper
constexpr double kMostWakeNs = 2e7;        // the same while other processes keep the CPUs busy
constexpr int64_t kPreemptedNs = 500'000;  // waiting so long beyond two chunks: a CPU was lost
constexpr double kTurningNs = 5e4;         // work that may leave its data in the caches in part
constexpr int64_t kSpinNs = 50'000;        // how long a thread polls before it parks
constexpr int64_t kMaxUnits = 0xffff;      // what the 16-bit ends of a range can count
constexpr int kMaxThreads = 1024;

using Clock = std::chrono::steady_clock;

thread_local constinit int t_index = 0;
thread_local constinit bool t_in_region = false;
thread_local constinit bool t_down = false;  // the direction of its last alternating call

// Polls until done() or until kSpinNs have passed; the clock is read now and then only.
template <class Done>
bool spin_until(Done done) {
  Clock::time_point deadline{};
  for (int round = 0;; ++round) {
    for (int i = 0; i < 16; ++i) {
      if (done()) return true;
      cpu_relax();
    }
    const auto now = Clock::now();
    if (round == 0) deadline = now + std::chrono::nanoseconds(kSpinNs);
    if (now >= deadline) return false;
  }
}

// Runs chunks [begin, end) and keeps the exception of the lowest one. All run even when one throws,
// so that the effects are the same for any number of threads.
struct FirstError {
  std::mutex mutex;
  int64_t chunk = -1;
  std::exception_ptr error;

  void run(const ChunkFn& fn, int64_t begin, int64_t end) {
    for (int64_t c = begin; c < end; ++c) {
      try {
        fn(c);
      } catch (...) {
        keep(c);
      }
    }
  }
  [[gnu::cold]] void keep(int64_t c) {
    const std::lock_guard<std::mutex> lock(mutex);
    if (error && chunk < c) return;
    chunk = c;
    error = std::current_exception();
  }
};

// While this lives, this thread runs chunks, as one of several or alone: what they call is serial.
class InRegion {
 public:
  InRegion() : before_(t_in_region) { t_in_region = true; }
  ~InRegion() { t_in_region = before_; }
  InRegion(const InRegion&) = delete;
  InRegion& operator=(const InRegion&) = delete;

 private:
  const bool before_;
};

void run_serially(int64_t count, const ChunkFn& fn, bool down) {
  const InRegion region;
  FirstError errors;
  if (down)
    for (int64_t c = count; c-- > 0;) errors.run(fn, c, c + 1);
  else
    errors.run(fn, 0, count);
  if (errors.error) std::rethrow_exception(errors.error);
}

// The chunks that a thread still owns, as one word: generation (32 bits) | next (16) | end (16).
// The owner moves `next` up, thieves move `end` down. A thread that comes late, with the generation
// of a job that is over, can take nothing: it never touches the data of a later job.
struct alignas(64) Range {
  std::atomic<uint64_t> word{0};

  void fill(uint32_t generation, int64_t next, int64_t end) {
    word.store(
        uint64_t{generation} << 32 | static_cast<uint64_t>(next) << 16 | static_cast<uint64_t>(end),
        std::memory_order_release);
  }

  // The next unit of the owner's or, for a thief, the last one; -1 when nothing is left.
  int64_t take(uint32_t generation, bool owner) {
    uint64_t seen = word.load(std::memory_order_acquire);
    for (;;) {
      const int64_t next = seen >> 16 & 0xffff, end = seen & 0xffff;
      if (seen >> 32 != generation || next >= end) return -1;
      if (word.compare_exchange_weak(seen, owner ? seen + 0x10000 : seen - 1,
                                     std::memory_order_acq_rel, std::memory_order_acquire))
        return owner ? next : end - 1;
    }
  }
};

// The threads and the one job they work on. Only the holder of the lease (below) calls run().
class Pool {
 public:
  explicit Pool(int threads, bool spin);
  ~Pool();
  int threads() const { return threads_; }
  void run(int64_t count, double total_ns, const ChunkFn& fn, bool down);
  Pool* abandoned = nullptr;  // the parent process's pool, kept reachable after a fork

 private:
  void help(int index);
  void work(uint32_t generation, int index);
  void report_done(uint32_t units);
  int helpers_to_wake(double total_ns);
  int64_t wait_until_done();

  struct Job {
    ChunkFn fn;
    int64_t count, units, owners, chunks_per_unit;
    bool down;  // each range from its end on
    FirstError* errors;
    int64_t first_unit(int64_t owner) const { return owner * units / owners; }
  };

  int threads_;
  const bool spin_;
  double wake_ns_ = kWakeNs;  // work that pays for waking, as experience says
  double skipped_ns_ = 0;     // work done without the parked helpers since one was woken
  std::atomic<bool> stopping_{false};
  std::vector<std::thread> helpers_;
  std::unique_ptr<Range[]> ranges_;
  // What the threads tell each other, a cache line for each direction: a helper that sees the new
  // generation has the job on the same line.
  alignas(64) std::atomic<uint32_t> generation_{
      0};  // of the newest job; helpers poll and park on it
  Job job_{};
  alignas(64) std::atomic<uint32_t> remaining_{
      0};  // units not done; the caller polls and parks on it
  std::atomic<bool> caller_parked_{false};
  alignas(64) std::atomic<int> parked_{0};  // helpers that are parked or about to be
};

Pool::Pool(int threads, bool spin)
    : threads_(threads), spin_(spin), ranges_(new Range[static_cast<size_t>(threads)]) {
  provide_scratch(threads);
  remaining_.store(static_cast<uint32_t>(threads - 1));
  // Helpers take no signals: handlers run on the application's own threads.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  try {
    for (int i = 1; i < threads; ++i) helpers_.emplace_back([this, i] { help(i); });
  } catch (const std::system_error&) {
    // The system grants no more threads. The ranges of those that are missing get stolen.
    remaining_.fetch_sub(static_cast<uint32_t>(threads - 1) -
                         static_cast<uint32_t>(helpers_.size()));
    threads_ = static_cast<int>(helpers_.size()) + 1;
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  wait_until_done();  // until all are ready: what a thread's start allocates is allocated now
}

Pool::~Pool() {
  stopping_ = true;
  generation_.fetch_add(1);
  futex_wake_all(generation_);
  for (std::thread& helper : helpers_) helper.join();
}

void Pool::help(int index) {
  t_index = index;
  t_in_region = true;
  prepare_scratch_of_thread();
  report_done(1);
  uint32_t seen = 0;
  for (;;) {
    const auto changed = [&] { return generation_.load(std::memory_order_acquire) != seen; };
    if (!spin_ || !spin_until(changed)) {
      parked_.fetch_add(1);
      while (!changed()) futex_wait(generation_, seen);
      parked_.fetch_sub(1);
    }
    seen = generation_.load(std::memory_order_acquire);
    if (stopping_) return;
    work(seen, index);
  }
}

// Takes units until none is left anywhere, first its own from the front, then those of the others
// from the back, and reports them all at once.
void Pool::work(uint32_t generation, int index) {
  uint32_t done = 0;
  for (int i = 0; i < threads_; ++i) {
    const int owner = index + i < threads_ ? index + i : index + i - threads_;
    for (;;) {
      int64_t unit = ranges_[static_cast<size_t>(owner)].take(generation, i == 0);
      if (unit < 0) break;
      if (job_.down) unit = job_.first_unit(owner) + job_.first_unit(owner + 1) - 1 - unit;
      const int64_t begin = unit * job_.chunks_per_unit;
      job_.errors->run(job_.fn, begin, std::min(begin + job_.chunks_per_unit, job_.count));
      ++done;
    }
  }
  if (done) report_done(done);
}

void Pool::report_done(uint32_t units) {
  if (remaining_.fetch_sub(units) == units && caller_parked_.load()) futex_wake_all(remaining_);
}

// A wake-up costs several microseconds on both sides: it must be earned by this job or by those
// that went without. On a busy machine it costs milliseconds, when the helper is stopped in the
// middle of a chunk that the caller waits for: run() then asks for more and more work before it
// tries again.
int Pool::helpers_to_wake(double total_ns) {
  const int parked = parked_.load(std::memory_order_relaxed);
  if (parked == 0) return 0;
  skipped_ns_ += total_ns;
  if (skipped_ns_ < wake_ns_) return 0;
  const double worth = std::ceil(skipped_ns_ / kWakeNs);
  skipped_ns_ = 0;
  return static_cast<int>(std::min<double>(parked, worth));
}

void Pool::run(int64_t count, double total_ns, const ChunkFn& fn, bool down) {
  const int wake = helpers_to_wake(total_ns);
  if (wake == 0 && parked_.load(std::memory_order_relaxed) == threads_ - 1)
    return run_serially(count, fn, down);

  FirstError errors;
  const int64_t per_unit = (count + kMaxUnits - 1) / kMaxUnits;
  const int64_t units = (count + per_unit - 1) / per_unit;
  const int64_t owners = std::min<int64_t>(threads_, units);
  job_ = {fn, count, units, owners, per_unit, down, &errors};
  remaining_.store(static_cast<uint32_t>(units), std::memory_order_relaxed);
  const uint32_t generation = generation_.load(std::memory_order_relaxed) + 1;
  for (int64_t t = 0; t < owners; ++t)
    ranges_[static_cast<size_t>(t)].fill(generation, job_.first_unit(t), job_.first_unit(t + 1));
  // A helper that is about to park sees this generation and does not sleep; of one that sleeps on,
  // the range gets stolen.
  generation_.store(generation);
  if (wake > 0) futex_wake(generation_, wake);

  const InRegion region;
  work(generation, 0);
  const int64_t parked_ns = wait_until_done();
  const double chunk_ns = total_ns / static_cast<double>(count);
  if (static_cast<double>(parked_ns - kPreemptedNs) > 2 * chunk_ns)
    wake_ns_ = std::min(4 * wake_ns_, kMostWakeNs);
  else if (wake > 0)
    wake_ns_ = std::max(wake_ns_ / 4, kWakeNs);
  if (errors.error) std::rethrow_exception(errors.error);
}

// Returns how long the caller was parked, in nanoseconds.
int64_t Pool::wait_until_done() {
  const auto done = [this] { return remaining_.load(std::memory_order_acquire) == 0; };
  if (done() || spin_until(done)) return 0;
  const auto begin = Clock::now();
  caller_parked_.store(true);
  for (uint32_t left; (left = remaining_.load()) != 0;) futex_wait(remaining_, left);
  caller_parked_.store(false);
  return std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - begin).count();
}

// Global state. The pool is never destroyed at exit: helpers stay parked while static destructors
// run (which may still use the pool), and exit() works from any thread and at any time.
std::atomic<int> g_threads{0};  // 0: not decided yet
std::atomic<bool> g_leased{false};
std::atomic<Pool*> g_pool{nullptr};

// The right to use the pool: one application thread at a time.
class Lease {
 public:
  Lease()
      : held_(!g_leased.load(std::memory_order_relaxed) &&
              !g_leased.exchange(true, std::memory_order_acquire)) {}
  ~Lease() {
    if (held_) g_leased.store(false, std::memory_order_release);
  }
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;
  explicit operator bool() const { return held_; }

 private:
  const bool held_;
};

// Only the thread that forked lives in the child: its pool starts anew when it is needed. The
// parent's pool object cannot be destroyed here (its threads are not ours to join).
void forget_pool_in_child() {
  static Pool* parents = nullptr;
  if (Pool* pool = g_pool.exchange(nullptr)) {
    pool->abandoned = parents;
    parents = pool;
  }
  g_leased.store(false);
}

Pool& started_pool() {
  Pool* pool = g_pool.load(std::memory_order_relaxed);
  if (!pool) {
    static const int registered = pthread_atfork(nullptr, nullptr, forget_pool_in_child);
    static_cast<void>(registered);
    const int threads = num_threads();
    // With more threads than CPUs a polling thread keeps a working one from running.
    pool = new Pool(threads, threads <= usable_cpus());
    g_pool.store(pool, std::memory_order_release);
  }
  return *pool;
}

int threads_from_environment() {
  const char* text = std::getenv("TINYTORCH_NUM_THREADS");
  if (!text || !*text) return std::min(usable_cpus(), kMaxThreads);
  char* end = nullptr;
  const long value = std::strtol(text, &end, 10);
  if (*end || value < 1 || value > kMaxThreads)
    raise<ConfigError>(
        "TINYTORCH_NUM_THREADS is '{}', not a number of threads from 1 to {}. "
        "Hint: unset it to use all CPUs.",
        text, kMaxThreads);
  return static_cast<int>(value);
}

}  // namespace

int num_threads() {
  int count = g_threads.load(std::memory_order_relaxed);
  if (count == 0) {
    int undecided = 0;
    count = threads_from_environment();
    if (!g_threads.compare_exchange_strong(undecided, count)) count = undecided;
  }
  return count;
}

void set_num_threads(int count) {
  if (count < 1 || count > kMaxThreads)
    raise<ConfigError>("set_num_threads: {} is not a number of threads from 1 to {}.", count,
                       kMaxThreads);
  if (t_in_region)
    raise<ConfigError>(
        "set_num_threads: called from inside a parallel region. Hint: call it "
        "before the work starts.");
  if (count == g_threads.load()) return;
  for (;;) {
    if (const Lease lease; lease) {
      g_threads.store(count);
      delete g_pool.exchange(nullptr);
      return;
    }
    std::this_thread::sleep_for(std::chrono::microseconds(50));
  }
}

int thread_index() {
  return t_index;
}
bool in_parallel_region() {
  return t_in_region;
}

void run_chunks(int64_t count, double total_ns, ChunkFn fn, Order order) {
  if (count <= 0) return;
  if (count == 1) return fn(0);
  if (total_ns < kSmallWorkNs || t_in_region) return run_serially(count, fn, false);
  // What is shorter leaves the caches as they are.
  const bool down = order == Order::kAlternating && total_ns > kTurningNs && (t_down = !t_down);
  if (num_threads() == 1) return run_serially(count, fn, down);
  const Lease lease;
  if (!lease) return run_serially(count, fn, down);
  started_pool().run(count, total_ns, fn, down);
}

int64_t chunk_length(int64_t n, double item_ns) {
  constexpr double kLeastNs = 4e3, kMostNs = 2e5, kChunksWanted = 128;
  const double cost = item_ns > 1e-3 ? item_ns : 1e-3;
  const double chunk_ns =
      std::clamp(cost * static_cast<double>(n) / kChunksWanted, kLeastNs, kMostNs);
  // Rounded down above 64 items, so that no chunk is longer than kMostNs.
  const int64_t length = std::max<int64_t>(64, static_cast<int64_t>(chunk_ns / cost) / 64 * 64);
  if (n <= length) return length;
  // A number of chunks that two and four threads can share evenly: exp of 64 K took 3.7 us in five
  // chunks and takes 3.1 in eight.
  const int64_t least = (n + length - 1) / length, several = least > 4 ? 8 : least > 2 ? 4 : 2;
  const int64_t count = (least + several - 1) / several * several;
  return std::min(length, ((n + count - 1) / count + 63) / 64 * 64);
}

}  // namespace tinytorch
