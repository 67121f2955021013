#include "tinytorch/nn/loss.h"

#include <utility>

#include "tinytorch/core/format.h"

namespace tinytorch::nn {

Tensor Loss::operator()(const Tensor& x, const Tensor& target) {
  return forward(x, target);
}

Tensor Loss::forward(const Tensor&) {
  raise<NotImplemented>("{}: a loss takes an input and a target.", kind());
}

CrossEntropyLoss::CrossEntropyLoss(Tensor class_weight, int64_t ignore_index, Reduction reduction,
                                   double label_smoothing)
    : ignore_index_(ignore_index), reduction_(reduction), label_smoothing_(label_smoothing) {
  weight = register_buffer("weight", std::move(class_weight));
}
Tensor CrossEntropyLoss::forward(const Tensor& x, const Tensor& target) {
  return cross_entropy(x, target, weight, ignore_index_, reduction_, label_smoothing_);
}

NLLLoss::NLLLoss(Tensor class_weight, int64_t ignore_index, Reduction reduction)
    : ignore_index_(ignore_index), reduction_(reduction) {
  weight = register_buffer("weight", std::move(class_weight));
}
Tensor NLLLoss::forward(const Tensor& x, const Tensor& target) {
  return nll_loss(x, target, weight, ignore_index_, reduction_);
}

BCELoss::BCELoss(Tensor input_weight, Reduction reduction) : reduction_(reduction) {
  weight = register_buffer("weight", std::move(input_weight));
}
Tensor BCELoss::forward(const Tensor& x, const Tensor& target) {
  return binary_cross_entropy(x, target, weight, reduction_);
}

BCEWithLogitsLoss::BCEWithLogitsLoss(Tensor input_weight, Reduction reduction,
                                     Tensor positive_weight)
    : reduction_(reduction) {
  weight = register_buffer("weight", std::move(input_weight));
  pos_weight = register_buffer("pos_weight", std::move(positive_weight));
}
Tensor BCEWithLogitsLoss::forward(const Tensor& x, const Tensor& target) {
  return binary_cross_entropy_with_logits(x, target, weight, reduction_, pos_weight);
}

}  // namespace tinytorch::nn
