// The numerical check of gradients, by central differences.
#include <cmath>

#include "tinytorch/core/autograd.h"
#include "tinytorch/core/format.h"

namespace tinytorch {

// tito:begin 4.0
// tito:end 4.0

namespace {

// Fixed weights in [0.5, 1.5) that make every output element count differently.
double check_weight(int64_t i) {
  return 0.5 + static_cast<double>((i * 2654435761LL) % 1000) / 1000;
}

double weighted_sum(const Tensor& out) {
  const Tensor dense = out.to(DType::kF64).contiguous();
  const double* p = dense.data<double>();
  double sum = 0;
  for (int64_t i = 0; i < dense.numel(); ++i) sum += p[i] * check_weight(i);
  return sum;
}

}  // namespace

GradCheck grad_check(const std::function<Tensor(const std::vector<Tensor>&)>& fn,
                     const std::vector<Tensor>& inputs, double step, double tolerance) {
  const Tensor out = fn(inputs);
  Tensor weights = zeros(out.shape(), out.dtype());
  for (int64_t i = 0; i < out.numel(); ++i) weights.data<double>()[i] = check_weight(i);
  std::vector<Tensor> wanted;
  for (const Tensor& x : inputs)
    if (x.requires_grad()) wanted.push_back(x);
  const std::vector<Tensor> analytic = grad({out}, wanted, {weights});
  GradCheck result;
  const NoGrad no_grad;
  // tito:begin 4.6
  for (size_t k = 0; k < wanted.size(); ++k) {
    const Tensor g =
        analytic[k].defined() ? analytic[k].contiguous() : zeros(wanted[k].shape(), DType::kF64);
    const int64_t n = wanted[k].numel();
    std::vector<int64_t> index(static_cast<size_t>(wanted[k].dim()), 0);
    double* memory = static_cast<double*>(wanted[k].storage().data());
    for (int64_t i = 0; i < n; ++i) {
      double& x = memory[offset_of(wanted[k].layout(), index)];
      const double before = x;
      x = before + step;
      const double above = weighted_sum(fn(inputs));
      x = before - step;
      const double below = weighted_sum(fn(inputs));
      x = before;
      const double numeric = (above - below) / (2 * step);
      const double error = std::abs(g.data<double>()[i] - numeric) / (1 + std::abs(numeric));
      if (!(error <= result.worst)) result.worst = error;
      if (!(error <= tolerance) && result.ok) {
        result.ok = false;
        result.message = format_text("input {} at {}: gradient {:.10g}, central difference {:.10g}",
                                     k, joined(index), g.data<double>()[i], numeric);
      }
      for (int d = wanted[k].dim() - 1; d >= 0; --d) {  // the next index in row-major order
        if (++index[static_cast<size_t>(d)] < wanted[k].shape()[d]) break;
        index[static_cast<size_t>(d)] = 0;
      }
    }
  }
  return result;
  // tito:end 4.6
}

}  // namespace tinytorch
