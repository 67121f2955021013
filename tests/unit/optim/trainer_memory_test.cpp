// From its third step on, training takes no memory from the system.
//
// Counted are the system calls for the memory of tensors and of scratch (MemoryStats), and, where
// glibc's malloc serves everything else (graph nodes, shapes, tables), the bytes that it has taken.
#include <gtest/gtest.h>
#include <malloc.h>

#include "tests/unit/optim/training_test_util.h"
#include "tinytorch/core/memory_stats.h"

namespace tinytorch::optim {
namespace {

// Workloads a, c and e of the benchmark.
std::vector<Workload> workloads() {
  std::vector<Workload> list(3);
  list[0] = {"mlp", {}, {784}, 10, 64, 64 * 4, adam(1e-3)};
  list[0].spec.layers = {784, 512, 10};
  list[1] = {"cnn", {}, {1, 28, 28}, 10, 64, 64 * 4, adam(1e-3)};
  list[2] = {"gpt", {}, {128}, 65, 16, 16 * 4, adam(1e-3, 0.01, true)};
  for (Workload& w : list) w.spec.name = w.name;
  if (kSanitized) {
    for (Workload& w : list) w.batch /= 16, w.samples /= 16;
    list[2].spec.n_layer = 1, list[2].spec.n_embd = 64;
  }
  return list;
}

// Bytes that malloc holds from the system, in all its arenas; 0 where another allocator serves.
size_t malloc_bytes() {
#if defined(__GLIBC__)
  const struct mallinfo2 info = mallinfo2();
  return info.arena + info.hblkhd;
#else
  return 0;
#endif
}

TEST(TrainerMemory, FromTheThirdStepOnNothingIsTakenFromTheSystem) {
  constexpr int64_t kSteps = 7;  // more than an epoch: the loader begins anew on the way
  for (const int threads : {1, 2})
    for (const Workload& w : workloads()) {
      SCOPED_TRACE(w.name + " with " + std::to_string(threads) + " threads");
      const Threads scope(threads);
      empty_cache();  // what earlier tests took must not help
      TrainerOptions options;
      options.epochs = 0, options.max_steps = kSteps;
      options.evaluate_every = kSteps;  // after all is counted
      Training training(w, options);
      struct Taken {
        int64_t calls;
        size_t heap;
      };
      Taken taken[kSteps] = {};
      training.trainer->add_callback({.on_step = [&](const StepReport& r) {
        taken[r.step - 1] = {memory_stats().system_allocations, malloc_bytes()};
      }});
      EXPECT_TRUE(training.trainer->run());
      for (int64_t step = 3; step <= kSteps; ++step) {
        EXPECT_EQ(taken[step - 1].calls, taken[1].calls) << "after step " << step;
        EXPECT_LE(taken[step - 1].heap, taken[1].heap) << "after step " << step;
      }
    }
}

}  // namespace
}  // namespace tinytorch::optim
