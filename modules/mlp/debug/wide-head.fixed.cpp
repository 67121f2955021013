#include "modules/mlp/debug/wide-head.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "tinytorch/core/autograd.h"
#include "tinytorch/core/error.h"
#include "tinytorch/ops/ops.h"

namespace tinytorch::hunt {

namespace {

// Running values of one row over the classes seen so far, with z[c] = x[c] - max:
//   sum = sum_c exp(z[c])        weighted = sum_c exp(z[c]) z[c]
// A later class may raise the maximum; then all that was summed with the old one is brought to the
// new one.
class Running {
 public:
  void add(int64_t first_class, const float* logits, int64_t count) {
    int64_t top = 0;
    for (int64_t c = 1; c < count; ++c)
      if (logits[c] > logits[top]) top = c;
    raise_maximum(static_cast<double>(logits[top]), first_class + top);
    for (int64_t c = 0; c < count; ++c) {
      const double z = static_cast<double>(logits[c]) - max_;
      const double power = std::exp(z);
      sum_ += power;
      if (power > 0) weighted_ += power * z;
    }
  }

  // log p of a class with this logit: (x - max) - log(sum).
  double log_probability(double logit) const { return logit - max_ - std::log(sum_); }

  // With log p[c] = z[c] - log(sum): -sum_c p[c] log p[c] = log(sum) - weighted / sum.
  double entropy() const { return std::log(sum_) - weighted_ / sum_; }

  int64_t best() const { return best_; }

 private:
  void raise_maximum(double value, int64_t which) {
    if (value <= max_) return;
    if (sum_ > 0) {
      const double shift = max_ - value;  // what every earlier z grows by, negative
      const double factor = std::exp(shift);
      weighted_ = factor * (weighted_ + shift * sum_);
      sum_ *= factor;
    }
    max_ = value;
    best_ = which;
  }

  double max_ = -std::numeric_limits<double>::infinity();
  double sum_ = 0, weighted_ = 0;
  int64_t best_ = 0;
};

}  // namespace

WideHead::WideHead(const Tensor& weight, const Tensor& bias, int64_t chunk)
    : weight_(weight.detach()), bias_(bias.detach()), chunk_(chunk) {
  if (chunk < 1) throw ConfigError("WideHead: chunk must be at least 1.");
}

std::vector<Prediction> WideHead::predict(const Tensor& x,
                                          const std::vector<int64_t>& target) const {
  const NoGrad no_grad;
  const int64_t classes = weight_.size(0), rows = x.size(0);
  std::vector<Running> running(static_cast<size_t>(rows));
  std::vector<double> of_target(running.size());
  for (int64_t first = 0; first < classes; first += chunk_) {
    const int64_t count = std::min(chunk_, classes - first);
    const Tensor logits =
        linear(x, weight_.narrow(0, first, count), bias_.narrow(0, first, count)).contiguous();
    for (size_t r = 0; r < running.size(); ++r) {
      const float* row = logits.data<float>() + static_cast<int64_t>(r) * count;
      running[r].add(first, row, count);
      const int64_t wanted = target[r] - first;
      if (wanted >= 0 && wanted < count) of_target[r] = static_cast<double>(row[wanted]);
    }
  }
  std::vector<Prediction> out;
  for (size_t r = 0; r < running.size(); ++r)
    out.push_back(
        {running[r].log_probability(of_target[r]), running[r].entropy(), running[r].best()});
  return out;
}

}  // namespace tinytorch::hunt
