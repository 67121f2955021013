#pragma once
// Operations on random shapes, broadcasts and options, each beside the same call in PyTorch's
// words.
#include <functional>
#include <string>
#include <vector>

#include "tinytorch/core/tensor.h"

namespace tinytorch::golden {

struct RandomCase {
  std::string name;            // "add 3"
  std::string python;          // an expression over the inputs t[0], t[1], ... with torch and F
  std::vector<Tensor> inputs;  // f64, i64 or bool
  std::function<Tensor(const std::vector<Tensor>&)> run;
};

// The same list on every machine: shapes, options and values come from splitmix64 (Steele et al.
// 2014), seeded by the number of the case.
std::vector<RandomCase> random_cases();

}  // namespace tinytorch::golden
