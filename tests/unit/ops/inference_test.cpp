// InferenceMode: the same values without a graph, from copies of the weights that stay true.
#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <thread>

#include "tests/unit/child_process.h"
#include "tinytorch/core/random.h"
#include "tinytorch/nn/activation.h"
#include "tinytorch/nn/conv.h"
#include "tinytorch/nn/gpt.h"
#include "tinytorch/nn/linear.h"
#include "tinytorch/nn/module.h"
#include "tinytorch/ops/inference.h"
#include "tinytorch/ops/ops.h"
#include "tinytorch/ops/packed_weight.h"

namespace tinytorch {
namespace {

bool same_bits(const Tensor& a, const Tensor& b) {
  return a.shape() == b.shape() &&
         std::memcmp(a.raw_data(), b.raw_data(), static_cast<size_t>(a.numel()) * 4) == 0;
}

TEST(InferenceMode, GivesTheBitsOfTheLayerAndRecordsNothing) {
  nn::Linear layer(100, 130);
  for (const Shape& s :
       {Shape{1, 100}, Shape{4, 100}, Shape{2, 2, 100}, Shape{100}, Shape{5, 100}}) {
    const Tensor x = randn(s), eager = layer.forward(x, Fused::kGelu).detach();
    const InferenceMode inference;
    const Tensor y = layer.forward(x, Fused::kGelu);
    EXPECT_FALSE(y.requires_grad());
    EXPECT_TRUE(same_bits(y, eager)) << s.str();
  }
  const Tensor y = layer(randn({1, 100}));
  EXPECT_TRUE(y.requires_grad());  // the scope has ended
  EXPECT_NE(layer.weight.base()->packed, nullptr);
}

TEST(InferenceMode, FollowsAWeightThatChanges) {
  nn::Linear layer(64, 80);
  const Tensor x = randn({1, 64});
  const auto infer = [&] {
    const InferenceMode inference;
    return layer(x);
  };
  const Tensor before = infer();
  {
    const NoGrad no_grad;
    layer.weight.mul_(2.0);
  }
  EXPECT_FALSE(same_bits(infer(), before));
  EXPECT_TRUE(same_bits(infer(), layer(x).detach()));
  // Another tensor's memory, whose version may be the old one's.
  layer.weight.set_data(randn({80, 64}));
  EXPECT_TRUE(same_bits(infer(), layer(x).detach()));
}

TEST(InferenceMode, WorksInAChildThatWasForkedDuringAPacking) {
  SKIP_UNDER_TSAN();
  SKIP_UNDER_ASAN();
  nn::Linear busy(512, 512), layer(64, 80);
  const Tensor x = randn({1, 512}), row = randn({1, 64});
  std::atomic<bool> stop{false};
  std::thread packing([&] {
    while (!stop) {
      const InferenceMode inference;
      busy.weight.storage().bump_version();  // the copy is no longer true
      busy(x);
    }
  });
  int status = 0;
  for (int i = 0; i < 20 && status == 0; ++i)
    status = testing::in_child([&] {
      const InferenceMode inference;
      layer(row);
      _exit(layer.weight.base()->packed ? 0 : 1);
    });
  stop = true;
  packing.join();
  EXPECT_EQ(status, 0);
}

TEST(InferenceMode, ReadsExposedMemoryItself) {
  nn::Linear layer(64, 80);
  const Tensor x = randn({1, 64});
  const auto infer = [&] {
    const InferenceMode inference;
    return layer(x);
  };
  const Tensor before = infer();
  EXPECT_NE(layer.weight.base()->packed, nullptr);
  layer.weight.storage().expose();
  layer.weight.data<float>()[0] += 1;  // no version tells
  EXPECT_FALSE(same_bits(infer(), before));
  EXPECT_TRUE(same_bits(infer(), layer(x).detach()));
  // Adopted memory has an owner who may do the same; a new tensor in the same block has none.
  static std::vector<float> owned(5120, 0.5f);
  EXPECT_TRUE(Storage::adopt(owned.data(), owned.size() * 4, [](void*) {}, nullptr).exposed());
  const void* address = nullptr;
  {
    const Storage first = Storage::allocate(640);
    first.expose();
    EXPECT_TRUE(first.exposed());
    address = first.data();
  }
  const Storage next = Storage::allocate(640);
  EXPECT_EQ(next.data(), address);
  EXPECT_FALSE(next.exposed());
}

TEST(InferenceMode, PrecisionsStayApart) {
  nn::Linear layer(256, 128);
  const Tensor x = randn({1, 256}), exact = layer(x).detach();
  const auto error = [&](WeightPrecision precision) {
    const InferenceMode inference(precision);
    return static_cast<double>(max(abs(layer(x) - exact)).item());
  };
  const double bf16 = error(WeightPrecision::kBF16), int8 = error(WeightPrecision::kInt8);
  EXPECT_GT(bf16, 0);
  EXPECT_LT(bf16, 0.02);
  EXPECT_GT(int8, 0);
  EXPECT_LT(int8, 0.02);
  EXPECT_EQ(error(WeightPrecision::kF32), 0);
}

TEST(InferenceMode, LeavesOtherCasesToTheWeightItself) {
  const Tensor wide = randn({128, 64}), small = randn({8, 8});
  EXPECT_FALSE(packed_weight(wide, 1));  // no scope
  const InferenceMode inference;
  EXPECT_TRUE(packed_weight(wide, 1));
  EXPECT_FALSE(packed_weight(wide, 5));
  EXPECT_FALSE(packed_weight(small, 1));
  EXPECT_FALSE(packed_weight(wide.t(), 1));
  EXPECT_FALSE(packed_weight(wide.to(DType::kF64), 1));
  const GradMode recording(true);
  nn::Linear layer(64, 128);
  EXPECT_TRUE(layer(randn({1, 64})).requires_grad());
}

TEST(InferenceMode, KeepsConvolutionWeightsToo) {
  nn::Sequential net{nn::make<nn::Conv2d>(2, 20, 3), nn::make<nn::ReLU>(),
                     nn::make<nn::MaxPool2d>(2), nn::make<nn::Conv2d>(20, 33, 3)};
  const Tensor x = randn({3, 2, 13, 11});
  const auto infer = [&] {
    const InferenceMode inference;
    return net(x).contiguous();
  };
  const Tensor before = infer();
  EXPECT_TRUE(same_bits(before, net(x).detach().contiguous()));
  for (const Tensor& p : net.parameters()) {
    EXPECT_EQ(p.base()->packed != nullptr, p.dim() == 4);
    const NoGrad no_grad;
    Tensor(p).mul_(1.5);
  }
  EXPECT_FALSE(same_bits(infer(), before));
  EXPECT_TRUE(same_bits(infer(), net(x).detach().contiguous()));
}

// As one weight in two convolutions: its copy depends on the groups.
TEST(InferenceMode, CopiesOfOneWeightForOtherGroupsAreOthers) {
  const Tensor weight = randn({36, 2, 3, 3}), narrow = randn({1, 2, 6, 6}),
               wide = randn({1, 4, 6, 6});
  ConvOptions two;
  two.groups = 2;
  const Tensor a = conv2d(narrow, weight), b = conv2d(wide, weight, {}, two);
  const InferenceMode inference;
  for (int turn = 0; turn < 2; ++turn) {
    EXPECT_TRUE(same_bits(conv2d(narrow, weight), a));
    EXPECT_TRUE(same_bits(conv2d(wide, weight, {}, two), b));
  }
}

TEST(InferenceMode, DecodesTheSameLogits) {
  nn::ModelSpec spec;
  spec.name = "gpt", spec.n_layer = 2, spec.n_head = 2, spec.n_embd = 64;
  spec.block_size = 16, spec.vocab_size = 65;
  nn::Gpt model(spec);
  model.eval();
  const auto logits = [&](int64_t count) {
    nn::KvCache cache(model);
    Tensor last;
    for (int64_t i = 0; i < count; ++i)
      last = model.decode(full({1, 1}, i % 65, DType::kI64), cache);
    return last;
  };
  const Tensor eager = logits(9);
  const InferenceMode inference;
  EXPECT_TRUE(same_bits(logits(9), eager));
}

}  // namespace
}  // namespace tinytorch
