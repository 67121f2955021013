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

class Plan {
 public:
  ~Plan();
  using Function = std::function<Tensor(const Tensor&)>;

  // Calls fn(x), whose result it gives in y, and makes a plan of the kernels that ran. All that the
  // function allocated and freed lies at fixed places of one block from then on, shared by what is
  // not needed at the same time. Null, with the reason in *why, when fn does more than calling
  // kernels: it reads numbers, draws random ones, keeps tensors that it makes; or when the plan
  // does not give the bits of y again (it is tried once; the plan then overwrites what fn does).
  // What fn decides in C++ it must decide alike for every x of this layout.
  static std::unique_ptr<Plan> record(const Function& fn, const Tensor& x, Tensor& y,
                                      std::string* why = nullptr);

  // What fn(x) would give, with the same bits, in new memory, for x of the dtype, shape and strides
  // of the recorded input. One thread at a time. The memory of weights must be what it was, at the
  // same place.
  Tensor run(const Tensor& x);

  size_t kernels() const;
  size_t bytes() const { return arena_.bytes(); }  // of what lies between input and output

 private:
  struct Patch {  // this word of the recording is the address of a byte of the input or output
    size_t word;
    int64_t offset;  // from the input's first element, or the start of the output's memory
  };
  struct Piece;
  Plan();
  void bind(const Tensor& x, const Tensor& y, std::vector<Piece>& pieces);
  std::unique_ptr<kernels::Recording> recording_;
  std::vector<Patch> input_, output_;
  Storage arena_;
  std::vector<Storage> pinned_;
  DType y_dtype_ = DType::kF32;
  Layout x_layout_, y_layout_;
  size_t y_bytes_ = 0;
  enum class Result { kNew, kInput, kFixed } result_ = Result::kNew;
  Tensor fixed_;
};

// Tensors that a plan was made with.
class WatchedTensors {
 public:
  WatchedTensors() = default;
  explicit WatchedTensors(const std::vector<Tensor>& tensors);
  bool unchanged() const;  // at the same place, without changes that versions tell of

 private:
  struct State {
    Tensor tensor;
    const void* memory;
    uint32_t version;
    bool exposed;
  };
  std::vector<State> states_;
};

// A function that is called many times with inputs of few layouts: the first call of a layout calls
// it, the second makes a plan, and from then on the plan serves. Without one (see Plan::record) the
// function is called always.
class PlannedCalls {
 public:
  Tensor operator()(const Plan::Function& fn, const Tensor& x);
  void forget() { entries_.clear(); }
  // Of the layout of x: its plan, or null and why there is none.
  const Plan* plan_for(const Tensor& x, std::string* why = nullptr) const;

 private:
  struct Entry {
    DType dtype = DType::kF32;
    Layout layout;
    int calls = 0;
    std::unique_ptr<Plan> plan;
    std::string why = "the next call of this shape makes a plan";
  };
  std::vector<Entry> entries_;  // the latest last
};

}  // namespace tinytorch
