#pragma once
// What element-wise operations share beyond run_pointwise: which dtype they compute in, and how a
// unary operation is recorded. Internal.
#include <utility>

#include "tinytorch/ops/pointwise.h"

namespace tinytorch {

enum class Keep : bool { kInput, kOutput };

// An operation of one input. `bwd` gives dx from g and the saved value; `again` says the same in
// differentiable operations, for gradients of gradients.
struct Unary {
  const char* name;
  kernels::PointwiseRows fwd, bwd;
  Keep keep;
  double ns;  // for one element
  Tensor (*again)(const Tensor& g, const Tensor& saved, const FormulaNumbers& p);
  bool integers = true;  // whether integers without a row are taken as f32, as PyTorch does
};

// Runs and records. bf16 is computed in f32.
Tensor apply_unary(const Unary& op, const Tensor& x, const FormulaNumbers& params = {});
// dx by the kernel, from g and the saved value, each of which may lie in any order.
Tensor unary_gradient(const Unary& op, const Tensor& g, const Tensor& saved,
                      const FormulaNumbers& params);

// Promotion: a 0-d tensor of the same kind does not widen one with dimensions, as in PyTorch.
DType result_type(const Tensor& a, const Tensor& b);
// Runs `rows` on a and b brought to one dtype (bf16 is computed in f32). The caller records.
Tensor run_binary(const char* op, const kernels::PointwiseRows& rows, const Tensor& a,
                  const Tensor& b, DType dtype, DType out_dtype,
                  const FormulaNumbers* params = nullptr);
// The same for arithmetic whose result has the joint type of a and b.
inline Tensor run_binary(const char* op, const kernels::PointwiseRows& rows, const Tensor& a,
                         const Tensor& b, const FormulaNumbers* params = nullptr) {
  if (Tensor out = run_dense(rows, a, b, params); out.defined()) return out;
  const DType joint = result_type(a, b);
  return run_binary(op, rows, a, b, joint, joint, params);
}
// b as a tensor that does not change a's dtype (unless a fraction meets integers), and a to go with
// it.
std::pair<Tensor, Tensor> with_scalar(const Tensor& a, Scalar s);
// The gradient of a broadcast and promoted operand from that of the whole.
Tensor gradient_like(const Tensor& g, const Tensor& operand);

}  // namespace tinytorch
