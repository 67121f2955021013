#include "tinytorch/nn/generate.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "tinytorch/core/format.h"

namespace tinytorch::nn {

void check_sampling(const SamplingOptions& o) {
  if (!(o.temperature >= 0) || !std::isfinite(o.temperature))
    raise<ConfigError>("generate: temperature {} must be 0 or more.", o.temperature);
  if (o.top_k < 0)
    raise<ConfigError>("generate: top_k {} must be 0 (all tokens) or more.", o.top_k);
  if (o.vocab_size < 0)
    raise<ConfigError>("generate: vocab_size {} must be 0 (all tokens) or more.", o.vocab_size);
  if (!(o.top_p > 0 && o.top_p <= 1))
    raise<ConfigError>("generate: top_p {} must be above 0 and at most 1.", o.top_p);
}

int64_t sample_token(std::span<const double> logits, const SamplingOptions& options,
                     Generator& generator) {
  check_sampling(options);
  if (options.vocab_size > 0)
    logits = logits.first(std::min(logits.size(), static_cast<size_t>(options.vocab_size)));
  const auto bad = [](double x) { return std::isnan(x) || x == INFINITY; };
  const auto best = std::max_element(logits.begin(), logits.end());
  if (best == logits.end() || !std::isfinite(*best) ||
      std::any_of(logits.begin(), logits.end(), bad))
    raise<Error>(
        "generate: the model's logits are not finite. Hint: its training has diverged; lower "
        "optim.lr or set train.clip_norm.");
  if (options.temperature == 0) return best - logits.begin();

  const auto likelier = [&](int64_t a, int64_t b) {
    const double x = logits[static_cast<size_t>(a)], y = logits[static_cast<size_t>(b)];
    return x != y ? x > y : a < b;
  };
  std::vector<int64_t> tokens(logits.size());
  std::iota(tokens.begin(), tokens.end(), int64_t{0});
  if (options.top_k > 0 && static_cast<size_t>(options.top_k) < tokens.size()) {
    std::partial_sort(tokens.begin(), tokens.begin() + options.top_k, tokens.end(), likelier);
    tokens.resize(static_cast<size_t>(options.top_k));
  } else if (options.top_p < 1) {
    std::sort(tokens.begin(), tokens.end(), likelier);
  }
  std::vector<double> weights;
  weights.reserve(tokens.size());
  for (const int64_t t : tokens)
    weights.push_back(std::exp((logits[static_cast<size_t>(t)] - *best) / options.temperature));
  double total = std::accumulate(weights.begin(), weights.end(), 0.0);
  if (options.top_p < 1) {
    double sum = 0;
    size_t kept = 0;
    while (kept < weights.size() && (kept == 0 || sum < options.top_p * total))
      sum += weights[kept++];
    weights.resize(kept);
    total = sum;
  }
  double left = generator.uniform() * total;
  size_t chosen = 0;
  for (size_t i = 0; i < weights.size(); ++i) {
    if (weights[i] > 0) chosen = i;  // rounding may leave something over behind the last
    left -= weights[i];
    if (left < 0) break;
  }
  return tokens[chosen];
}

Continuation::Continuation(Gpt& model, std::vector<int64_t> prompt)
    : model_(model), cache_(model), window_(std::move(prompt)) {
  if (window_.empty())
    raise<ConfigError>("generate: the prompt has no token. Hint: begin with a newline.");
  const auto room = static_cast<std::ptrdiff_t>(cache_.room());
  if (std::ssize(window_) > room) window_.erase(window_.begin(), window_.end() - room);
  decode(window_);
}

void Continuation::decode(std::span<const int64_t> tokens) {
  const Tensor input = empty({1, static_cast<int64_t>(tokens.size())}, DType::kI64);
  std::copy(tokens.begin(), tokens.end(), input.data<int64_t>());
  const Tensor all = model_.decode(input, cache_);
  const Tensor last = all.narrow(1, all.size(1) - 1, 1).to(DType::kF64).contiguous();
  logits_.assign(last.data<double>(), last.data<double>() + last.numel());
}

void Continuation::append(int64_t token) {
  window_.push_back(token);
  if (cache_.length() < cache_.room()) return decode(std::span(window_).last(1));
  const int64_t keep = std::max<int64_t>(cache_.room() / 2, 1);
  window_.erase(window_.begin(), window_.end() - static_cast<std::ptrdiff_t>(keep));
  cache_.clear();
  decode(window_);
}

std::vector<int64_t> generate(Gpt& model, std::vector<int64_t> prompt, int64_t count,
                              const SamplingOptions& options, Generator& generator,
                              const std::function<bool(int64_t)>& on_token) {
  check_sampling(options);
  Continuation text(model, std::move(prompt));
  std::vector<int64_t> out;
  while (std::ssize(out) < count) {
    out.push_back(sample_token(text.logits(), options, generator));
    if (on_token && !on_token(out.back())) break;
    if (std::ssize(out) < count) text.append(out.back());
  }
  return out;
}

}  // namespace tinytorch::nn
