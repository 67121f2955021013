#pragma once
#include "tinytorch/nn/linear.h"
#include "tinytorch/nn/module.h"

namespace tinytorch::nn {

// Attention with several heads over a query, a key and a value of one width (Vaswani et al. 2017),
// PyTorch's layer without its average weights. One in_proj_weight (3 e, e) makes all three
// projections; starting values are PyTorch's.
class MultiheadAttention : public Module {
 public:
  struct Options {
    double dropout = 0;  // of the attention's weights, in training
    bool bias = true;
    bool batch_first = false;  // (n, t, e) instead of (t, n, e)
  };
  MultiheadAttention(int64_t embed_dim, int64_t num_heads)
      : MultiheadAttention(embed_dim, num_heads, Options{}) {}
  MultiheadAttention(int64_t embed_dim, int64_t num_heads, const Options& options);

  // Every position attends to every one.
  Tensor forward(const Tensor& x) override { return forward(x, x, x); }
  // Masks as PyTorch's layer has them, the other way round than scaled_dot_product_attention's: a
  // bool one is true where a query may NOT attend; one of numbers is added to the scores.
  // key_padding_mask (n, tk); attn_mask (tq, tk) or (n * heads, tq, tk). ShapeError, DTypeError.
  Tensor forward(const Tensor& query, const Tensor& key, const Tensor& value,
                 const Tensor& key_padding_mask = {}, const Tensor& attn_mask = {});
  std::string describe() const override;
  const char* kind() const override { return "MultiheadAttention"; }
  int64_t heads() const { return heads_; }
  const Options& options() const { return options_; }
  Tensor in_proj_weight, in_proj_bias;
  Linear& out_proj;

 private:
  int64_t heads_;
  Options options_;
};

}  // namespace tinytorch::nn
