#include "tinytorch/nn/gpt.h"

#include <cmath>
#include <numeric>

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
  // Of tokens (b, t) behind `position` earlier ones.
  void check(const Tensor& tokens, int64_t position) const {
    if (tokens.dim() != 2)
      raise<ShapeError>("gpt: tokens {} must be (batch, time).", tokens.shape().str());
    const int64_t all = position + tokens.size(1), room = wpe.weight.size(0);
    if (all > room)
      raise<ShapeError>(
          "gpt: {} tokens do not fit the block size {}. Hint: cut the input, or train with a "
          "larger model.block_size.",
          all, room);
  }
  Tensor forward(const Tensor& tokens) override {
    check(tokens, 0);
    Tensor x = drop(wte(tokens) + wpe(arange(tokens.size(1))));
    for (const auto& [name, block] : blocks.children()) x = (*block)(x);
    return ln_f(x);
  }
  Tensor decode(const Tensor& tokens, std::vector<KeyValues>& layers, const Tensor& positions) {
    Tensor x = wte(tokens) + wpe(positions);
    for (size_t i = 0; i < layers.size(); ++i)
      x = static_cast<TransformerBlock&>(blocks[static_cast<int64_t>(i)])
              .decode(x, layers[i], positions);
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
  transformer_.check(tokens, cache.length_);
  const int64_t t = tokens.size(1);
  cache.check_fits(*this, tokens);
  std::iota(cache.positions_.data<int64_t>(), cache.positions_.data<int64_t>() + t, cache.length_);
  const auto step = [&](const Tensor& next) {
    const Tensor positions = cache.positions_.narrow(0, 0, t);
    return lm_head_(transformer_.decode(next, cache.layers_, positions));
  };
  const Tensor logits =
      t == 1 ? cache.plans_.run(*this, step, tokens, cache.memory_) : step(tokens);
  cache.length_ += t;
  return logits;
}

KvCache::KvCache(const Gpt& model, int64_t batch)
    : positions_(empty({model.spec().block_size}, DType::kI64)) {
  const ModelSpec& spec = model.spec();
  const DType dtype = model.parameters().front().dtype();
  for (int64_t i = 0; i < spec.n_layer; ++i)
    layers_.push_back({empty({batch, spec.block_size, spec.n_embd}, dtype),
                       empty({batch, spec.block_size, spec.n_embd}, dtype)});
  memory_.push_back(positions_);
  for (const KeyValues& layer : layers_) memory_.insert(memory_.end(), {layer.keys, layer.values});
}

void KvCache::check_fits(const Gpt& model, const Tensor& tokens) const {
  const Tensor& keys = layers_[0].keys;
  const ModelSpec& spec = model.spec();
  if (tokens.size(0) != keys.size(0))
    raise<ShapeError>("gpt: tokens {} do not fit a cache of {} sequences.", tokens.shape().str(),
                      keys.size(0));
  if (spec.n_layer != static_cast<int64_t>(layers_.size()) || spec.n_embd != keys.size(2) ||
      spec.block_size != keys.size(1))
    raise<ShapeError>(
        "gpt: the cache was made for a model of {} layers, width {} and block size {}; this one "
        "has {}, {} and {}.",
        layers_.size(), keys.size(2), keys.size(1), spec.n_layer, spec.n_embd, spec.block_size);
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
