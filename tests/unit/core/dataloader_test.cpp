#include "tinytorch/core/dataloader.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>

#include "tinytorch/core/error.h"
#include "tinytorch/core/memory_stats.h"

namespace tinytorch {
namespace {

// Sample i is (i, i + 0.5) with target 10 i.
std::shared_ptr<Dataset> numbers(int64_t n, DType dtype = DType::kF32) {
  const Tensor y = arange(0, 10.0 * static_cast<double>(n), 10, DType::kI64);
  return std::make_shared<TensorDataset>(arange(0, static_cast<double>(n), 0.5, dtype).view({n, 2}),
                                         y);
}

// The numbers of the samples of a batch, after checking that every row is whole.
std::vector<int64_t> samples(const Batch& b) {
  std::vector<int64_t> out = to_vector<int64_t>(b.y);
  const Tensor x = b.x.to(DType::kF64);
  for (size_t i = 0; i < out.size(); ++i) {
    out[i] /= 10;
    EXPECT_EQ(x.data<double>()[2 * i], static_cast<double>(out[i]));
    EXPECT_EQ(x.data<double>()[2 * i + 1], static_cast<double>(out[i]) + 0.5);
  }
  return out;
}

std::vector<std::vector<int64_t>> epoch(DataLoader& loader) {
  std::vector<std::vector<int64_t>> out;
  for (const Batch& b : loader) out.push_back(samples(b));
  return out;
}

TEST(Order, ShufflesDifferInSeedAndEpochAndAreWhole) {
  const std::vector<int64_t> a = shuffled_order(100, 1, 0);
  EXPECT_EQ(a, shuffled_order(100, 1, 0));
  EXPECT_NE(a, shuffled_order(100, 1, 1));
  EXPECT_NE(a, shuffled_order(100, 2, 0));
  std::vector<int64_t> sorted = a;
  std::sort(sorted.begin(), sorted.end());
  EXPECT_EQ(sorted, sequential_order(100));
  const std::vector<int64_t> r = random_order(1000, 7, 1, 0);
  EXPECT_EQ(*std::min_element(r.begin(), r.end()), 0);
  EXPECT_EQ(*std::max_element(r.begin(), r.end()), 6);
  EXPECT_NE(r, random_order(1000, 7, 1, 1));
}

TEST(TensorDataset, ConvertsFloatsAndKeepsTheRest) {
  const auto d = std::make_shared<TensorDataset>(Tensor::of({1.5, 2}, Shape{2, 1}),
                                                 Tensor::of({3, 4}, {}, DType::kI64));
  DataLoader loader(d, {.batch_size = 2, .dtype = DType::kF64});
  const Batch& b = *loader.next();
  EXPECT_EQ(to_vector<double>(b.x), (std::vector<double>{1.5, 2}));
  EXPECT_EQ(b.y.dtype(), DType::kI64);
  EXPECT_EQ(b.y.shape(), (Shape{2}));
  EXPECT_THROW(TensorDataset(zeros({2, 1}), zeros({3})), ShapeError);
}

TEST(DataLoader, SequentialWithAndWithoutTheLastBatch) {
  DataLoader all(numbers(5), {.batch_size = 2});
  EXPECT_EQ(all.batches(), 3);
  EXPECT_EQ(epoch(all), (std::vector<std::vector<int64_t>>{{0, 1}, {2, 3}, {4}}));
  EXPECT_EQ(epoch(all).size(), 3u);  // and again
  DataLoader full(numbers(5), {.batch_size = 2, .drop_last = true});
  EXPECT_EQ(epoch(full), (std::vector<std::vector<int64_t>>{{0, 1}, {2, 3}}));
  DataLoader one(numbers(3), {.batch_size = 8});
  EXPECT_EQ(epoch(one), (std::vector<std::vector<int64_t>>{{0, 1, 2}}));
}

TEST(DataLoader, RefusesWhatMakesNoBatch) {
  EXPECT_THROW(DataLoader(numbers(3), {.batch_size = 4, .drop_last = true}), ConfigError);
  EXPECT_THROW(DataLoader(numbers(3), {.batch_size = 0}), ConfigError);
  EXPECT_THROW(DataLoader(numbers(3), {.workers = -1}), ConfigError);
  EXPECT_THROW(DataLoader(numbers(3), {.dtype = DType::kI64}), ConfigError);
}

TEST(DataLoader, OrderDoesNotDependOnTheWorkers) {
  const auto data = numbers(1003);
  std::vector<std::vector<std::vector<int64_t>>> reference;
  for (const int workers : {0, 1, 2, 5})
    for (const int prefetch : {1, 3}) {
      DataLoader loader(
          data,
          {.batch_size = 16, .shuffle = true, .workers = workers, .prefetch = prefetch, .seed = 3});
      for (size_t e = 0; e < 3; ++e) {
        const auto got = epoch(loader);
        if (workers == 0 && prefetch == 1) reference.push_back(got);
        EXPECT_EQ(got, reference[e]);
      }
    }
  EXPECT_NE(reference[0], reference[1]);
}

TEST(DataLoader, ResumesInMidEpochBitEqually) {
  const LoaderOptions options{.batch_size = 4, .shuffle = true, .workers = 2, .seed = 9};
  const auto data = numbers(42);
  std::vector<std::vector<int64_t>> unbroken;
  DataLoader reference(data, options);
  for (int e = 0; e < 3; ++e)
    for (const Batch& b : reference) unbroken.push_back(samples(b));
  for (size_t stop = 0; stop < unbroken.size(); ++stop) {
    DataLoader first(data, options);
    for (size_t i = 0; i < stop;)
      if (first.next()) ++i;
    LoaderOptions other = options;
    other.workers = stop % 3 == 0 ? 0 : 1;  // not part of the state
    other.seed = 0;                         // the state brings its own
    DataLoader second(data, other);
    second.next();  // it may have been used before
    second.set_state(first.state());
    std::vector<std::vector<int64_t>> rest;
    while (rest.size() < unbroken.size() - stop)
      if (const Batch* b = second.next()) rest.push_back(samples(*b));
    EXPECT_TRUE(std::equal(rest.begin(), rest.end(), unbroken.begin() + static_cast<int>(stop)))
        << "stopped after " << stop;
    EXPECT_EQ(second.state(), (LoaderState{9, 2, 11}));
  }
  DataLoader loader(data, options);
  EXPECT_THROW(loader.set_state({0, 0, 12}), ConfigError);
  EXPECT_THROW(loader.set_state({0, -1, 0}), ConfigError);
}

TEST(DataLoader, ABreakLeavesTheRestOfTheEpoch) {
  DataLoader loader(numbers(6), {.batch_size = 2, .workers = 1});
  for (const Batch& b : loader) {
    EXPECT_EQ(samples(b), (std::vector<int64_t>{0, 1}));
    break;
  }
  EXPECT_EQ(epoch(loader), (std::vector<std::vector<int64_t>>{{2, 3}, {4, 5}}));
  EXPECT_EQ(loader.state(), (LoaderState{0, 1, 0}));
}

TEST(DataLoader, EndsCleanlyAnywhere) {
  for (int stop = 0; stop < 20; ++stop) {
    DataLoader loader(numbers(40), {.batch_size = 2, .workers = 3, .prefetch = 2});
    for (int i = 0; i < stop; ++i) loader.next();
  }
}

TEST(DataLoader, HeldBatchesAreNotOverwritten) {
  for (const int workers : {0, 2}) {
    DataLoader loader(numbers(9), {.batch_size = 2, .workers = workers});
    std::vector<Batch> kept;
    std::vector<Tensor> views;  // holds the memory, not the tensor
    for (int e = 0; e < 2; ++e)
      for (const Batch& b : loader) {
        kept.push_back(b);
        views.push_back(b.x.select(0, 0));
      }
    for (size_t i = 0; i < kept.size(); ++i) {
      const auto first = static_cast<int64_t>(i % 5 * 2);
      EXPECT_EQ(samples(kept[i])[0], first);
      EXPECT_EQ(views[i].data<float>()[0], static_cast<float>(first));
    }
  }
}

TEST(DataLoader, AllocatesNothingInItsStride) {
  DataLoader loader(numbers(1003), {.batch_size = 16, .workers = 2});
  epoch(loader);
  const void* before = nullptr;
  std::vector<const void*> seen;
  const int64_t system = memory_stats().system_allocations;
  for (int e = 0; e < 2; ++e)
    for (const Batch& b : loader) {
      if (std::find(seen.begin(), seen.end(), b.x.raw_data()) == seen.end())
        seen.push_back(b.x.raw_data());
      EXPECT_NE(b.x.raw_data(), before);
      before = b.x.raw_data();
    }
  EXPECT_EQ(seen.size(), 5u);  // 2 workers x 2 waiting + the one held
  EXPECT_EQ(memory_stats().system_allocations, system);
}

// Throws for one sample, slowly for others, so that workers overtake each other.
class Faulty final : public Dataset {
 public:
  int64_t size() const override { return 64; }
  Shape x_shape() const override { return {}; }
  Shape y_shape() const override { return {}; }
  void fill(std::span<const int64_t> indices, const Tensor& x, const Tensor& y) const override {
    for (size_t i = 0; i < indices.size(); ++i) {
      if (indices[i] == 20 && broken) throw IoError("sample 20 is broken");
      if (indices[i] % 8 == 0) std::this_thread::sleep_for(std::chrono::microseconds(300));
      x.data<float>()[i] = 0;
      y.data<int64_t>()[i] = indices[i];
    }
  }
  std::atomic<bool> broken{true};
};

TEST(DataLoader, AnErrorReachesTheCallerAtItsBatch) {
  for (const int workers : {0, 1, 3}) {
    const auto data = std::make_shared<Faulty>();
    DataLoader loader(data, {.batch_size = 4, .workers = workers});
    for (int64_t i = 0; i < 5; ++i) {
      const Batch* batch = loader.next();
      ASSERT_NE(batch, nullptr);
      EXPECT_EQ(batch->y.data<int64_t>()[0], 4 * i);
    }
    EXPECT_THROW(loader.next(), IoError);
    EXPECT_THROW(loader.next(), IoError);  // asking again tries again
    data->broken = false;
    std::vector<int64_t> rest;
    while (const Batch* b = loader.next()) rest.push_back(b->y.data<int64_t>()[0]);
    EXPECT_EQ(rest.front(), 20);
    EXPECT_EQ(rest.size(), 11u);
  }
}

}  // namespace
}  // namespace tinytorch
