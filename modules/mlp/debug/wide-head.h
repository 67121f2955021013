#pragma once
// The last layer of a classifier with very many classes, whose logits are never all in memory.
#include <vector>

#include "tinytorch/core/tensor.h"

namespace tinytorch::hunt {

// What is known of one input's distribution over the classes, p = softmax(logits).
struct Prediction {
  double log_probability = 0;  // of the class asked about
  double entropy = 0;          // -sum_c p[c] log p[c], in nats; 0 when one class is certain
  int64_t best = 0;            // the first class with the largest logit
};

class WideHead {
 public:
  // weight (classes, features), bias (classes). Logits are made `chunk` classes at a time.
  WideHead(const Tensor& weight, const Tensor& bias, int64_t chunk);
  // For each row of x (rows, features): what is said about the class in `target`.
  std::vector<Prediction> predict(const Tensor& x, const std::vector<int64_t>& target) const;

 private:
  Tensor weight_, bias_;
  int64_t chunk_;
};

}  // namespace tinytorch::hunt
