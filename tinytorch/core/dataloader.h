#pragma once
#include <exception>
#include <memory>
#include <span>
#include <vector>

#include "tinytorch/core/tensor.h"

namespace tinytorch {

// The order of the samples of one epoch. It follows from its arguments alone, never from what was
// drawn before: that is what lets a loader resume anywhere. Shuffling reads the upper half of the
// seed's stream of random numbers, apart from the default generator's, which starts at 0.
std::vector<int64_t> sequential_order(int64_t n);
std::vector<int64_t> shuffled_order(int64_t n, uint64_t seed, int64_t epoch);
// `count` numbers of [0, range), drawn with replacement, for an epoch of random windows.
std::vector<int64_t> random_order(int64_t count, int64_t range, uint64_t seed, int64_t epoch);

// Samples by number: pairs of an input x and a target y of fixed shapes.
class Dataset {
 public:
  virtual ~Dataset() = default;
  virtual int64_t size() const = 0;   // samples in an epoch
  virtual Shape x_shape() const = 0;  // of one sample
  virtual Shape y_shape() const = 0;
  // The dtypes a batch gets when the user asks for `wanted` (f32 or f64).
  virtual DType x_dtype(DType wanted) const { return wanted; }
  virtual DType y_dtype(DType) const { return DType::kI64; }
  // Writes sample indices[i] into row i of x and y, which are row-major and have at least as many
  // rows. Several threads call it at once, with different x and y.
  virtual void fill(std::span<const int64_t> indices, const Tensor& x, const Tensor& y) const = 0;
  // The indices of one epoch. A data set may give its indices another meaning when shuffled.
  virtual std::vector<int64_t> order(bool shuffle, uint64_t seed, int64_t epoch) const {
    return shuffle ? shuffled_order(size(), seed, epoch) : sequential_order(size());
  }
};

// Rows of two tensors in memory. A floating tensor comes out in the dtype asked for.
class TensorDataset final : public Dataset {
 public:
  TensorDataset(const Tensor& x, const Tensor& y);  // ShapeError when the first sizes differ
  int64_t size() const override { return x_.size(0); }
  Shape x_shape() const override;
  Shape y_shape() const override;
  DType x_dtype(DType wanted) const override;
  DType y_dtype(DType wanted) const override;
  void fill(std::span<const int64_t> indices, const Tensor& x, const Tensor& y) const override;

 private:
  Tensor x_, y_;
};

struct Batch {
  Tensor x, y;
  int64_t size() const { return x.size(0); }
};

struct LoaderOptions {
  int64_t batch_size = 64;
  bool shuffle = false;
  bool drop_last = false;  // leave out a last batch that is not full
  int workers = 0;         // threads that prepare batches; 0: the caller does
  int prefetch = 2;        // batches that may wait, for each worker
  uint64_t seed = 0;
  DType dtype = DType::kF32;  // of floating batches
};

// Where a loader stands: the batch it will give next. A loader of the same data set and options
// that is set to it continues with the same batches, bit for bit, also in the middle of an epoch.
struct LoaderState {
  uint64_t seed = 0;
  int64_t epoch = 0;
  int64_t batch = 0;
  bool operator==(const LoaderState&) const = default;
};

// Batches of a data set, epoch after epoch:
//   for (int epoch = 0; epoch < 3; ++epoch)
//     for (const Batch& batch : loader) ...
// The order and the bytes do not depend on the number of workers. At most workers * prefetch
// batches wait at a time. Batches live in buffers that are used again: one stays valid until the
// next is asked for, and longer when a handle to its tensors is kept (the buffer is then left to
// that handle and a new one takes its place). From the second epoch on nothing is allocated for a
// batch. What Dataset::fill throws in a worker reaches the caller when it asks for that batch;
// asking again tries that batch again. One thread uses a loader.
class DataLoader {
 public:
  DataLoader(std::shared_ptr<const Dataset> dataset, LoaderOptions options);
  ~DataLoader();
  DataLoader(const DataLoader&) = delete;
  DataLoader& operator=(const DataLoader&) = delete;

  int64_t batches() const { return batches_; }  // in an epoch
  const Dataset& dataset() const { return *dataset_; }
  const LoaderOptions& options() const { return options_; }

  // The next batch, or null at the end of the epoch; the call after that starts the next epoch.
  const Batch* next();

  LoaderState state() const { return {options_.seed, epoch_, position_}; }
  void set_state(const LoaderState& state);  // ConfigError when it is outside the data set

  // Walks the rest of the running epoch (all of it, unless set_state or a break stopped inside).
  class Iterator {
   public:
    explicit Iterator(DataLoader* loader)
        : loader_(loader), batch_(loader ? loader->next() : nullptr) {}
    const Batch& operator*() const { return *batch_; }
    Iterator& operator++() {
      batch_ = loader_->next();
      return *this;
    }
    bool operator!=(const Iterator& other) const { return batch_ != other.batch_; }

   private:
    DataLoader* loader_;
    const Batch* batch_;
  };
  Iterator begin() { return Iterator(this); }
  Iterator end() { return Iterator(nullptr); }

 private:
  struct Slot {
    Batch full, tail;  // tail: the first rows of full, for the last batch of an epoch
    bool ready = false;
    std::exception_ptr error;
  };

  int64_t rows(int64_t batch) const;  // samples in a batch
  Slot& slot(int64_t batch) { return slots_[static_cast<size_t>(batch) % slots_.size()]; }
  const Batch& view(Slot& slot, int64_t batch) const;
  void make_buffers(Slot& slot) const;
  void recycle(Slot& slot) const;
  void fill(int64_t batch, Slot& slot) const;
  void start_epoch();
  void stop_filling();
  void work();
  void start_workers();  // ConfigError when the system does not give so many threads
  void stop_workers();

  std::shared_ptr<const Dataset> dataset_;
  LoaderOptions options_;
  int64_t batches_ = 0, tail_rows_ = 0;

  // The caller's side.
  int64_t epoch_ = 0, position_ = 0;  // the batch that next() gives
  bool started_ = false;              // order_ is that of epoch_
  bool holding_ = false;              // the caller has batch position_ - 1
  std::vector<int64_t> order_;

  // Shared with the workers, under their mutex: batches [released_, released_ + slots) may be
  // filled, those below ticket_ are taken or done.
  std::vector<Slot> slots_;
  int64_t ticket_ = 0, released_ = 0, end_ = 0, filling_ = 0;
  bool stop_ = false;
  struct Workers;  // threads and what they wait for: headers that cost every file half a second
  std::unique_ptr<Workers> workers_;
};

}  // namespace tinytorch
