#include "tinytorch/nn/multihead_attention.h"

#include <limits>

#include "tinytorch/core/autograd.h"
#include "tinytorch/core/format.h"
#include "tinytorch/nn/init.h"
#include "tinytorch/ops/masked_attention.h"
#include "tinytorch/ops/math.h"

namespace tinytorch::nn {

MultiheadAttention::MultiheadAttention(int64_t embed_dim, int64_t num_heads, const Options& options)
    : out_proj(add<Linear>("out_proj", embed_dim, embed_dim, options.bias)),
      heads_(num_heads),
      options_(options) {
  if (num_heads < 1 || embed_dim % num_heads != 0)
    raise<ConfigError>("MultiheadAttention: {} features cannot be shared by {} heads.", embed_dim,
                       num_heads);
  in_proj_weight = register_parameter("in_proj_weight", empty({3 * embed_dim, embed_dim}));
  in_proj_bias =
      register_parameter("in_proj_bias", options.bias ? zeros({3 * embed_dim}) : Tensor());
  init::xavier_uniform_(in_proj_weight);
  if (options.bias) init::constant_(out_proj.bias, 0);
}

namespace {

// A mask of the layer as numbers to add.
Tensor added(const Tensor& mask, DType dtype, const char* name) {
  if (mask.dtype() == dtype) return mask;
  if (mask.dtype() != DType::kBool)
    raise<DTypeError>("MultiheadAttention: {} must be bool or {}, got {}.", name, dtype_name(dtype),
                      dtype_name(mask.dtype()));
  return masked_fill(zeros(mask.shape(), dtype), mask, -std::numeric_limits<double>::infinity());
}

void require_shape(const Tensor& mask, const Shape& a, const Shape& b, const char* name) {
  if (mask.defined() && mask.shape() != a && mask.shape() != b)
    raise<ShapeError>("MultiheadAttention: {} has shape {}, expected {}{}.", name,
                      mask.shape().str(), a.str(), a == b ? "" : format_text(" or {}", b.str()));
}

}  // namespace

Tensor MultiheadAttention::forward(const Tensor& query, const Tensor& key, const Tensor& value,
                                   const Tensor& key_padding_mask, const Tensor& attn_mask) {
  const int64_t e = in_proj_weight.size(1);
  for (const Tensor* t : {&query, &key, &value})
    if (t->dim() != 3 || t->size(2) != e)
      raise<ShapeError>("MultiheadAttention: input {} must be {}.", t->shape().str(),
                        format_text("({}, {})", options_.batch_first ? "n, t" : "t, n", e));
  const auto batch_first = [&](const Tensor& t) {
    return options_.batch_first ? t : t.transpose(0, 1);
  };
  const int64_t n = batch_first(query).size(0), tq = batch_first(query).size(1),
                tk = batch_first(key).size(1);
  for (const Tensor* t : {&key, &value})
    if (batch_first(*t).size(0) != n || batch_first(*t).size(1) != tk)
      raise<ShapeError>("MultiheadAttention: query {}, key {} and value {} do not fit together.",
                        query.shape().str(), key.shape().str(), value.shape().str());
  require_shape(key_padding_mask, {n, tk}, {n, tk}, "key_padding_mask");
  require_shape(attn_mask, {tq, tk}, {n * heads_, tq, tk}, "attn_mask");

  const auto heads = [&](const Tensor& projected) {  // (n, t, e) -> (n, heads, t, e / heads)
    return projected.reshape({n, projected.size(1), heads_, e / heads_}).transpose(1, 2);
  };
  Tensor parts[3];  // q, k, v
  if (query.is_same(key) && key.is_same(value)) {
    const Tensor all = linear(batch_first(query), in_proj_weight, in_proj_bias);
    for (int i = 0; i < 3; ++i) parts[i] = heads(all.narrow(2, i * e, e));
  } else {
    const Tensor* from[] = {&query, &key, &value};
    for (int i = 0; i < 3; ++i)
      parts[i] =
          heads(linear(batch_first(*from[i]), in_proj_weight.narrow(0, i * e, e),
                       in_proj_bias.defined() ? in_proj_bias.narrow(0, i * e, e) : Tensor()));
  }
  Tensor mask;
  if (key_padding_mask.defined())
    mask = added(key_padding_mask, query.dtype(), "key_padding_mask").reshape({n, 1, 1, tk});
  if (attn_mask.defined()) {
    Tensor m = added(attn_mask, query.dtype(), "attn_mask");
    if (m.dim() == 3) m = m.reshape({n, heads_, tq, tk});
    mask = mask.defined() ? mask + m : m;
  }
  const Tensor y = scaled_dot_product_attention(parts[0], parts[1], parts[2], mask,
                                                training() ? options_.dropout : 0);
  return batch_first(out_proj(y.transpose(1, 2).reshape({n, tq, e})));
}

std::string MultiheadAttention::describe() const {
  return format_text("{}, {} heads", in_proj_weight.size(1), heads_);
}

}  // namespace tinytorch::nn
