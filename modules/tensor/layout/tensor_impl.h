#pragma once
// Another layout of tensors, to prove that nothing but core/tensor_impl.cpp knows it: sizes and
// strides lie in two arrays of their own, the flags in one word, the address is kept ready.
#include "tinytorch/core/tensor.h"

namespace tinytorch {

struct TensorImpl : TensorBase {
  enum Flag : unsigned { kRowMajor = 1, kChannelsInner = 2, kGapless = 4 };
  unsigned flags = 0;
  DType element = DType::kF32;
  char* address = nullptr;  // of the first element
  int64_t first = 0;        // its place in the block
  Strides steps;
  Shape sizes;
  Storage block;

  static Tensor handle(const Ref<TensorBase>& t) { return Tensor(t); }
};

}  // namespace tinytorch
