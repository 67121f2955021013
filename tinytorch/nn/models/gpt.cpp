#include "tinytorch/nn/gpt.h"

#include <cmath>

#include "tinytorch/core/autograd.h"
#include "tinytorch/core/format.h"
#include "tinytorch/nn/init.h"
#include "tinytorch/nn/models/internal.h"

namespace tinytorch::nn {

class Gpt::Decoder : public Module {
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
  // Token and position embeddings of tokens (b, t) behind `position` earlier ones.
  Tensor embed(const Tensor& tokens, int64_t position) {
    if (tokens.dim() != 2)
      raise<ShapeError>("gpt: tokens {} must be (batch, time).", tokens.shape().str());
    const int64_t t = tokens.size(1), room = wpe.weight.size(0);
    if (position + t > room)
      raise<ShapeError>(
          "gpt: {} tokens do not fit the block size {}. Hint: cut the input, or train with a "
          "larger model.block_size.",
          position + t, room);
    return wte(tokens) + wpe(arange(position + t).narrow(0, position, t));
  }
  Tensor forward(const Tensor& tokens) override {
    Tensor x = drop(embed(tokens, 0));
    for (const auto& [name, block] : blocks.children()) x = (*block)(x);
    return ln_f(x);
  }
  Tensor decode(const Tensor& tokens, std::vector<KeyValues>& layers, int64_t position) {
    Tensor x = embed(tokens, position);
    for (size_t i = 0; i < layers.size(); ++i)
      x = static_cast<TransformerBlock&>(blocks[static_cast<int64_t>(i)])
              .decode(x, layers[i], position);
    return ln_f(x);
  }
  const char* kind() const override { return "Decoder"; }
  Embedding& wte;
  Embedding& wpe;
  Dropout& drop;
  ModuleList& blocks;
  LayerNorm& ln_f;
};

Gpt::Gpt(const ModelSpec& spec)
    : spec_(spec),
      transformer_(add<Decoder>("transformer", spec)),
      lm_head_(add<Linear>("lm_head", spec.n_embd, spec.vocab_size, false)) {
  lm_head_.tie_weight(transformer_.wte.weight);
}

Tensor Gpt::forward(const Tensor& tokens) {
  return lm_head_(transformer_(tokens));
}

Tensor Gpt::decode(const Tensor& tokens, KvCache& cache) {
  const NoGrad no_grad;
  if (tokens.dim() == 2 && tokens.size(0) != cache.layers_[0].keys.size(0))
    raise<ShapeError>("gpt: tokens {} do not fit a cache of {} sequences.", tokens.shape().str(),
                      cache.layers_[0].keys.size(0));
  const Tensor logits = lm_head_(transformer_.decode(tokens, cache.layers_, cache.length_));
  cache.length_ += tokens.size(1);
  return logits;
}

KvCache::KvCache(const Gpt& model, int64_t batch) {
  const ModelSpec& spec = model.spec();
  const DType dtype = model.parameters().front().dtype();
  for (int64_t i = 0; i < spec.n_layer; ++i)
    layers_.push_back({empty({batch, spec.block_size, spec.n_embd}, dtype),
                       empty({batch, spec.block_size, spec.n_embd}, dtype)});
}

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
