#pragma once
// Inference plans: what a function does to inputs of one layout, kept as the list of kernels that
// it calls, each with its arguments. Repeating the list spares all that surrounds the kernels:
// checks, shapes, new tensors, and the modules' calls.
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tinytorch/core/tensor.h"

namespace tinytorch {

namespace kernels {
class Recording;
}

// Tensors that a function works with, as they were when this was made.
class WatchedTensors {
 public:
  WatchedTensors() = default;
  // `constants` must not change; of `state` the contents may, which kernels read and write.
  explicit WatchedTensors(const std::vector<Tensor>& constants,
                          const std::vector<Tensor>& state = {});
  // Each at its place and of its layout, and the constants without changes that versions tell of.
  bool unchanged() const;
  bool share_memory_with(const Storage& storage) const;
  std::vector<Storage> memory() const;

 private:
  struct Watched {
    Tensor tensor;
    Storage memory;  // held, so that no other tensor comes to lie there
    DType dtype;
    Layout layout;
    uint32_t version;
    bool exposed, constant;
  };
  std::vector<Watched> tensors_;
};

class Plan {
 public:
  ~Plan();
  using Function = std::function<Tensor(const Tensor&)>;

  // Calls fn(x), whose result it gives in y, and makes a plan of the kernels that ran. All that the
  // function allocated and freed lies at fixed places of one block from then on, shared by what is
  // not needed at the same time. Null, with the reason in *why, when fn does more than calling
  // kernels on x, on constants and on the `known` tensors: when it reads numbers (also through
  // data<T>()), draws random ones, keeps tensors that it makes, changes x or a known constant, uses
  // other tensors. What it reads through pointers that it had before is not noticed.
  static std::unique_ptr<Plan> record(const Function& fn, const Tensor& x, Tensor& y,
                                      const WatchedTensors& known, std::string* why = nullptr);

  // What fn(x) would give, with the same bits, in new memory, for x of the dtype, shape and strides
  // of the recorded input. One thread at a time. The known tensors must be unchanged().
  Tensor run(const Tensor& x) { return repeat(x, false); }
  // Whether it gives y, bit for bit, and no byte of it is left over from before.
  bool gives(const Tensor& y, const Tensor& x);

  size_t kernels() const;
  size_t bytes() const { return arena_.bytes(); }  // of what lies between input and output

 private:
  struct Patch {  // this word of the recording is the address of a byte of the input or output
    size_t word;
    int64_t offset;  // from the input's first element, or the start of the output's memory
  };
  Plan();
  Tensor repeat(const Tensor& x, bool from_blank_memory);
  std::unique_ptr<kernels::Recording> recording_;
  std::vector<Patch> input_, output_;
  Storage arena_;
  std::vector<Storage> pinned_;
  DType y_dtype_ = DType::kF32;
  Layout x_layout_, y_layout_;
  size_t y_bytes_ = 0;
  bool gives_input_ = false;  // x itself, or a view of it
  friend class PlanMaker;
};

// A function that is called many times with inputs of few layouts. The first call of a layout calls
// it, the second also makes a plan, the third compares what the plan gives with what the function
// does, bit for bit; from then on the plan serves. Without one the function is called always.
class PlannedCalls {
 public:
  // `known`: see Plan::record; after a change of them, forget().
  Tensor operator()(const Plan::Function& fn, const Tensor& x, const WatchedTensors& known);
  void forget() { entries_.clear(); }
  // Of the layout of x: the plan that serves, or null and why there is none.
  const Plan* plan_for(const Tensor& x, std::string* why = nullptr) const;

 private:
  enum class Stage { kNew, kCalled, kRecorded, kServing, kRefused, kBusy };
  struct Entry {
    DType dtype;
    Layout layout;
    Stage stage;
    std::unique_ptr<Plan> plan;
    std::string why;
    uint64_t last_use;
  };
  static std::string reason(Stage stage);  // why there is no plan yet
  Entry* find(const Tensor& x);
  Entry& entry_for(const Tensor& x);
  std::vector<Entry> entries_;
  uint64_t uses_ = 0;
};

}  // namespace tinytorch
