#include "tinytorch/nn/generate.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tinytorch/core/autograd.h"
#include "tinytorch/core/parallel.h"
#include "tinytorch/ops/ops.h"

namespace tinytorch::nn {
namespace {

// Sampled with weights far from their start, so that the logits differ widely.
std::shared_ptr<Gpt> small_gpt(int64_t block_size = 32) {
  manual_seed(3);
  ModelSpec spec;
  spec.name = "gpt";
  spec.n_layer = 3, spec.n_head = 2, spec.n_embd = 32, spec.block_size = block_size;
  spec.vocab_size = 17, spec.dropout = 0.5;
  auto model = make<Gpt>(spec);
  const NoGrad no_grad;
  for (Tensor& p : model->parameters()) p.copy_(randn(p.shape()) * 0.2);
  return model;
}

std::vector<double> uncached_logits(Gpt& model, const std::vector<int64_t>& window) {
  const NoGrad no_grad;
  model.eval();
  const Tensor x = empty({1, static_cast<int64_t>(window.size())}, DType::kI64);
  std::copy(window.begin(), window.end(), x.data<int64_t>());
  const Tensor all = model(x);
  const Tensor last = all.narrow(1, all.size(1) - 1, 1).to(DType::kF64).contiguous();
  return {last.data<double>(), last.data<double>() + last.numel()};
}

TEST(Generate, TheLogitsOfTheCacheAreTheUncachedOnesAtEveryPosition) {
  const auto model = small_gpt();
  model->train();  // generation is without dropout all the same
  Generator generator(7);
  Continuation text(*model, {3, 1, 4});
  std::vector<int64_t> all = text.window();
  for (int position = 3; position < 70; ++position) {
    const std::vector<int64_t>& window = text.window();
    // A full block is not kept to its end: the older half goes.
    const auto length = static_cast<size_t>(position <= 32 ? position : 16 + (position - 33) % 17);
    ASSERT_EQ(window.size(), length) << position;
    ASSERT_TRUE(std::equal(window.begin(), window.end(), all.end() - std::ssize(window)));
    const std::vector<double> want = uncached_logits(*model, window);
    ASSERT_EQ(text.logits().size(), want.size());
    for (size_t i = 0; i < want.size(); ++i)
      ASSERT_NEAR(text.logits()[i], want[i], 1e-5) << "position " << position;
    all.push_back(sample_token(text.logits(), {}, generator));
    text.append(all.back());
  }
}

TEST(Generate, OfALongPromptTheEndCounts) {
  const auto model = small_gpt(8);
  std::vector<int64_t> prompt;
  for (int64_t i = 0; i < 40; ++i) prompt.push_back(i * 5 % 17);
  const Continuation text(*model, prompt);
  EXPECT_EQ(text.window(), std::vector<int64_t>(prompt.end() - 8, prompt.end()));
  const std::vector<double> want = uncached_logits(*model, text.window());
  for (size_t i = 0; i < want.size(); ++i) EXPECT_NEAR(text.logits()[i], want[i], 1e-5);
  EXPECT_THROW(Continuation(*model, {}), ConfigError);
  EXPECT_THROW(Continuation(*model, {17}), IndexError);
}

TEST(Generate, ABlockOfOneTokenGoesOn) {
  const auto model = small_gpt(1);
  Generator generator;
  EXPECT_EQ(generate(*model, {2}, 5, {}, generator).size(), 5u);
}

TEST(Generate, TheSeedDecidesTheTextAndThreadsDoNot) {
  const auto model = small_gpt();
  const auto text = [&](uint64_t seed) {
    Generator generator(seed);
    return generate(*model, {1}, 60, {}, generator);
  };
  const std::vector<int64_t> first = text(1);
  EXPECT_EQ(text(1), first);
  EXPECT_NE(text(2), first);
  const int threads = num_threads();
  set_num_threads(3);
  EXPECT_EQ(text(1), first);
  set_num_threads(threads);
}

TEST(Generate, TheCallerEndsIt) {
  const auto model = small_gpt();
  Generator generator(1);
  std::vector<int64_t> told;
  const auto out = generate(*model, {1}, 60, {}, generator, [&](int64_t token) {
    told.push_back(token);
    return told.size() < 4;
  });
  EXPECT_EQ(out.size(), 4u);
  EXPECT_EQ(out, told);
  EXPECT_TRUE(generate(*model, {1}, 0, {}, generator).empty());
}

constexpr int kDraws = 10000;

// How often each token is drawn.
std::vector<double> shares(const std::vector<double>& logits, const SamplingOptions& options) {
  Generator generator(11);
  std::vector<double> out(logits.size());
  for (int i = 0; i < kDraws; ++i)
    out[static_cast<size_t>(sample_token(logits, options, generator))] += 1;
  for (double& count : out) count /= kDraws;
  return out;
}

void expect_shares(const std::vector<double>& got, std::vector<double> weights) {
  double total = 0;
  for (const double w : weights) total += w;
  for (size_t i = 0; i < got.size(); ++i) {
    const double p = weights[i] / total;
    EXPECT_NEAR(got[i], p, p == 0 ? 0 : 5 * std::sqrt(p * (1 - p) / kDraws)) << i;
  }
}

TEST(Generate, SamplingFollowsTheProbabilities) {
  const std::vector<double> logits = {std::log(0.1), std::log(0.4), -INFINITY, std::log(0.2),
                                      std::log(0.3)};
  expect_shares(shares(logits, {}), {0.1, 0.4, 0, 0.2, 0.3});
  expect_shares(shares(logits, {.temperature = 0.5}), {0.01, 0.16, 0, 0.04, 0.09});
  expect_shares(shares(logits, {.temperature = 2}),
                {std::sqrt(0.1), std::sqrt(0.4), 0, std::sqrt(0.2), std::sqrt(0.3)});
  expect_shares(shares(logits, {.top_k = 2}), {0, 0.4, 0, 0, 0.3});
  expect_shares(shares(logits, {.top_k = 9}), {0.1, 0.4, 0, 0.2, 0.3});
  expect_shares(shares(logits, {.top_p = 0.65}), {0, 0.4, 0, 0, 0.3});
  expect_shares(shares(logits, {.top_p = 0.75}), {0, 0.4, 0, 0.2, 0.3});
  expect_shares(shares(logits, {.top_p = 1e-9}), {0, 1, 0, 0, 0});
  // Of the two likeliest the first has 4 of 7.
  expect_shares(shares(logits, {.top_k = 2, .top_p = 0.5}), {0, 1, 0, 0, 0});
  expect_shares(shares(logits, {.top_k = 2, .top_p = 0.6}), {0, 0.4, 0, 0, 0.3});
  expect_shares(shares(logits, {.temperature = 0}), {0, 1, 0, 0, 0});
  expect_shares(shares({1, 1, 1}, {.top_k = 2}), {1, 1, 0});
  expect_shares(shares({0, 1, 1}, {.temperature = 0}), {0, 1, 0});
}

TEST(Generate, TokensOutsideTheVocabularyAreNeverDrawn) {
  expect_shares(shares({0, 0, 9}, {.vocab_size = 2}), {0.5, 0.5, 0});
  expect_shares(shares({0, 1, NAN}, {.temperature = 0, .vocab_size = 2}), {0, 1, 0});
  expect_shares(shares({1, 1}, {.vocab_size = 7}), {0.5, 0.5});
}

TEST(Generate, RefusesWhatCannotBe) {
  Generator generator;
  const std::vector<double> logits = {0, 1};
  for (const SamplingOptions& bad : std::vector<SamplingOptions>{{.temperature = -1},
                                                                 {.temperature = NAN},
                                                                 {.temperature = INFINITY},
                                                                 {.top_k = -1},
                                                                 {.top_p = 0},
                                                                 {.top_p = 1.5},
                                                                 {.top_p = NAN},
                                                                 {.vocab_size = -1}})
    EXPECT_THROW(sample_token(logits, bad, generator), ConfigError);
  for (const double x : {static_cast<double>(NAN), static_cast<double>(INFINITY)})
    EXPECT_THROW(sample_token(std::vector<double>{0, x}, {}, generator), Error);
  EXPECT_THROW(sample_token(std::vector<double>{-INFINITY}, {}, generator), Error);
}

}  // namespace
}  // namespace tinytorch::nn
