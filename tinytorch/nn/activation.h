#pragma once
#include "tinytorch/nn/module.h"
#include "tinytorch/ops/math.h"
#include "tinytorch/ops/ops.h"

namespace tinytorch::nn {

// Activations as modules: fn applied to every element.
#define TINYTORCH_ACTIVATION(Name, expression) \
  class Name : public Module {                 \
   public:                                     \
    Tensor forward(const Tensor& x) override { \
      return expression;                       \
    }                                          \
    const char* kind() const override {        \
      return #Name;                            \
    }                                          \
  }
TINYTORCH_ACTIVATION(ReLU, relu(x));
TINYTORCH_ACTIVATION(Tanh, tanh(x));
TINYTORCH_ACTIVATION(Sigmoid, sigmoid(x));
TINYTORCH_ACTIVATION(SiLU, silu(x));
TINYTORCH_ACTIVATION(SELU, selu(x));
TINYTORCH_ACTIVATION(Mish, mish(x));
TINYTORCH_ACTIVATION(Hardsigmoid, hardsigmoid(x));
TINYTORCH_ACTIVATION(Hardswish, hardswish(x));
TINYTORCH_ACTIVATION(Identity, x);
#undef TINYTORCH_ACTIVATION

class GELU : public Module {
 public:
  explicit GELU(GeluForm gelu_form = GeluForm::kErf) : form(gelu_form) {}
  Tensor forward(const Tensor& x) override { return gelu(x, form); }
  const char* kind() const override { return "GELU"; }
  const GeluForm form;
};

class LeakyReLU : public Module {
 public:
  explicit LeakyReLU(double negative_slope = 0.01) : slope_(negative_slope) {}
  Tensor forward(const Tensor& x) override { return leaky_relu(x, slope_); }
  const char* kind() const override { return "LeakyReLU"; }
  double negative_slope() const { return slope_; }

 private:
  double slope_;
};

class ELU : public Module {
 public:
  explicit ELU(double alpha = 1) : alpha_(alpha) {}
  Tensor forward(const Tensor& x) override { return elu(x, alpha_); }
  const char* kind() const override { return "ELU"; }
  double alpha() const { return alpha_; }

 private:
  double alpha_;
};

class Softplus : public Module {
 public:
  explicit Softplus(double beta = 1, double threshold = 20) : beta_(beta), threshold_(threshold) {}
  Tensor forward(const Tensor& x) override { return softplus(x, beta_, threshold_); }
  const char* kind() const override { return "Softplus"; }
  double beta() const { return beta_; }
  double threshold() const { return threshold_; }

 private:
  double beta_, threshold_;
};

class Softmax : public Module {
 public:
  explicit Softmax(int64_t dim = -1) : dim_(dim) {}
  Tensor forward(const Tensor& x) override { return softmax(x, dim_); }
  const char* kind() const override { return "Softmax"; }
  int64_t dim() const { return dim_; }

 private:
  int64_t dim_;
};

class LogSoftmax : public Module {
 public:
  explicit LogSoftmax(int64_t dim = -1) : dim_(dim) {}
  Tensor forward(const Tensor& x) override { return log_softmax(x, dim_); }
  const char* kind() const override { return "LogSoftmax"; }
  int64_t dim() const { return dim_; }

 private:
  int64_t dim_;
};

class Dropout : public Module {
 public:
  explicit Dropout(double p = 0.5) : p_(p) {}
  Tensor forward(const Tensor& x) override { return dropout(x, p_, training()); }
  const char* kind() const override { return "Dropout"; }

 private:
  double p_;
};

class Flatten : public Module {
 public:
  explicit Flatten(int64_t start = 1, int64_t end = -1) : start_(start), end_(end) {}
  Tensor forward(const Tensor& x) override { return x.flatten(start_, end_); }
  const char* kind() const override { return "Flatten"; }
  int64_t start() const { return start_; }
  int64_t end() const { return end_; }

 private:
  int64_t start_, end_;
};

}  // namespace tinytorch::nn
