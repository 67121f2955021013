#pragma once
// Losses as modules of two inputs, with PyTorch's names and defaults. Weights are buffers, in the
// state_dict as in PyTorch.
#include "tinytorch/nn/module.h"
#include "tinytorch/ops/losses.h"

namespace tinytorch::nn {

class Loss : public Module {
 public:
  Tensor operator()(const Tensor& x, const Tensor& target);
  virtual Tensor forward(const Tensor& x, const Tensor& target) = 0;
  Tensor forward(const Tensor& x) final;  // NotImplemented: a loss needs a target
};

// A loss without state: `call` is made of x, target and the constructor's arguments.
#define TINYTORCH_LOSS(Name, call)                                                   \
  class Name : public Loss {                                                         \
   public:                                                                           \
    using Loss::forward;                                                             \
    explicit Name(Reduction reduction = Reduction::kMean) : reduction_(reduction) {} \
    Tensor forward(const Tensor& x, const Tensor& target) override {                 \
      return call(x, target, reduction_);                                            \
    }                                                                                \
    const char* kind() const override {                                              \
      return #Name;                                                                  \
    }                                                                                \
                                                                                     \
   private:                                                                          \
    Reduction reduction_;                                                            \
  }
TINYTORCH_LOSS(MSELoss, mse_loss);
TINYTORCH_LOSS(L1Loss, l1_loss);
#undef TINYTORCH_LOSS

class SmoothL1Loss : public Loss {
 public:
  using Loss::forward;
  explicit SmoothL1Loss(Reduction reduction = Reduction::kMean, double beta = 1)
      : reduction_(reduction), beta_(beta) {}
  Tensor forward(const Tensor& x, const Tensor& target) override {
    return smooth_l1_loss(x, target, reduction_, beta_);
  }
  const char* kind() const override { return "SmoothL1Loss"; }

 private:
  Reduction reduction_;
  double beta_;
};

// Weights by class or broadcast to the input; undefined: all alike.
class CrossEntropyLoss : public Loss {
 public:
  using Loss::forward;
  explicit CrossEntropyLoss(Tensor class_weight = {}, int64_t ignore_index = -100,
                            Reduction reduction = Reduction::kMean, double label_smoothing = 0);
  Tensor forward(const Tensor& x, const Tensor& target) override;
  const char* kind() const override { return "CrossEntropyLoss"; }
  Tensor weight;

 private:
  int64_t ignore_index_;
  Reduction reduction_;
  double label_smoothing_;
};

class NLLLoss : public Loss {
 public:
  using Loss::forward;
  explicit NLLLoss(Tensor class_weight = {}, int64_t ignore_index = -100,
                   Reduction reduction = Reduction::kMean);
  Tensor forward(const Tensor& x, const Tensor& target) override;
  const char* kind() const override { return "NLLLoss"; }
  Tensor weight;

 private:
  int64_t ignore_index_;
  Reduction reduction_;
};

class BCELoss : public Loss {
 public:
  using Loss::forward;
  explicit BCELoss(Tensor input_weight = {}, Reduction reduction = Reduction::kMean);
  Tensor forward(const Tensor& x, const Tensor& target) override;
  const char* kind() const override { return "BCELoss"; }
  Tensor weight;

 private:
  Reduction reduction_;
};

class BCEWithLogitsLoss : public Loss {
 public:
  using Loss::forward;
  explicit BCEWithLogitsLoss(Tensor input_weight = {}, Reduction reduction = Reduction::kMean,
                             Tensor positive_weight = {});
  Tensor forward(const Tensor& x, const Tensor& target) override;
  const char* kind() const override { return "BCEWithLogitsLoss"; }
  Tensor weight, pos_weight;

 private:
  Reduction reduction_;
};

class KLDivLoss : public Loss {
 public:
  using Loss::forward;
  explicit KLDivLoss(KlReduction reduction = KlReduction::kMean, bool log_target = false)
      : reduction_(reduction), log_target_(log_target) {}
  Tensor forward(const Tensor& x, const Tensor& target) override {
    return kl_div(x, target, reduction_, log_target_);
  }
  const char* kind() const override { return "KLDivLoss"; }

 private:
  KlReduction reduction_;
  bool log_target_;
};

}  // namespace tinytorch::nn
