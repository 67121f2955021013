// Scaled dot-product attention: the T x T scores are never stored (kernels/attention.h).
#include "tinytorch/kernels/attention.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "tinytorch/core/memory.h"
#include "tinytorch/ops/cached_attention.h"
#include "tinytorch/ops/common.h"

namespace tinytorch {

namespace {

// q, k, v or a gradient of theirs as the kernel sees it: (b, h, t, d), d contiguous.
template <class T>
kernels::AttentionOperand<T> operand(const Tensor& x) {
  return {x.data<std::remove_const_t<T>>(), x.strides()[0], x.strides()[1], x.strides()[2]};
}

// Which keys a query sees: all, or with `causal` query i those up to i + past.
struct Sight {
  bool causal = false;
  int64_t past = 0;
};

kernels::AttentionShape attention_shape(const Tensor& q, const Tensor& k, Sight sight) {
  kernels::AttentionShape s;
  s.batch = q.shape()[0], s.heads = q.shape()[1], s.tq = q.shape()[2], s.tk = k.shape()[2];
  s.d = q.shape()[3], s.causal = sight.causal, s.past = sight.past;
  s.scale = 1 / std::sqrt(static_cast<double>(s.d));
  return s;
}

// All operands (b, h, t, d) with contiguous d, outside the graph. Writes y, gives the log-sums.
Tensor forward(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& y, Sight sight,
               bool keep) {
  Tensor lse = keep ? empty({q.shape()[0], q.shape()[1], q.shape()[2]}, q.dtype()) : Tensor();
  with_float(q.dtype(), "attention", [&](auto type) {
    using T = decltype(type);
    kernels::AttentionArgs<T> args{
        attention_shape(q, k, sight), operand<const T>(q), operand<const T>(k),
        operand<const T>(v),          operand<T>(y),       keep ? lse.data<T>() : nullptr};
    if (y.numel() > 0) kernels::attention(args);
  });
  return lse;
}

void backward(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& y, const Tensor& lse,
              const Tensor& dy, const Tensor& dq, const Tensor& dk, const Tensor& dv, Sight sight) {
  with_float(q.dtype(), "attention", [&](auto type) {
    using T = decltype(type);
    kernels::AttentionGradArgs<T> args{attention_shape(q, k, sight),
                                       operand<const T>(q),
                                       operand<const T>(k),
                                       operand<const T>(v),
                                       operand<const T>(y),
                                       operand<const T>(dy),
                                       lse.data<T>(),
                                       operand<T>(dq),
                                       operand<T>(dk),
                                       operand<T>(dv)};
    kernels::attention_grad(args);
  });
}

// Part `which` (0 q, 1 k, 2 v) of a packed projection (b, t, 3c) as (b, h, t, d): a view.
Tensor part(const Tensor& qkv, int which, int64_t heads) {
  const int64_t c = qkv.shape()[2] / 3, d = c / heads;
  const Strides& s = qkv.strides();
  return alias(qkv, {{qkv.shape()[0], heads, qkv.shape()[1], d},
                     {s[0], d, s[1], 1},
                     qkv.storage_offset() + which * c});
}
// (b, t, c) as (b, h, t, d): a view.
Tensor by_heads(const Tensor& x, int64_t heads) {
  const int64_t d = x.shape()[2] / heads;
  const Strides& s = x.strides();
  return alias(x, {{x.shape()[0], heads, x.shape()[1], d}, {s[0], d, s[1], 1}, x.storage_offset()});
}

// The formula in differentiable operations.
Tensor composed(const Tensor& q, const Tensor& k, const Tensor& v, Sight sight) {
  const int64_t tq = q.size(-2), tk = k.size(-2);
  Tensor scores = matmul(q, k.transpose(-2, -1)) * (1 / std::sqrt(static_cast<double>(q.size(-1))));
  if (sight.causal) {
    Tensor hidden = zeros({tq, tk}, DType::kBool);
    for (int64_t i = 0; i < tq; ++i)
      for (int64_t j = std::max<int64_t>(0, i + sight.past + 1); j < tk; ++j)
        hidden.data<bool>()[i * tk + j] = true;
    pin(hidden.storage());
    scores = masked_fill(scores, hidden, -std::numeric_limits<double>::infinity());
  }
  return matmul(softmax(scores), v);
}

// (..., t, d) -> (b, h, t, d) with contiguous d.
Tensor four_dims(const Tensor& x) {
  const NoGrad no_grad;
  Tensor t = x.dim() == 4 && x.strides()[3] == 1 ? x : x.contiguous();
  if (t.dim() == 4) return t;
  const int64_t time = t.size(-2), d = t.size(-1), lead = time * d > 0 ? t.numel() / (time * d) : 0;
  return t.reshape({t.dim() == 2 ? 1 : lead, 1, time, d});
}

}  // namespace

Tensor scaled_dot_product_attention(const Tensor& q, const Tensor& k, const Tensor& v, bool causal,
                                    int64_t past) {
  require_same_dtype(q, k, "scaled_dot_product_attention");
  require_same_dtype(q, v, "scaled_dot_product_attention");
  bool fits = q.dim() >= 2 && q.dim() <= 4 && k.dim() == q.dim() && v.shape() == k.shape();
  for (int i = 0; fits && i < q.dim(); ++i) fits = i == q.dim() - 2 || q.shape()[i] == k.shape()[i];
  if (!fits)
    raise<ShapeError>(
        "scaled_dot_product_attention: q {}, k {} and v {} must be (..., t, d): k and v alike, q "
        "like "
        "them but for t.",
        describe(q), describe(k), describe(v));
  if (past < 0)
    raise<ConfigError>("scaled_dot_product_attention: past = {} keys must be 0 or more.", past);
  const Sight sight{causal, past};
  const Tensor q4 = four_dims(q), k4 = four_dims(k), v4 = four_dims(v);
  const bool recording = needs_grad(q, k, v);
  Tensor out = empty(q.shape(), q.dtype());
  const Tensor out4 = four_dims(out);
  const Tensor lse = forward(q4, k4, v4, out4, sight, recording);
  if (recording)
    set_gradient(
        "attention", out, {&q, &k, &v},
        [q4 = Saved(q4), k4 = Saved(k4), v4 = Saved(v4), y = Saved::output(out), lse = Saved(lse),
         q = Saved(q), k = Saved(k), v = Saved(v), sight, qs = q.shape(),
         ks = k.shape()](GradContext& c) {
          if (c.create_graph())
            return composed_gradient(
                c, c.grad(), {q.get(c), k.get(c), v.get(c)},
                [&](const std::vector<Tensor>& t) { return composed(t[0], t[1], t[2], sight); });
          const Tensor a = q4.get(c), b = k4.get(c), v_values = v4.get(c);
          Tensor dq = empty(a.shape(), a.dtype()), dk = empty(b.shape(), a.dtype()),
                 dv = empty(b.shape(), a.dtype());
          if (dq.numel() == 0 || dk.numel() == 0) {
            dq.zero_(), dk.zero_(), dv.zero_();
          } else {
            backward(a, b, v_values, four_dims(y.get(c)), lse.get(c), four_dims(c.grad()), dq, dk,
                     dv, sight);
          }
          if (c.needs(0)) c.set(0, dq.reshape(qs));
          if (c.needs(1)) c.set(1, dk.reshape(ks));
          if (c.needs(2)) c.set(2, dv.reshape(ks));
        },
        Formula::kComposed);
  return out;
}

Tensor self_attention(const Tensor& qkv, int64_t heads, bool causal) {
  if (qkv.dim() != 3 || heads < 1 || qkv.shape()[2] % (3 * heads) != 0)
    raise<ShapeError>("self_attention: {} must be (batch, time, 3 c) with c divisible by {} heads.",
                      describe(qkv), heads);
  const Tensor packed = [&] {
    const NoGrad no_grad;
    return qkv.contiguous();
  }();
  const bool recording = needs_grad(qkv);
  Tensor out = empty({qkv.shape()[0], qkv.shape()[1], qkv.shape()[2] / 3}, qkv.dtype());
  const Tensor lse = forward(part(packed, 0, heads), part(packed, 1, heads), part(packed, 2, heads),
                             by_heads(out, heads), {causal}, recording);
  if (recording)
    set_gradient(
        "attention", out, {&qkv},
        [packed = Saved(packed), y = Saved::output(out), lse = Saved(lse), qkv = Saved(qkv), heads,
         causal](GradContext& c) {
          if (c.create_graph())
            return composed_gradient(c, c.grad(), {qkv.get(c)}, [&](const std::vector<Tensor>& t) {
              const int64_t b = t[0].size(0), time = t[0].size(1), d = t[0].size(2) / 3 / heads;
              const Tensor p =  // 3, b, h, t, d
                  t[0].reshape({b, time, 3, heads, d}).permute({2, 0, 3, 1, 4});
              return composed(p.select(0, 0), p.select(0, 1), p.select(0, 2), {causal})
                  .transpose(1, 2)
                  .reshape({b, time, heads * d});
            });
          const Tensor x = packed.get(c), dy = c.grad().contiguous();
          Tensor dx = empty(x.shape(), x.dtype());
          if (dx.numel() > 0)
            backward(part(x, 0, heads), part(x, 1, heads), part(x, 2, heads),
                     by_heads(y.get(c), heads), lse.get(c), by_heads(dy, heads), part(dx, 0, heads),
                     part(dx, 1, heads), part(dx, 2, heads), {causal});
          c.set(0, dx);
        },
        Formula::kComposed);
  return out;
}

Tensor cached_self_attention(const Tensor& qkv, const Tensor& keys, const Tensor& values,
                             const Tensor& past, int64_t heads) {
  const NoGrad no_grad;
  const Tensor packed = qkv.contiguous();
  Tensor out = empty({qkv.shape()[0], qkv.shape()[1], qkv.shape()[2] / 3}, qkv.dtype());
  begin_in_place(keys, "cached_self_attention", qkv);
  begin_in_place(values, "cached_self_attention", qkv);
  const Tensor q = part(packed, 0, heads), cached = by_heads(keys, heads);
  with_float(qkv.dtype(), "cached_self_attention", [&](auto type) {
    using T = decltype(type);
    kernels::CachedAttentionArgs<T> args{attention_shape(q, cached, {.causal = true}),
                                         operand<const T>(q),
                                         operand<const T>(part(packed, 1, heads)),
                                         operand<const T>(part(packed, 2, heads)),
                                         operand<T>(cached),
                                         operand<T>(by_heads(values, heads)),
                                         operand<T>(by_heads(out, heads)),
                                         past.data<int64_t>()};
    if (out.numel() > 0) kernels::call(kernels::cached_attention<T>, args);
  });
  return out;
}

// ---- the table

namespace {

using Inputs = const std::vector<Tensor>&;
std::vector<Sample> sdpa_samples(SampleMaker& m) {
  const auto run_with = [](bool causal, int64_t past = 0) {
    return [=](Inputs t) { return scaled_dot_product_attention(t[0], t[1], t[2], causal, past); };
  };
  return {{"4-d",
           {m.normal({2, 2, 5, 4}), m.normal({2, 2, 5, 4}), m.normal({2, 2, 5, 4})},
           run_with(false)},
          {"causal",
           {m.normal({1, 2, 6, 3}), m.normal({1, 2, 6, 3}), m.normal({1, 2, 6, 3})},
           run_with(true)},
          {"more keys than queries",
           {m.normal({2, 3, 4}), m.normal({2, 7, 4}), m.normal({2, 7, 4})},
           run_with(true, 4)},
          {"2-d", {m.normal({3, 4}), m.normal({5, 4}), m.normal({5, 4})}, run_with(false)}};
}
std::vector<Sample> self_samples(SampleMaker& m) {
  return {{"2 heads", {m.normal({2, 5, 12})}, [](Inputs t) { return self_attention(t[0], 2); }},
          {"all visible", {m.normal({1, 4, 9})}, [](Inputs t) {
             return self_attention(t[0], 1, false);
           }}};
}
Cost cost(const Sample& s, const Tensor& out) {
  const double keys = static_cast<double>(s.inputs.back().size(-2));
  return streaming_cost(s, out, 4 * keys);
}
std::vector<ErrorCase> sdpa_errors() {
  return {
      {"head size",
       [] { scaled_dot_product_attention(zeros({2, 4}), zeros({2, 3}), zeros({2, 3})); },
       "q f32 [2, 4], k f32 [2, 3] and v f32 [2, 3]"},
      {"past",
       [] { scaled_dot_product_attention(zeros({2, 4}), zeros({3, 4}), zeros({3, 4}), true, -1); },
       "past = -1"}};
}
std::vector<ErrorCase> self_errors() {
  return {{"heads", [] { self_attention(zeros({1, 2, 12}), 3); }, "divisible by 3 heads"}};
}

const OpInfo kTable[] = {
    {"scaled_dot_product_attention", "scaled_dot_product_attention(q, k, v, causal, past)",
     "softmax(q k^T / sqrt(d)) v; causal: query i sees keys 0 .. i + past",
     "dv = p^T g; ds = p (g v^T - rowsum(g y)); dq = ds k; dk = ds^T q",
     "q, k, v, the output, each row's log-sum", "attention attention_grad", sdpa_samples, cost,
     sdpa_errors},
    {"self_attention", "self_attention(qkv, heads, causal)",
     "attention on a packed projection (b, t, 3c)", "as scaled_dot_product_attention",
     "qkv, the output, each row's log-sum", "attention attention_grad", self_samples, cost,
     self_errors},
};

}  // namespace

std::span<const OpInfo> attention_ops() {
  return kTable;
}

}  // namespace tinytorch
