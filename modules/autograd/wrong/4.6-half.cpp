// task: 4.6
// test: grad_check.passes_right_gradients
// state: FAIL
// cause: the difference is not the derivative
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
    const double numeric = (above - below) / step;
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
