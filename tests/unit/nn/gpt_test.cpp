#include "tinytorch/nn/gpt.h"

#include <gtest/gtest.h>

#include "tinytorch/core/autograd.h"
#include "tinytorch/core/random.h"
#include "tinytorch/ops/ops.h"

namespace tinytorch::nn {
namespace {

ModelSpec small_gpt() {
  ModelSpec spec;
  spec.name = "gpt";
  spec.n_layer = 2, spec.n_head = 3, spec.n_embd = 24, spec.block_size = 16, spec.vocab_size = 11;
  return spec;
}

TEST(Gpt, DecodingWithACacheGivesTheLogitsOfTheWholeSequence) {
  manual_seed(5);
  Gpt model(small_gpt());
  model.eval();
  for (Tensor& p : model.parameters()) {  // every bias and norm takes part
    const NoGrad no_grad;
    p.copy_(randn(p.shape()) * 0.5);
  }
  const Tensor tokens = randint(0, 11, {2, 16});
  const Tensor whole = [&] {
    const NoGrad no_grad;
    return model(tokens);
  }();
  KvCache cache(model, 2);
  for (int round = 0; round < 2; ++round, cache.clear()) {
    // A prompt of several tokens at once, then one by one.
    for (const auto& [begin, length] :
         {std::pair{0, 5}, {5, 1}, {6, 1}, {7, 3}, {10, 1}, {11, 5}}) {
      const Tensor got = model.decode(tokens.narrow(1, begin, length), cache);
      const Tensor want = whole.narrow(1, begin, length);
      const double scale = max(want).item();
      const double worst = max(got - want).item(), least = max(want - got).item();
      EXPECT_LT(std::max(worst, least), 1e-5 * scale) << "tokens from " << begin;
      EXPECT_EQ(cache.length(), begin + length);
    }
    EXPECT_THROW(model.decode(tokens.narrow(1, 0, 1), cache), ShapeError);  // the block is full
  }
}

TEST(Gpt, ACacheServesItsOwnBatchSizeOnly) {
  Gpt model(small_gpt());
  KvCache cache(model, 2);
  EXPECT_THROW(model.decode(randint(0, 11, {1, 4}), cache), ShapeError);
  EXPECT_EQ(cache.length(), 0);
}

}  // namespace
}  // namespace tinytorch::nn
