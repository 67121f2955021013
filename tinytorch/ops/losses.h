#pragma once
// Losses beside cross_entropy and mse_loss (ops/ops.h). Names, argument order and values are
// PyTorch's. All can be differentiated twice, with respect to targets and weights, too, where
// these are floating (PyTorch has no gradients of the weights).
#include "tinytorch/ops/ops.h"

namespace tinytorch {

// As cross_entropy of ops.h with a weight for each class, (classes) or undefined. The mean over
// class indices is divided by the sum of the weights of the labels that count. Targets may be the
// classes' probabilities instead, in the shape and dtype of the logits: nothing is ignored then,
// and the mean is over the rows, whatever the weights. ShapeError, DTypeError, IndexError.
Tensor cross_entropy(const Tensor& logits, const Tensor& target, const Tensor& weight,
                     int64_t ignore_index = -100, Reduction reduction = Reduction::kMean,
                     double label_smoothing = 0);
// -weight[target] x[target] for log-probabilities x (n, classes), (n, classes, d1, ...) or
// (classes), targets i64 of that shape without the classes. The mean is divided by the sum of the
// weights of the labels that count: NaN when there are none. IndexError for a label outside
// [0, classes).
Tensor nll_loss(const Tensor& x, const Tensor& target, const Tensor& weight = {},
                int64_t ignore_index = -100, Reduction reduction = Reduction::kMean);

// Input and target of the following must have one shape and dtype: ShapeError, DTypeError. (PyTorch
// broadcasts some of them, with a warning.)

// |x - target|; the gradient is 0 where they are equal.
Tensor l1_loss(const Tensor& x, const Tensor& target, Reduction reduction = Reduction::kMean);
// d^2 / (2 beta) for |d| < beta, else |d| - beta / 2, d = x - target. beta 0 is l1_loss; Error for
// a negative one. Source: Girshick 2015 (beta = 1).
Tensor smooth_l1_loss(const Tensor& x, const Tensor& target, Reduction reduction = Reduction::kMean,
                      double beta = 1);
// -weight (target log(x) + (1 - target) log(1 - x)) for probabilities x; the logarithms are at
// least -100, so that the loss is finite. Error for x outside [0, 1]. weight broadcasts to x.
Tensor binary_cross_entropy(const Tensor& x, const Tensor& target, const Tensor& weight = {},
                            Reduction reduction = Reduction::kMean);
// The same of sigmoid(x), for any x without overflow; pos_weight, which broadcasts to x too,
// multiplies target's part.
Tensor binary_cross_entropy_with_logits(const Tensor& x, const Tensor& target,
                                        const Tensor& weight = {},
                                        Reduction reduction = Reduction::kMean,
                                        const Tensor& pos_weight = {});

enum class KlReduction : uint8_t { kMean, kSum, kNone, kBatchMean };
// target (log(target) - x) for log-probabilities x, 0 where target is 0; with log_target the target
// is a log-probability, too. kBatchMean, the sum over the first size, is the divergence; kMean
// divides by the number of elements, as PyTorch does.
Tensor kl_div(const Tensor& x, const Tensor& target, KlReduction reduction = KlReduction::kMean,
              bool log_target = false);

}  // namespace tinytorch
