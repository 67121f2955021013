#pragma once
// What the tests of this module share.
#include <initializer_list>
#include <vector>

#include "modules/harness/check.h"
#include "tinytorch/core/autograd.h"
#include "tinytorch/core/memory_stats.h"
#include "tinytorch/ops/ops.h"

namespace tinytorch::check {

// The invariants of the chapter.
inline const char* const kOnce =
    "1. a node runs once in a backward, after everything that sends it a gradient";
inline const char* const kSum = "2. a value that is used n times gets the sum of n gradients";
inline const char* const kShape = "3. a gradient has the shape of the value it belongs to";
inline const char* const kShared =
    "4. a tensor that somebody else can see is never changed in place";
inline const char* const kLife =
    "5. a saved value lives until the formula that needs it has run, and no longer";
inline const char* const kAgain = "6. what is computed a second time is the same as the first time";

inline Tensor leaf(std::initializer_list<double> numbers, std::optional<Shape> shape = {},
                   DType dtype = DType::kF32) {
  return Tensor::of(numbers, shape, dtype).set_requires_grad();
}

// Repeatable f64 numbers in [-1, 1).
inline Tensor data(const Shape& shape, uint32_t seed) {
  const std::vector<float> some = numbers(static_cast<size_t>(shape.product()), seed);
  return from_vector(std::vector<double>(some.begin(), some.end()), shape);
}

inline std::vector<double> list(const Tensor& x) {
  return x.defined() ? to_vector<double>(x.to(DType::kF64)) : std::vector<double>{};
}
inline std::vector<double> gradient(const Tensor& x) {
  return list(x.grad());
}

// Two results, 2x and 3x, of one node.
inline std::pair<Tensor, Tensor> twice_and_thrice(const Tensor& x) {
  Tensor twice, thrice;
  {
    const NoGrad no_grad;
    twice = x * 2;
    thrice = x * 3;
  }
  Tensor* outputs[] = {&twice, &thrice};
  const Tensor* inputs[] = {&x};
  set_gradient("twice_and_thrice", std::span<Tensor* const>(outputs),
               std::span<const Tensor* const>(inputs), [](GradContext& c) {
                 Tensor g;
                 if (c.grad(0).defined()) g = c.grad(0) * 2;
                 if (c.grad(1).defined()) g = g.defined() ? g + c.grad(1) * 3 : c.grad(1) * 3;
                 c.set(0, g);
               });
  return {twice, thrice};
}

}  // namespace tinytorch::check
