// Attention with a mask, in differentiable operations. Without one it is the kernel's
// (attention.cpp).
#include "tinytorch/ops/masked_attention.h"

#include <cmath>
#include <limits>

#include "tinytorch/ops/common.h"
#include "tinytorch/ops/math.h"

namespace tinytorch {

namespace {

constexpr double kHidden = -std::numeric_limits<double>::infinity();

// Rows of scores without any key, (..., tq, 1); undefined when there are none.
Tensor rows_without_keys(const Tensor& scores) {
  const NoGrad no_grad;
  if (scores.numel() == 0) return {};
  const Tensor dead = eq(max(scores, -1, /*keepdim=*/true).first, Scalar(kHidden));
  return sum(dead.to(DType::kI64)).item() > 0 ? dead : Tensor();
}

}  // namespace

Tensor scaled_dot_product_attention(const Tensor& q, const Tensor& k, const Tensor& v,
                                    const Tensor& mask, double dropout_p) {
  const char* op = "scaled_dot_product_attention";
  if (!mask.defined() && dropout_p == 0 && q.dim() <= 4 && v.shape() == k.shape() &&
      q.dim() == k.dim()) {
    bool alike = true;  // what the kernel takes
    for (int i = 0; i + 2 < q.dim(); ++i) alike = alike && q.shape()[i] == k.shape()[i];
    if (alike) return scaled_dot_product_attention(q, k, v, /*causal=*/false);
  }
  require_same_dtype(q, k, op);
  require_same_dtype(q, v, op);
  if (q.dim() < 2 || k.dim() < 2 || v.dim() < 2 || q.size(-1) != k.size(-1) ||
      k.size(-2) != v.size(-2))
    raise<ShapeError>(
        "{}: q {}, k {} and v {} must be (..., tq, d), (..., tk, d) and (..., tk, dv).", op,
        describe(q), describe(k), describe(v));
  Tensor scores = matmul(q, k.transpose(-2, -1)) * (1 / std::sqrt(static_cast<double>(q.size(-1))));
  if (mask.defined()) {
    if (mask.dtype() != DType::kBool && mask.dtype() != q.dtype())
      raise<DTypeError>("{}: the mask {} must be bool (true: may attend) or {}, which is added.",
                        op, describe(mask), dtype_name(q.dtype()));
    if (broadcast_shapes(scores.shape(), mask.shape(), op) != scores.shape())
      raise<ShapeError>("{}: the mask {} does not broadcast to the scores' shape {}.", op,
                        describe(mask), scores.shape().str());
    scores = mask.dtype() == DType::kBool ? masked_fill(scores, logical_not(mask), kHidden)
                                          : scores + mask;
  }
  const Tensor dead = rows_without_keys(scores);
  const Tensor p = dead.defined() ? masked_fill(softmax(masked_fill(scores, dead, 0)), dead, 0)
                                  : softmax(scores);
  return matmul(dropout(p, dropout_p, dropout_p > 0), v);
}

// ---- the table

namespace {

using Inputs = const std::vector<Tensor>&;
Tensor run(Inputs t) {
  return scaled_dot_product_attention(t[0], t[1], t[2], t[3]);
}
std::vector<Sample> samples(SampleMaker& m) {
  const auto operands = [&](const Shape& q, const Shape& k, const Shape& v, Tensor mask) {
    return std::vector<Tensor>{m.normal(q), m.normal(k), m.normal(v), std::move(mask)};
  };
  Tensor padding = ones({2, 1, 1, 4}, DType::kBool);  // of the second sequence 2 keys count
  padding.data<bool>()[6] = padding.data<bool>()[7] = false;
  Tensor hides_a_row = ones({3, 2}, DType::kBool);
  hides_a_row.data<bool>()[2] = hides_a_row.data<bool>()[3] = false;
  Tensor added = empty({1, 3, 5});
  for (int64_t i = 0; i < 15; ++i)
    added.data<float>()[i] = i % 3 == 0 ? -HUGE_VALF : 0.25f * static_cast<float>(i % 4);
  Tensor bias = m.normal({2, 1, 3});
  return {{"padding", operands({2, 2, 3, 4}, {2, 2, 4, 4}, {2, 2, 4, 4}, padding), run},
          {"any pattern", operands({2, 4, 3}, {2, 5, 3}, {2, 5, 6}, m.mask({4, 5})), run},
          {"no key for one query", operands({3, 2}, {2, 2}, {2, 2}, hides_a_row), run},
          {"added bias", operands({2, 2, 4}, {2, 3, 4}, {2, 3, 4}, bias), run},
          {"added, some -infinity",
           {m.normal({2, 3, 4}), m.normal({2, 5, 4}), m.normal({2, 5, 4})},
           [added](Inputs t) {
             return scaled_dot_product_attention(t[0], t[1], t[2], added.to(t[0].dtype()));
           }},
          {"keys for all", operands({2, 3, 2, 4}, {3, 5, 4}, {3, 5, 4}, m.mask({2, 1, 2, 5})), run},
          {"no queries", operands({2, 0, 3}, {2, 4, 3}, {2, 4, 3}, m.mask({4})), run}};
}
std::vector<ErrorCase> errors() {
  const auto call = [](const Shape& q, const Shape& k, const Shape& v, const Tensor& mask) {
    return [=] { scaled_dot_product_attention(zeros(q), zeros(k), zeros(v), mask); };
  };
  return {{"head size", call({2, 4}, {2, 3}, {2, 3}, ones({2, 2}, DType::kBool)),
           "q f32 [2, 4], k f32 [2, 3] and v f32 [2, 3] must be"},
          {"mask's shape", call({2, 4}, {3, 4}, {3, 4}, ones({2, 2, 3}, DType::kBool)),
           "the mask bool [2, 2, 3] does not broadcast to the scores' shape [2, 3]"},
          {"mask's dtype", call({2, 4}, {3, 4}, {3, 4}, ones({2, 3}, DType::kI64)),
           "must be bool (true: may attend) or f32"}};
}
Cost cost(const Sample& s, const Tensor& out) {
  return streaming_cost(s, out, 4 * static_cast<double>(s.inputs[1].size(-2)));
}

const OpInfo kTable[] = {
    {"masked_attention", "scaled_dot_product_attention(q, k, v, mask, dropout_p)",
     "softmax(q k^T / sqrt(d) + mask) v; a bool mask hides where it is false",
     "dv = p^T g; ds = p (g v^T - rowsum(g y)); dq = ds k; dk = ds^T q; dmask = ds",
     "q, k, v, the scores and their softmax", "", samples, cost, errors, 1e-6, true,
     "a query without keys gives 0, as from 2.5 on"},
};

}  // namespace

std::span<const OpInfo> masked_attention_ops() {
  return kTable;
}

}  // namespace tinytorch
