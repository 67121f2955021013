#pragma once
#include <vector>

#include "tinytorch/nn/attention.h"
#include "tinytorch/nn/inference_session.h"
#include "tinytorch/nn/models.h"

namespace tinytorch::nn {

class Gpt;

// Keys and values of the tokens that a Gpt has decoded so far, for all its layers. One cache serves
// one batch of sequences of equal length. In InferenceMode it decodes single tokens by a plan,
// which is bound to its memory.
class KvCache {
 public:
  explicit KvCache(const Gpt& model, int64_t batch = 1);
  KvCache(const KvCache&) = delete;
  KvCache& operator=(const KvCache&) = delete;
  int64_t length() const { return length_; }
  int64_t room() const { return layers_.empty() ? 0 : layers_[0].keys.size(1); }
  void clear() { length_ = 0; }

 private:
  friend class Gpt;
  void check_fits(const Gpt& model, const Tensor& tokens) const;
  std::vector<KeyValues> layers_;
  Tensor positions_;            // i64 (room): of the tokens being decoded, for kernels to read
  std::vector<Tensor> memory_;  // all of these
  ModulePlans plans_;
  int64_t length_ = 0;
};

// GPT-2's decoder (Radford et al. 2019) with nanoGPT's names and Linear layouts: tokens (b, t) i64
// to logits (b, t, vocab_size). The head shares the token embedding's weight.
class Gpt : public Module {
 public:
  explicit Gpt(const ModelSpec& spec);
  Tensor forward(const Tensor& tokens) override;
  // Logits of tokens that follow those in the cache: what forward gives for them on the whole
  // sequence, without dropout and gradients. ShapeError when they do not fit the block size.
  Tensor decode(const Tensor& tokens, KvCache& cache);
  const ModelSpec& spec() const { return spec_; }
  const char* kind() const override { return "Gpt"; }

 private:
  class Decoder;
  ModelSpec spec_;
  Decoder& transformer_;
  Linear& lm_head_;
};

}  // namespace tinytorch::nn
