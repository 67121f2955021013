#pragma once
#include "tinytorch/nn/activation.h"
#include "tinytorch/nn/linear.h"
#include "tinytorch/nn/module.h"
#include "tinytorch/nn/norm.h"

namespace tinytorch::nn {

// A table of vectors: indices (any shape, i64) -> (shape, features). Starts at N(0, 1).
class Embedding : public Module {
 public:
  Embedding(int64_t entries, int64_t features);
  Tensor forward(const Tensor& index) override { return embedding(weight, index); }
  std::string describe() const override;
  const char* kind() const override { return "Embedding"; }
  Tensor weight;
};

// What decoding keeps of earlier tokens in one layer: (batch, room, features) each, written in
// place.
struct KeyValues {
  Tensor keys, values;
};

// Multi-head self-attention over (b, t, c) with causal mask; one projection c -> 3c makes q, k, v.
class CausalSelfAttention : public Module {
 public:
  CausalSelfAttention(int64_t features, int64_t heads, bool bias = true, double dropout = 0);
  Tensor forward(const Tensor& x) override;
  // x (b, t, c) follows positions[0] (i64) tokens whose keys and values are in `cache`; its own are
  // added.
  Tensor decode(const Tensor& x, KeyValues& cache, const Tensor& positions);
  const char* kind() const override { return "CausalSelfAttention"; }
  int64_t heads() const { return heads_; }
  Linear& c_attn;
  Linear& c_proj;

 private:
  int64_t heads_;
  double dropout_;
};

// c -> 4c -> GELU (erf) -> c
class FeedForward : public Module {
 public:
  FeedForward(int64_t features, bool bias = true, double dropout = 0);
  Tensor forward(const Tensor& x) override;
  Tensor decode(const Tensor& x);  // without dropout
  const char* kind() const override { return "FeedForward"; }
  Linear& c_fc;
  Linear& c_proj;

 private:
  double dropout_;
};

// x + attention(norm(x)), then x + feed-forward(norm(x)): the pre-norm block of GPT-2.
class TransformerBlock : public Module {
 public:
  TransformerBlock(int64_t features, int64_t heads, bool bias = true, double dropout = 0);
  Tensor forward(const Tensor& x) override;
  Tensor decode(const Tensor& x, KeyValues& cache, const Tensor& positions);  // as attn's
  const char* kind() const override { return "TransformerBlock"; }
  LayerNorm& ln_1;
  CausalSelfAttention& attn;
  LayerNorm& ln_2;
  FeedForward& mlp;
};

}  // namespace tinytorch::nn
