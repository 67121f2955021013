// What newcomers do wrong most often, and the whole of what they are told. Each message names the
// operation, the shapes or values that do not fit, and what to do.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>

#include "tinytorch/tinytorch.h"

namespace tinytorch {
namespace {

Tensor leaf(const Shape& shape, double value = 1) {
  return Tensor(full(shape, value)).set_requires_grad();
}
Tensor labels(const std::vector<int64_t>& values) {
  return from_vector(values, {static_cast<int64_t>(values.size())});
}

struct Mistake {
  const char* what;
  std::function<void()> make;
  const char* told;
};

const Mistake kMistakes[] = {
    {"a wrong shape into a Linear",
     [] {
       nn::Sequential net{nn::make<nn::Linear>(784, 10)};
       net(zeros({32, 64}));
     },
     "linear (0): input f32 [32, 64] does not fit weight f32 [10, 784]: the last dim is 64, "
     "in_features is 784. Hint: flatten the input first, or build Linear(64, 10)."},
    {"no Flatten between images and a Linear",
     [] {
       nn::Sequential net{nn::make<nn::Conv2d>(1, 4, 3), nn::make<nn::Linear>(144, 10)};
       net(zeros({2, 1, 8, 8}));
     },
     "linear (1): input f32 [2, 4, 6, 6] does not fit weight f32 [10, 144]: the last dim is 6, "
     "in_features is 144. Hint: flatten the input first, or build Linear(6, 10)."},
    {"one image instead of a batch", [] { nn::Conv2d(3, 4, 3)(zeros({3, 8, 8})); },
     "conv2d: input f32 [3, 8, 8] and weight f32 [4, 3, 3, 3] must both have 4 dimensions (n, c, "
     "h, "
     "w) and (out, in / groups, kh, kw). Hint: unsqueeze(0) makes one image a batch."},
    {"channels at the end", [] { nn::Conv2d(3, 4, 3)(zeros({2, 8, 8, 3})); },
     "conv2d: input f32 [2, 8, 8, 3] does not fit weight f32 [4, 3, 3, 3]: it has 8 channels, the "
     "weight takes 3 (with 1 groups). Hint: images are (n, channels, height, width)."},
    {"images that the poolings have used up",
     [] { max_pool2d(max_pool2d(max_pool2d(zeros({1, 1, 4, 4})))); },
     "max_pool2d: kernel 2x2 does not fit into the padded input f32 [1, 1, 1, 1] (output 0x0). "
     "Hint: fewer poolings before it, or adaptive_avg_pool2d."},
    {"a label out of range", [] { cross_entropy(zeros({2, 3}), labels({0, 3})); },
     "cross_entropy: label 3 of row 1 is not a class: logits f32 [2, 3] have classes 0 to 2. Hint: "
     "labels to be left out are ignore_index (-100)."},
    {"labels as floats", [] { cross_entropy(zeros({2, 3}), zeros({2})); },
     "cross_entropy: targets f32 [2] must be class indices of dtype i64. Hint: to(DType::kI64) for "
     "whole numbers, argmax(target, 1) for one-hot rows."},
    {"labels as a column", [] { cross_entropy(zeros({2, 3}), labels({0, 1}).reshape({2, 1})); },
     "cross_entropy: logits f32 [2, 3] want targets of shape [2], got i64 [2, 1]. Hint: logits are "
     "(n, classes) or (n, classes, d1, ...), targets have no class dimension."},
    {"predictions (n, 1) against targets (n)", [] { mse_loss(zeros({4, 1}), zeros({4})); },
     "mse_loss: f32 [4, 1] and f32 [4] must have the same shape. Hint: a silent broadcast would "
     "change the mean; expand() one of them if that is meant."},
    {"a matrix product the wrong way round", [] { matmul(zeros({2, 3}), zeros({2, 3})); },
     "matmul: f32 [2, 3] times f32 [2, 3]: the inner sizes 3 and 2 differ. Hint: columns of the "
     "first must equal rows of the second; transpose one?"},
    {"a sum of shapes that do not broadcast", [] { zeros({2, 3}) + zeros({2}); },
     "add: shapes [2, 3] and [2] do not broadcast: dim 1 is 3 in the first and 2 in the second. "
     "Hint: sizes are aligned at the right and must be equal, or one of them 1."},
    {"floats and doubles mixed", [] { matmul(zeros({2, 3}), zeros({3, 2}, DType::kF64)); },
     "matmul: f32 [2, 3] and f64 [3, 2] have different dtypes. Hint: convert one with to()."},
    {"a gradient of integers", [] { labels({1, 2}).set_requires_grad(); },
     "set_requires_grad: a tensor of dtype i64 has no gradient. Hint: to(DType::kF32)."},
    {"backward twice",
     [] {
       const Tensor y = sum(square(leaf({2})));
       y.backward();
       y.backward();
     },
     "backward: the graph of sum was already used and its saved values are gone. Hint: call "
     "backward(gradient, retain_graph = true) the first time, or run the forward again."},
    {"backward from more than one number", [] { square(leaf({2})).backward(); },
     "backward: a tensor of shape [2] needs a gradient of that shape; only a scalar starts with 1. "
     "Hint: reduce it first, for example with sum() or mean()."},
    {"backward without a graph",
     [] {
       nn::Linear net(2, 1);
       const NoGrad no_grad;
       sum(net(zeros({1, 2}))).backward();
     },
     "backward: this tensor of shape [] has no graph. Hint: some input must require a gradient, "
     "and "
     "grad mode must be on."},
    {"a parameter changed in place", [] { nn::Linear(2, 2).weight.fill_(0); },
     "fill_: a leaf of shape [2, 2] that requires a gradient cannot be changed in place. Hint: do "
     "it under NoGrad (as optimizers do), or use the out-of-place form."},
    {"a saved value changed in place",
     [] {
       const Tensor y = exp(leaf({2}));
       Tensor(y).add_(full({2}, 1));
       sum(y).backward();
     },
     "backward of exp: a saved output of shape [2] was changed in place after it was used (version "
     "1, saved at version 0). Hint: use the out-of-place form of the operation that changed it, or "
     "clone the tensor first."},
    {"a gradient that no backward made",
     [] {
       const nn::Linear net(2, 1);
       net.weight.grad() * 2;
     },
     "an undefined Tensor was used. Hint: it was default-constructed, or is the bias of a layer "
     "without one, or the gradient of a leaf that no backward reached; ask defined() first."},
    {"an optimizer of results", [] { optim::Adam({leaf({2}) * 2}, {}); },
     "an optimizer changes f32 and f64 tensors that no operation made, not a result f32 [2]. Hint: "
     "give it module.parameters()."},
    {"an optimizer of nothing", [] { optim::Adam(nn::ReLU().parameters(), {}); },
     "an optimizer needs at least one parameter. Hint: layers such as ReLU have none; in a module "
     "of your own register them with add() or register_parameter()."},
    {"one sample through a BatchNorm: eval() was forgotten",
     [] { nn::BatchNorm2d(3)(zeros({1, 3, 1, 1})); },
     "batch_norm: input f32 [1, 3, 1, 1] has one value a channel, so its variance is 0. Hint: use "
     "a "
     "larger batch or drop_last, or call eval() first."},
    {"a checkpoint of another size",
     [] { nn::Linear(4, 2).load_state_dict(nn::Linear(3, 2).state_dict()); },
     "load_state_dict: 'weight' is [2, 3] in the file and [2, 4] in the model. Hint: build the "
     "model with the sizes that it was trained with."},
    {"a checkpoint of another model",
     [] { nn::Linear(3, 2, false).load_state_dict(nn::Linear(3, 2).state_dict()); },
     "load_state_dict: names differ. Missing: none. Unexpected: bias. Hint: load with strict = "
     "false to take what fits."},
    {"a text longer than the context",
     [] {
       nn::ModelSpec spec;
       spec.name = "gpt", spec.block_size = 8;
       (*nn::make_model(spec))(zeros({1, 9}, DType::kI64));
     },
     "gpt (transformer): 9 tokens do not fit the block size 8. Hint: cut the input, or train with "
     "a "
     "larger model.block_size."},
    {"tokens as floats", [] { nn::Embedding(4, 2)(zeros({3})); },
     "embedding: the index f32 [3] must be i64 or i32. Hint: to(DType::kI64)."},
    {"a number of many", [] { zeros({2}).item(); },
     "item: a tensor of shape [2] has 2 elements; only one can be read as a number. Hint: index "
     "it, "
     "or reduce it with sum() or mean()."},
    {"a dropout in percent", [] { dropout(zeros({2}), 50); },
     "dropout: p = 50 is no probability. Hint: the share that is dropped, such as 0.5."},
};

TEST(Mistakes, AreToldInFull) {
  EXPECT_GE(std::size(kMistakes), 20u);
  for (const Mistake& m : kMistakes) {
    SCOPED_TRACE(m.what);
    try {
      m.make();
      ADD_FAILURE() << "no error";
    } catch (const Error& e) {
      EXPECT_STREQ(e.what(), m.told);
    }
  }
}

// The loss that became NaN: the trainer stops before it spoils the parameters.
TEST(Mistakes, ALossThatIsNotANumber) {
  const auto data = std::make_shared<TensorDataset>(
      full({8, 2}, std::numeric_limits<double>::quiet_NaN()), zeros({8}, DType::kI64));
  DataLoader train(data, {.batch_size = 4}), test(data, {.batch_size = 4});
  nn::Linear net(2, 3);
  const Tensor before = net.weight.detach().clone();
  optim::Adam optimizer(net.parameters(), {});
  optim::Trainer trainer(net, optimizer, {}, train, test, {});
  try {
    trainer.run();
    ADD_FAILURE() << "no error";
  } catch (const Error& e) {
    EXPECT_STREQ(e.what(),
                 "training: the loss of step 1 is nan. Hint: a smaller optim.lr, "
                 "train.clip_norm=1, or look for broken samples in the data.");
  }
  for (int64_t i = 0; i < 6; ++i) EXPECT_EQ(net.weight.data<float>()[i], before.data<float>()[i]);
}

}  // namespace
}  // namespace tinytorch
