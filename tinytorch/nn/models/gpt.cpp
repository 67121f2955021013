// GPT-2's decoder (Radford et al. 2019) with nanoGPT's names and Linear layouts: tokens (b, t) i64
// to logits (b, t, vocab_size). The head shares the token embedding's weight.
#include <cmath>

#include "tinytorch/core/format.h"
#include "tinytorch/nn/attention.h"
#include "tinytorch/nn/init.h"
#include "tinytorch/nn/models/internal.h"

namespace tinytorch::nn {

namespace {

class Decoder : public Module {
 public:
  explicit Decoder(const ModelSpec& spec)
      : wte(add<Embedding>("wte", spec.vocab_size, spec.n_embd)),
        wpe(add<Embedding>("wpe", spec.block_size, spec.n_embd)),
        drop(add<Dropout>("drop", spec.dropout)),
        blocks(add<ModuleList>("h")),
        ln_f(add<LayerNorm>("ln_f", Shape{spec.n_embd}, 1e-5, spec.bias)) {
    for (int64_t i = 0; i < spec.n_layer; ++i)
      blocks.push_back(make<TransformerBlock>(spec.n_embd, spec.n_head, spec.bias, spec.dropout));
  }
  Tensor forward(const Tensor& tokens) override {
    const int64_t t = tokens.size(-1), room = wpe.weight.size(0);
    if (tokens.dim() != 2)
      raise<ShapeError>("gpt: tokens {} must be (batch, time).", tokens.shape().str());
    if (t > room)
      raise<ShapeError>(
          "gpt: {} tokens do not fit the block size {}. Hint: cut the input, or train with a "
          "larger model.block_size.",
          t, room);
    Tensor x = drop(wte(tokens) + wpe(arange(t)));
    for (const auto& [name, block] : blocks.children()) x = (*block)(x);
    return ln_f(x);
  }
  const char* kind() const override { return "Decoder"; }
  Embedding& wte;
  Embedding& wpe;
  Dropout& drop;
  ModuleList& blocks;
  LayerNorm& ln_f;
};

class Gpt : public Module {
 public:
  explicit Gpt(const ModelSpec& spec)
      : transformer_(add<Decoder>("transformer", spec)),
        lm_head_(add<Linear>("lm_head", spec.n_embd, spec.vocab_size, false)) {
    lm_head_.tie_weight(transformer_.wte.weight);
  }
  Tensor forward(const Tensor& tokens) override { return lm_head_(transformer_(tokens)); }
  const char* kind() const override { return "Gpt"; }

 private:
  Decoder& transformer_;
  Linear& lm_head_;
};

}  // namespace

std::shared_ptr<Module> make_gpt(const ModelSpec& spec) {
  if (spec.n_layer < 1 || spec.block_size < 1)
    raise<ConfigError>("gpt: n_layer {} and block_size {} must be positive.", spec.n_layer,
                       spec.block_size);
  auto model = make<Gpt>(spec);
  // GPT-2's start: N(0, 0.02), biases 0; projections back into the residual stream smaller by the
  // square root of their number.
  for (auto& [name, tensor] : model->named_parameters()) {
    const bool residual = name.ends_with("c_proj.weight");
    if (tensor.dim() == 2)
      init::normal_(tensor, 0,
                    residual ? 0.02 / std::sqrt(2.0 * static_cast<double>(spec.n_layer)) : 0.02);
    else if (name.ends_with(".bias"))
      init::constant_(tensor, 0);
  }
  return model;
}

}  // namespace tinytorch::nn
