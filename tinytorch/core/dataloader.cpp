// Batches from a data set: the order of samples, the buffers, and the threads that fill ahead.
#include "tinytorch/core/dataloader.h"

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <numeric>
#include <system_error>
#include <thread>

#include "tinytorch/core/format.h"
#include "tinytorch/core/philox.h"
#include "tinytorch/core/random.h"

namespace tinytorch {

namespace {

// An epoch of n numbers takes at most (n + 1) / 2 blocks of the stream; epochs lie side by side.
uint64_t epoch_offset(int64_t n, int64_t epoch) {
  constexpr uint64_t kUpperHalf = uint64_t{1} << 63;
  return kUpperHalf + static_cast<uint64_t>(epoch) * ((static_cast<uint64_t>(n) + 1) / 2);
}

Shape without_first(const Tensor& x) {
  Shape shape = x.shape();
  shape.erase(0);
  return shape;
}

Shape with_first(int64_t n, const Shape& sample) {
  Shape shape = sample;
  shape.insert(0, n);
  return shape;
}

// Copies rows of `from` into the first rows of `to`; f32 and f64 convert into each other.
void copy_rows(const Tensor& from, std::span<const int64_t> rows, const Tensor& to) {
  const int64_t length = from.size(0) > 0 ? from.numel() / from.size(0) : 0;
  const auto convert = [&]<class From, class To>(const From* x, To* y) {
    for (const int64_t row : rows) y = std::copy_n(x + row * length, length, y);
  };
  if (from.dtype() == to.dtype()) {
    const size_t bytes = static_cast<size_t>(length) * item_size(from.dtype());
    const char* x = static_cast<const char*>(from.raw_data());
    char* y = static_cast<char*>(to.raw_data());
    for (const int64_t row : rows) {
      std::memcpy(y, x + static_cast<size_t>(row) * bytes, bytes);
      y += bytes;
    }
  } else if (from.dtype() == DType::kF32) {
    convert(from.data<float>(), to.data<double>());
  } else {
    convert(from.data<double>(), to.data<float>());
  }
}

bool held_elsewhere(const Tensor& x) {
  return x.use_count() > 1 || x.requires_grad();
}

}  // namespace

std::vector<int64_t> sequential_order(int64_t n) {
  std::vector<int64_t> order(static_cast<size_t>(n));
  std::iota(order.begin(), order.end(), int64_t{0});
  return order;
}

std::vector<int64_t> shuffled_order(int64_t n, uint64_t seed, int64_t epoch) {
  return permutation(n, seed, epoch_offset(n, epoch));
}

std::vector<int64_t> random_order(int64_t count, int64_t range, uint64_t seed, int64_t epoch) {
  std::vector<int64_t> order(static_cast<size_t>(count));
  const uint64_t offset = epoch_offset(count, epoch);
  for (int64_t i = 0; i < count; ++i)
    order[static_cast<size_t>(i)] = static_cast<int64_t>(
        philox::below(philox::word64(seed, offset, i), static_cast<uint64_t>(range)));
  return order;
}

TensorDataset::TensorDataset(const Tensor& x, const Tensor& y)
    : x_(x.contiguous()), y_(y.contiguous()) {
  if (x_.dim() == 0 || y_.dim() == 0 || x_.size(0) != y_.size(0))
    raise<ShapeError>("TensorDataset: x {} and y {} must have the same first size.",
                      x_.shape().str(), y_.shape().str());
}

Shape TensorDataset::x_shape() const {
  return without_first(x_);
}
Shape TensorDataset::y_shape() const {
  return without_first(y_);
}

namespace {
DType converted(DType own, DType wanted) {
  return own == DType::kF32 || own == DType::kF64 ? wanted : own;
}
}  // namespace

DType TensorDataset::x_dtype(DType wanted) const {
  return converted(x_.dtype(), wanted);
}
DType TensorDataset::y_dtype(DType wanted) const {
  return converted(y_.dtype(), wanted);
}

void TensorDataset::fill(std::span<const int64_t> indices, const Tensor& x, const Tensor& y) const {
  copy_rows(x_, indices, x);
  copy_rows(y_, indices, y);
}

struct DataLoader::Workers {
  std::mutex mutex;
  std::condition_variable work_ready, batch_ready;
  std::vector<std::thread> threads;
};

DataLoader::DataLoader(std::shared_ptr<const Dataset> dataset, LoaderOptions options)
    : dataset_(std::move(dataset)), options_(options), workers_(std::make_unique<Workers>()) {
  if (options_.batch_size < 1 || options_.workers < 0 || options_.prefetch < 1)
    raise<ConfigError>(
        "DataLoader: batch_size {}, workers {}, prefetch {}: expected >= 1, >= 0, >= 1.",
        options_.batch_size, options_.workers, options_.prefetch);
  if (options_.dtype != DType::kF32 && options_.dtype != DType::kF64)
    raise<ConfigError>("DataLoader: dtype {} is not f32 or f64.", dtype_name(options_.dtype));
  const int64_t n = dataset_->size();
  batches_ = n / options_.batch_size;
  tail_rows_ = n % options_.batch_size;
  if (tail_rows_ > 0 && !options_.drop_last) ++batches_;
  if (batches_ == 0)
    raise<ConfigError>("DataLoader: {} samples make no batch of {}{}.", n, options_.batch_size,
                       n > 0 ? " with drop_last. Hint: use a smaller batch_size" : "");
  // One slot more than may wait: the batch that the caller holds.
  const int64_t waiting = int64_t{options_.workers} * options_.prefetch;
  slots_ = std::vector<Slot>(static_cast<size_t>(std::min(waiting, batches_) + 1));
  start_workers();
}

void DataLoader::start_workers() {
  try {
    for (int i = 0; i < options_.workers; ++i) workers_->threads.emplace_back([this] { work(); });
  } catch (const std::system_error& e) {
    const size_t started = workers_->threads.size();
    stop_workers();
    raise<ConfigError>(
        "DataLoader: the system started {} of {} workers: {}. Hint: fewer workers; more than the "
        "machine has cores bring nothing.",
        started, options_.workers, e.code().message());
  }
}

DataLoader::~DataLoader() {
  stop_workers();
}

void DataLoader::stop_workers() {
  {
    std::lock_guard lock(workers_->mutex);
    stop_ = true;
  }
  workers_->work_ready.notify_all();
  for (std::thread& t : workers_->threads) t.join();
}

int64_t DataLoader::rows(int64_t batch) const {
  return std::min(options_.batch_size, dataset_->size() - batch * options_.batch_size);
}

void DataLoader::make_buffers(Slot& slot) const {
  const int64_t n = std::min(options_.batch_size, dataset_->size());
  slot.full = {empty(with_first(n, dataset_->x_shape()), dataset_->x_dtype(options_.dtype)),
               empty(with_first(n, dataset_->y_shape()), dataset_->y_dtype(options_.dtype))};
  slot.tail = {};
}

// Makes a slot ready to be filled. A buffer that somebody still holds is left to him.
void DataLoader::recycle(Slot& slot) const {
  slot.ready = false;
  slot.error = nullptr;
  const auto shared = [](const Tensor& full, const Tensor& tail) {
    const int ours = tail.defined() ? 2 : 1;
    return full.storage().use_count() > ours || held_elsewhere(full) ||
           (tail.defined() && held_elsewhere(tail));
  };
  if (!slot.full.x.defined() || shared(slot.full.x, slot.tail.x) ||
      shared(slot.full.y, slot.tail.y))
    make_buffers(slot);
}

// The tensors of a batch in its slot: the whole buffer, or its first rows for a short last batch.
const Batch& DataLoader::view(Slot& slot, int64_t batch) const {
  const int64_t n = rows(batch);
  if (n == slot.full.size()) return slot.full;
  if (!slot.tail.x.defined()) {
    const auto first_rows = [n](const Tensor& x) {
      return alias(x, narrow_layout(x.layout(), 0, 0, n, 1));
    };
    slot.tail = {first_rows(slot.full.x), first_rows(slot.full.y)};
  }
  return slot.tail;
}

void DataLoader::fill(int64_t batch, Slot& slot) const {
  const std::span<const int64_t> order(order_);
  dataset_->fill(order.subspan(static_cast<size_t>(batch * options_.batch_size),
                               static_cast<size_t>(rows(batch))),
                 slot.full.x, slot.full.y);
}

void DataLoader::work() {
  std::unique_lock lock(workers_->mutex);
  while (true) {
    workers_->work_ready.wait(lock, [&] {
      const auto slots = static_cast<int64_t>(slots_.size());
      return stop_ || (ticket_ < end_ && ticket_ < released_ + slots);
    });
    if (stop_) return;
    const int64_t batch = ticket_++;
    Slot& mine = slot(batch);
    ++filling_;
    lock.unlock();
    std::exception_ptr error;
    try {
      fill(batch, mine);
    } catch (...) {
      error = std::current_exception();
    }
    lock.lock();
    mine.error = error;
    mine.ready = true;
    --filling_;
    workers_->batch_ready.notify_one();
  }
}

// No worker fills after this, until start_epoch.
void DataLoader::stop_filling() {
  std::unique_lock lock(workers_->mutex);
  end_ = ticket_ = 0;
  workers_->batch_ready.wait(lock, [&] { return filling_ == 0; });
  started_ = holding_ = false;
}

void DataLoader::start_epoch() {
  order_ = dataset_->order(options_.shuffle, options_.seed, epoch_);
  for (Slot& s : slots_) recycle(s);
  {
    std::lock_guard lock(workers_->mutex);
    ticket_ = released_ = position_;
    end_ = batches_;
  }
  started_ = true;
  workers_->work_ready.notify_all();
}

const Batch* DataLoader::next() {
  if (!started_) start_epoch();
  if (holding_) {  // the caller is done with the batch before
    recycle(slot(position_ - 1));
    holding_ = false;
    {
      std::lock_guard lock(workers_->mutex);
      released_ = position_;
    }
    workers_->work_ready.notify_one();
  }
  if (position_ == batches_) {
    started_ = false;
    ++epoch_;
    position_ = 0;
    return nullptr;
  }
  Slot& mine = slot(position_);
  if (workers_->threads.empty()) {
    fill(position_, mine);
  } else {
    std::exception_ptr error;
    {
      std::unique_lock lock(workers_->mutex);
      workers_->batch_ready.wait(lock, [&] { return mine.ready; });
      error = mine.error;
    }
    if (error) {
      stop_filling();
      std::rethrow_exception(error);
    }
  }
  const Batch& batch = view(mine, position_++);
  holding_ = true;
  return &batch;
}

void DataLoader::set_state(const LoaderState& state) {
  // `batch` may be the number of batches: the end of an epoch was not yet seen.
  if (state.epoch < 0 || state.batch < 0 || state.batch > batches_)
    raise<ConfigError>(
        "DataLoader: state has epoch {}, batch {}, but an epoch has {} batches. Hint: "
        "resume with the data and batch_size of the saved run.",
        state.epoch, state.batch, batches_);
  stop_filling();
  options_.seed = state.seed;
  epoch_ = state.epoch;
  position_ = state.batch;
}

}  // namespace tinytorch
