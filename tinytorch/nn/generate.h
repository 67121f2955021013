#pragma once
// Text from a Gpt, token by token.
#include <functional>
#include <span>
#include <vector>

#include "tinytorch/core/random.h"
#include "tinytorch/nn/gpt.h"

namespace tinytorch::nn {

struct SamplingOptions {
  double temperature = 1;  // divides the logits; 0: always the likeliest token
  int64_t top_k = 0;       // only the k likeliest tokens; 0: all
  double top_p = 1;        // of these the likeliest that together have at least this probability
  int64_t vocab_size = 0;  // only tokens below it, of a model that has room for more; 0: all
};
// ConfigError for a negative temperature, top_k or vocab_size and a top_p outside (0, 1].
void check_sampling(const SamplingOptions& options);

// Draws one token from logits (f64, one a token) with one number of the generator; with temperature
// 0 without any. Of equal logits the lower token counts as the likelier. Error when the logits are
// not finite.
int64_t sample_token(std::span<const double> logits, const SamplingOptions& options,
                     Generator& generator);

// A text that grows, with the keys and values of its tokens kept. The model sees a window of the
// newest tokens: when it is full (block_size), its older half is dropped and the rest is computed
// anew, because a token's position is part of its embedding.
class Continuation {
 public:
  // ConfigError for an empty prompt; of one that is too long the end counts. IndexError for tokens
  // outside the vocabulary.
  Continuation(Gpt& model, std::vector<int64_t> prompt);
  // Of the token that comes next, f64.
  const std::vector<double>& logits() const { return logits_; }
  void append(int64_t token);
  const std::vector<int64_t>& window() const { return window_; }

 private:
  void decode(std::span<const int64_t> tokens);
  Gpt& model_;
  KvCache cache_;
  std::vector<int64_t> window_;  // whose keys and values are in the cache
  std::vector<double> logits_;
};

// Up to `count` tokens that follow the prompt. `on_token` is told each and ends it with false.
std::vector<int64_t> generate(Gpt& model, std::vector<int64_t> prompt, int64_t count,
                              const SamplingOptions& options, Generator& generator,
                              const std::function<bool(int64_t)>& on_token = {});

}  // namespace tinytorch::nn
