#pragma once
// The op table. Each file NAME.cpp of ops/ describes its operations in a static array of OpInfo
// beside their code and gives it in NAME_ops(); the build finds it there. The generated suite
// (tests/unit/ops/suite_test.cpp), the benchmark rows and the docs table all read this table and
// nothing else.
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "tinytorch/core/tensor.h"

namespace tinytorch {

// One call of an operation on made-up inputs. `run` sees tensors like `inputs` (other dtype, other
// strides, same shapes) and must not keep state; attributes are captured in it.
struct Sample {
  std::string label;           // "2x3 + 3 (broadcast)"
  std::vector<Tensor> inputs;  // f32 unless the operation wants indices or masks
  std::function<Tensor(const std::vector<Tensor>&)> run;
};

// Deterministic inputs for samples: the same numbers in every run, no two close together where a
// kink would disturb numerical gradients.
class SampleMaker {
 public:
  Tensor normal(const Shape& shape);  // about N(0, 1)
  Tensor uniform(const Shape& shape, double low, double high);
  Tensor distinct(const Shape& shape);  // pairwise at least 0.01 apart and away from 0: max, relu
  Tensor indices(const Shape& shape, int64_t below);  // i64
  Tensor mask(const Shape& shape);                    // bool, about half true

 private:
  uint64_t state_ = 0x9e3779b97f4a7c15ull;
  double next();  // uniform in [0, 1)
};

struct ErrorCase {
  std::string label;
  std::function<void()> run;
  std::string expected;  // must be part of the error text
};

struct Cost {
  double flops = 0;
  double bytes = 0;  // least possible traffic: each input read once, each output written once
};

struct OpInfo {
  const char* name;
  const char* signature;  // as in ops/ops.h, short
  const char* doc;        // one line: the formula
  const char* gradient;   // the formula of the gradient, or "none: why"
  const char* saves;      // what forward keeps for backward
  const char*
      kernels;  // names of the kernels it runs ("matmul"), separated by spaces; "" for views
  std::vector<Sample> (*samples)(SampleMaker&);
  Cost (*cost)(const Sample&, const Tensor& out);
  std::vector<ErrorCase> (*errors)() = nullptr;
  double tolerance = 1e-6;      // of the numerical gradient check in f64
  bool double_backward = true;  // its gradient can be differentiated again
  const char* differs = "";     // from PyTorch's operation, in what
};

std::span<const OpInfo* const> all_ops();  // ops/table.cpp

// The bytes of all inputs and the output: the cost of an operation that streams once.
Cost streaming_cost(const Sample& sample, const Tensor& out, double flops_per_element = 1);

}  // namespace tinytorch
