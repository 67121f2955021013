#pragma once
// The private layout of a tensor. It belongs to the student of module 1 and may change freely:
// only core/tensor_impl.cpp sees it, everything else goes through the accessors of core/tensor.h.
#include "tinytorch/core/tensor.h"

namespace tinytorch {

struct TensorImpl : TensorBase {
  TensorImpl(Storage s, DType d) : storage(std::move(s)), dtype(d) {}
  Storage storage;
  Layout layout;
  int64_t numel = 0;
  DType dtype;
  // Set once, when the tensor is made, so that kernels take the flat path without reading strides.
  bool contiguous = true;
  bool channels_last = false;
  bool dense = true;

  static Tensor handle(Ref<TensorImpl> t) { return Tensor(Ref<TensorBase>::adopt(t.detach())); }
};

}  // namespace tinytorch
