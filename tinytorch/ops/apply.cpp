#include "tinytorch/ops/apply.h"

#include "tinytorch/ops/common.h"

namespace tinytorch {

Tensor unary_gradient(const Unary& op, const Tensor& g, const Tensor& saved,
                      const FormulaNumbers& params) {
  const Tensor* inputs[] = {&g, &saved};
  return run_pointwise(op.name, op.bwd, g.dtype(), g.dtype(), inputs, &params, op.ns);
}

Tensor apply_unary(const Unary& op, const Tensor& x, const FormulaNumbers& params) {
  const DType dtype = x.dtype();
  if (!op.fwd.loops[static_cast<int>(dtype)]) {
    if (dtype == DType::kBF16) return apply_unary(op, x.to(DType::kF32), params).to(DType::kBF16);
    if (!is_floating(dtype) && op.integers) return apply_unary(op, x.to(DType::kF32), params);
  }
  const Tensor* inputs[] = {&x};
  Tensor out = run_pointwise(op.name, op.fwd, dtype, dtype, inputs, &params, op.ns);
  if (needs_grad(x))
    set_gradient(
        op.name, out, {&x},
        [&op, saved = op.keep == Keep::kInput ? Saved(x) : Saved::output(out),
         params](GradContext& c) {
          const Tensor kept = saved.get(c);
          c.set(0, c.create_graph() ? op.again(c.grad(), kept, params)
                                    : unary_gradient(op, c.grad(), kept, params));
        },
        Formula::kComposed);
  return out;
}

DType result_type(const Tensor& a, const Tensor& b) {
  if (a.dtype() == b.dtype()) return a.dtype();
  const auto kind = [](DType d) { return is_floating(d) ? 2 : is_integral(d) ? 1 : 0; };
  if ((a.dim() == 0) != (b.dim() == 0)) {
    const Tensor& big = a.dim() == 0 ? b : a;
    const Tensor& scalar = a.dim() == 0 ? a : b;
    if (kind(big.dtype()) >= kind(scalar.dtype())) return big.dtype();
  }
  return promote(a.dtype(), b.dtype());
}

Tensor run_binary(const char* op, const kernels::PointwiseRows& rows, const Tensor& a,
                  const Tensor& b, DType dtype, DType out_dtype, const FormulaNumbers* params) {
  const DType in = dtype == DType::kBF16 ? DType::kF32 : dtype;
  if (a.dtype() == in && b.dtype() == in && out_dtype != DType::kBF16) {
    const Tensor* inputs[] = {&a, &b};
    return run_pointwise(op, rows, in, out_dtype, inputs, params);
  }
  const NoGrad no_grad;  // conversions inside; the caller records
  const Tensor x = a.to(in), y = b.to(in);
  const Tensor* inputs[] = {&x, &y};
  const DType out = out_dtype == DType::kBF16 ? DType::kF32 : out_dtype;
  return run_pointwise(op, rows, in, out, inputs, params).to(out_dtype);
}

std::pair<Tensor, Tensor> with_scalar(const Tensor& a, Scalar s) {
  if (s.is_floating && !is_floating(a.dtype())) return {a.to(DType::kF32), scalar_tensor(s)};
  if (a.dtype() == DType::kBool) return {a.to(DType::kI64), scalar_tensor(s, DType::kI64)};
  return {a, scalar_tensor(s, a.dtype())};
}

Tensor gradient_like(const Tensor& g, const Tensor& operand) {
  return sum_to(g, operand.shape()).to(operand.dtype());
}

}  // namespace tinytorch
