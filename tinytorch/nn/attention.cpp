#include "tinytorch/nn/attention.h"

#include "tinytorch/core/format.h"
#include "tinytorch/nn/init.h"
#include "tinytorch/ops/cached_attention.h"

namespace tinytorch::nn {

Embedding::Embedding(int64_t entries, int64_t features) {
  if (entries < 1 || features < 1)
    raise<ConfigError>("Embedding({}, {}): both sizes must be positive.", entries, features);
  weight = register_parameter("weight", empty({entries, features}));
  init::normal_(weight, 0, 1);
}

std::string Embedding::describe() const {
  return format_text("{} x {}", weight.size(0), weight.size(1));
}

CausalSelfAttention::CausalSelfAttention(int64_t features, int64_t heads, bool bias, double dropout)
    : c_attn(add<Linear>("c_attn", features, 3 * features, bias)),
      c_proj(add<Linear>("c_proj", features, features, bias)),
      heads_(heads),
      dropout_(dropout) {
  if (heads < 1 || features % heads != 0)
    raise<ConfigError>(
        "CausalSelfAttention: {} features cannot be shared by {} heads. Hint: a multiple of the "
        "heads.",
        features, heads);
}

Tensor CausalSelfAttention::forward(const Tensor& x) {
  return dropout(c_proj(self_attention(c_attn(x), heads_)), dropout_, training());
}

Tensor CausalSelfAttention::decode(const Tensor& x, KeyValues& cache, const Tensor& positions) {
  return c_proj(cached_self_attention(c_attn(x), cache.keys, cache.values, positions, heads_));
}

FeedForward::FeedForward(int64_t features, bool bias, double dropout)
    : c_fc(add<Linear>("c_fc", features, 4 * features, bias)),
      c_proj(add<Linear>("c_proj", 4 * features, features, bias)),
      dropout_(dropout) {}

Tensor FeedForward::forward(const Tensor& x) {
  return dropout(decode(x), dropout_, training());
}

Tensor FeedForward::decode(const Tensor& x) {
  const bool fuse = fusion_enabled() && !c_fc.has_hooks();
  return c_proj(fuse ? c_fc.forward(x, Fused::kGelu) : gelu(c_fc(x)));
}

TransformerBlock::TransformerBlock(int64_t features, int64_t heads, bool bias, double dropout)
    : ln_1(add<LayerNorm>("ln_1", Shape{features}, 1e-5, bias)),
      attn(add<CausalSelfAttention>("attn", features, heads, bias, dropout)),
      ln_2(add<LayerNorm>("ln_2", Shape{features}, 1e-5, bias)),
      mlp(add<FeedForward>("mlp", features, bias, dropout)) {}

Tensor TransformerBlock::forward(const Tensor& x) {
  const Tensor attended = x + attn(ln_1(x));
  return attended + mlp(ln_2(attended));
}

Tensor TransformerBlock::decode(const Tensor& x, KeyValues& cache, const Tensor& positions) {
  const Tensor attended = x + attn.decode(ln_1(x), cache, positions);
  return attended + mlp.decode(ln_2(attended));
}

}  // namespace tinytorch::nn
