#pragma once
// What the files of ops/ share. Internal: no public header includes it.
#include <string>

#include "tinytorch/core/autograd.h"
#include "tinytorch/core/format.h"
#include "tinytorch/core/tensor.h"
#include "tinytorch/kernels/matmul.h"
#include "tinytorch/ops/core_gradients.h"
#include "tinytorch/ops/op.h"
#include "tinytorch/ops/ops.h"

namespace tinytorch {

inline std::string describe(const Tensor& t) {  // "f32 [2, 3]", as errors name a tensor
  return t.defined() ? format_text("{} {}", dtype_name(t.dtype()), t.shape().str()) : "undefined";
}

[[noreturn, gnu::cold]] inline void raise_not_float(const char* op, DType dtype) {
  raise<DTypeError>("{}: no kernel for {}; it works on f32 and f64. Hint: to(DType::kF32).", op,
                    dtype_name(dtype));
}

// The gradient of relu with a graph of its own; y is its output. A NaN lets it through.
inline Tensor relu_gradient(const Tensor& g, const Tensor& y) {
  return where(le(y, 0), scalar_tensor(0, g.dtype()), g);
}

inline void check_label_smoothing(double smoothing) {
  if (!(smoothing >= 0 && smoothing <= 1))
    raise<ConfigError>("cross_entropy: label_smoothing {} must be from 0 to 1.", smoothing);
}

// Calls fn(float{}) or fn(double{}).
template <class Fn>
void with_float(DType dtype, const char* op, Fn fn) {
  if (dtype == DType::kF32)
    fn(float{});
  else if (dtype == DType::kF64)
    fn(double{});
  else
    raise_not_float(op, dtype);
}

inline void require_same_dtype(const Tensor& a, const Tensor& b, const char* op) {
  if (a.dtype() != b.dtype())
    raise<DTypeError>("{}: {} and {} have different dtypes. Hint: convert one with to().", op,
                      describe(a), describe(b));
}

inline kernels::Activation kernel_activation(Fused f) {
  static_assert(static_cast<int>(Fused::kRelu) == static_cast<int>(kernels::Activation::kRelu) &&
                static_cast<int>(Fused::kGelu) == static_cast<int>(kernels::Activation::kGelu) &&
                static_cast<int>(Fused::kGeluTanh) ==
                    static_cast<int>(kernels::Activation::kGeluTanh));
  return static_cast<kernels::Activation>(f);
}

// The activation alone, as the operation that fuses it would apply it.
Tensor activated(const Tensor& x, Fused activation);  // unary.cpp
// The gradient before a fused activation: `kept` is the output for ReLU, the value before the
// activation for GELU.
Tensor activation_gradient(Fused activation, const Tensor& g, const Tensor& kept);  // unary.cpp
Tensor gelu_gradient(const Tensor& g, const Tensor& x, GeluForm form);              // unary.cpp

// C = A B for 2-d a, b (any strides), or for 3-d with equal or broadcast batches; `accumulate` adds
// to what out holds. out is row-major.
void matmul_into(const Tensor& a, const Tensor& b, const Tensor& out, bool accumulate = false);

// Tensor::permute for a list that is made at run time: each dimension once.
Tensor permute_dims(const Tensor& x, std::span<const int> dims);  // view.cpp

// Sets the gradients of out = compose(inputs) for the output's gradient g, with a graph of their
// own. For the formula of an operation whose kernel gives them faster but without one: compose says
// the same as the operation in differentiable operations; `inputs` as the operation saved them, in
// its order (some undefined).
using Compose = std::function<Tensor(const std::vector<Tensor>&)>;
void composed_gradient(GradContext& c, const Tensor& g, const std::vector<Tensor>& inputs,
                       const Compose& compose);

}  // namespace tinytorch
