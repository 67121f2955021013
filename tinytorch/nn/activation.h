#pragma once
#include "tinytorch/nn/module.h"
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
TINYTORCH_ACTIVATION(Identity, x);
#undef TINYTORCH_ACTIVATION

class GELU : public Module {
 public:
  explicit GELU(GeluForm gelu_form = GeluForm::kErf) : form(gelu_form) {}
  Tensor forward(const Tensor& x) override { return gelu(x, form); }
  const char* kind() const override { return "GELU"; }
  const GeluForm form;
};

class Softmax : public Module {
 public:
  explicit Softmax(int64_t dim = -1) : dim_(dim) {}
  Tensor forward(const Tensor& x) override { return softmax(x, dim_); }
  const char* kind() const override { return "Softmax"; }

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

 private:
  int64_t start_, end_;
};

}  // namespace tinytorch::nn
