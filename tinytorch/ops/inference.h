#pragma once
#include <optional>

#include "tinytorch/core/autograd.h"

namespace tinytorch {

// How a weight is kept for inference.
enum class WeightPrecision : uint8_t { kF32, kBF16, kInt8 };

// Scoped, of this thread: no graph, and weights are taken to stay as they are. linear() with at
// most four rows then reads a copy of its weight, which it makes at the first call and keeps with
// the weight: in an order that memory delivers at full speed (kF32: the same bits as without), or
// in fewer bits (kBF16: rounded to 8 bits of mantissa; kInt8: 127 steps to the largest magnitude of
// each output's weights). A weight that an operation, an optimizer or a checkpoint changes is
// copied anew; one that is written through data<T>() must not be changed between two such scopes.
class InferenceMode {
 public:
  explicit InferenceMode(WeightPrecision weights = WeightPrecision::kF32);
  ~InferenceMode();
  InferenceMode(const InferenceMode&) = delete;
  InferenceMode& operator=(const InferenceMode&) = delete;
  static std::optional<WeightPrecision> current();  // of the innermost scope; none outside

 private:
  NoGrad no_grad_;
  int before_;
};

}  // namespace tinytorch
