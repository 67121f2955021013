// Inference plans: the bits of the module itself, without what surrounds its kernels; and all that
// must not be planned, or not any more.
#include "tinytorch/nn/inference_session.h"

#include <gtest/gtest.h>

#include <cstring>
#include <future>
#include <optional>

#include "tinytorch/core/memory_stats.h"
#include "tinytorch/core/random.h"
#include "tinytorch/kernels/registry.h"
#include "tinytorch/nn/activation.h"
#include "tinytorch/nn/conv.h"
#include "tinytorch/nn/gpt.h"
#include "tinytorch/nn/linear.h"
#include "tinytorch/nn/models.h"
#include "tinytorch/nn/multihead_attention.h"
#include "tinytorch/nn/normalization.h"
#include "tinytorch/nn/recurrent.h"
#include "tinytorch/nn/transposed_conv.h"
#include "tinytorch/ops/indexing.h"
#include "tinytorch/ops/ops.h"
#include "tinytorch/ops/sort.h"

#include "tinytorch/optim/optimizer.h"

namespace tinytorch::nn {
namespace {

bool same_bits(const Tensor& a, const Tensor& b) {
  if (a.shape() != b.shape() || a.dtype() != b.dtype()) return false;
  const Tensor x = a.contiguous(), y = b.contiguous();
  return std::memcmp(x.raw_data(), y.raw_data(),
                     static_cast<size_t>(x.numel()) * item_size(x.dtype())) == 0;
}

Tensor plainly(Module& module, const Tensor& x) {
  const InferenceMode inference;
  return module(x);
}

// A forward of one's own.
struct Written : Module {
  explicit Written(std::function<Tensor(const Tensor&)> f) : body(std::move(f)) {}
  Tensor forward(const Tensor& x) override { return body(x); }
  const char* kind() const override { return "Written"; }
  std::function<Tensor(const Tensor&)> body;
};

// Six inputs of one shape; from the fourth on the plan serves.
void expect_planned(Module& module, const std::function<Tensor()>& input) {
  module.eval();
  InferenceSession session(module);
  for (int call = 0; call < 6; ++call) {
    const Tensor x = input();
    const Tensor before = x.clone();
    EXPECT_TRUE(same_bits(session(x), plainly(module, x))) << "call " << call;
    EXPECT_TRUE(same_bits(x, before)) << "call " << call;
  }
  std::string why;
  EXPECT_NE(session.plans().plan_for(input(), &why), nullptr) << why;
}

void expect_refused(Module& module, const std::function<Tensor()>& input, const char* reason) {
  module.eval();
  InferenceSession session(module);
  for (int call = 0; call < 5; ++call) {
    const Tensor x = input();
    EXPECT_EQ(session(x).shape(), plainly(module, x).shape());
  }
  std::string why;
  EXPECT_EQ(session.plans().plan_for(input(), &why), nullptr);
  EXPECT_NE(why.find(reason), std::string::npos) << why;
}

ModelSpec spec_of(const char* name) {
  ModelSpec spec;
  spec.name = name;
  return spec;
}

TEST(InferencePlan, GivesTheBitsOfEveryModel) {
  ModelSpec mlp = spec_of("mlp"), resnet = spec_of("resnet20"), gpt = spec_of("gpt");
  mlp.layers = {50, 70, 90, 10};
  resnet.in_channels = 3, resnet.image_size = 16;
  gpt.n_layer = 2, gpt.n_head = 2, gpt.n_embd = 32, gpt.block_size = 12;
  for (const int64_t n : {1, 3, 9}) {
    expect_planned(*make_model(mlp), [&] { return randn({n, 50}); });
    expect_planned(*make_model(spec_of("cnn")), [&] { return randn({n, 1, 28, 28}); });
    expect_planned(*make_model(resnet), [&] { return randn({n, 3, 16, 16}); });
    expect_planned(*make_model(gpt), [&] { return randint(0, 65, {n, 12}); });
  }
}

TEST(InferencePlan, GivesTheBitsOfOtherLayers) {
  const auto sequence = [] { return randn({5, 3, 8}); };
  expect_planned(*make<LSTM>(8, 16), sequence);
  expect_planned(*make<GRU>(8, 16), sequence);
  expect_planned(*make<RMSNorm>(Shape{8}), sequence);
  expect_planned(*make<GroupNorm>(3, 3), sequence);
  expect_planned(*make<Conv1d>(3, 6, 3), sequence);
  expect_planned(*make<ConvTranspose2d>(3, 6, 3), [] { return randn({2, 3, 7, 5}); });
  Sequential net{make<Conv2d>(3, 8, 3), make<GELU>(),    make<AvgPool2d>(2),
                 make<Dropout>(0.5),    make<Flatten>(), make<Linear>(8 * 3 * 3, 4),
                 make<Softmax>(1)};
  expect_planned(net, [] { return randn({2, 3, 8, 8}); });
  expect_planned(net, [] { return randn({2, 8, 8, 3}).permute({0, 3, 1, 2}); });
  Written formula([](const Tensor& x) {
    const Tensor y = clamp(x * 2.5 + 1, -1, 2), z = softmax(y.transpose(0, 1));
    return where(gt(z, 0.1), z.log(), zeros({})) - arange(x.size(0)).to(DType::kF32);
  });
  expect_planned(formula, [] { return randn({7, 5}); });
}

TEST(InferencePlan, ResultsThatAreViewsOrTheInputItself) {
  Written last([&](const Tensor& x) { return (*last.children()[0].second)(x).narrow(1, 1, 2); });
  last.add<Linear>("layer", 6, 4);
  expect_planned(last, [] { return randn({3, 6}); });
  Written turned([](const Tensor& x) { return x.t(); });
  expect_planned(turned, [] { return randn({3, 6}); });
  expect_planned(turned, [] { return randn({9, 6}).narrow(0, 2, 3); });
  Written nothing([](const Tensor& x) { return relu(x); });
  expect_planned(nothing, [] { return randn({0, 3}); });
  const Tensor fixed = randn({4});
  Written constant([&](const Tensor&) { return fixed; });
  expect_refused(constant, [] { return randn({3}); }, "did not make");
}

TEST(InferencePlan, EarlierResultsStay) {
  Linear layer(8, 8);
  layer.eval();
  InferenceSession session(layer);
  std::vector<Tensor> inputs, outputs;
  for (int i = 0; i < 5; ++i) {
    inputs.push_back(randn({2, 8}));
    outputs.push_back(session(inputs.back()));
  }
  for (size_t i = 0; i < inputs.size(); ++i)
    EXPECT_TRUE(same_bits(outputs[i], plainly(layer, inputs[i])));
}

TEST(InferencePlan, FollowsWeightsModeAndHooks) {
  ModelSpec spec = spec_of("mlp");
  spec.layers = {80, 90, 5};
  const auto model = make_model(spec);
  model->eval();
  InferenceSession session(*model);
  const Tensor x = randn({2, 80});
  const auto agree = [&] { return same_bits(session(x), plainly(*model, x)); };
  const auto plan = [&] { return session.plans().plan_for(x); };
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(agree());
  EXPECT_NE(plan(), nullptr);
  const Tensor old = session(x);
  optim::SgdOptions options;
  options.lr = 0.5;
  optim::Sgd optimizer(model->parameters(), options);
  for (int step = 0; step < 2; ++step) {
    optimizer.zero_grad();
    sum((*model)(x)).backward();
    optimizer.step();
    EXPECT_FALSE(same_bits(session(x), old));
    for (int i = 0; i < 4; ++i) EXPECT_TRUE(agree());
    EXPECT_NE(plan(), nullptr);
  }
  {
    const NoGrad no_grad;
    model->parameters()[0].mul_(2.0);
    EXPECT_TRUE(agree());
    model->parameters()[1].set_data(randn({90}));
    EXPECT_TRUE(agree());
  }
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(agree());
  {
    const kernels::KernelOverride loops("matmul", "loops");
    for (int i = 0; i < 4; ++i) EXPECT_TRUE(agree());
  }
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(agree());
  EXPECT_NE(plan(), nullptr);
  int called = 0;
  model->children().back().second->register_forward_hook(
      [&](Module&, const Tensor&, const Tensor& y) {
        ++called;
        return y * 2;
      });
  for (int i = 0; i < 4; ++i) session(x);
  EXPECT_EQ(called, 4);
  EXPECT_TRUE(agree());
  EXPECT_EQ(plan(), nullptr);
}

TEST(InferencePlan, AModuleInTrainingIsCalledItself) {
  Sequential net{make<Linear>(8, 64), make<Dropout>(0.5)};
  InferenceSession session(net);
  const Tensor x = ones({4, 8});
  net.eval();
  for (int i = 0; i < 4; ++i) session(x);
  EXPECT_NE(session.plans().plan_for(x), nullptr);
  net[1].train();
  EXPECT_FALSE(same_bits(session(x), session(x)));
  EXPECT_EQ(session.plans().plan_for(x), nullptr);
}

// Inputs 0, 1 and 2 of the plan's making are alike, so that comparing them shows nothing.
void expect_refused_with_equal_results(Module& module, const char* reason) {
  int call = 0;
  const auto input = [&] { return call++ < 6 ? zeros({4, 4}) : randn({4, 4}) - 1; };
  expect_refused(module, input, reason);
  call = 0;
  module.eval();
  InferenceSession session(module);
  for (int i = 0; i < 9; ++i) {
    const Tensor x = input();
    EXPECT_TRUE(same_bits(session(x.clone()), plainly(module, x.clone()))) << i;
  }
}

TEST(InferencePlan, RefusesWhatIsMoreThanKernels) {
  const auto input = [] { return randn({4, 4}); };
  const char* const by_hand = "other code than kernels";
  Written decides([](const Tensor& x) { return sum(x).item() >= 0 ? x * 2 : x * 3; });
  expect_refused_with_equal_results(decides, "a number is read");
  Written reads([](const Tensor& x) { return to_vector<float>(x)[0] >= 0 ? x * 2 : x * 3; });
  expect_refused_with_equal_results(reads, by_hand);
  Written reads_between([](const Tensor& x) {
    const Tensor y = x * 2;
    const float first = y.data<float>()[0];
    return y * first;
  });
  expect_refused_with_equal_results(reads_between, by_hand);
  Written sorts([](const Tensor& x) { return argsort(x, -1); });
  expect_refused_with_equal_results(sorts, by_hand);
  Written selects([](const Tensor& x) { return masked_select(x, gt(x, 0.5)); });
  expect_refused(selects, [] { return zeros({4, 4}); }, by_hand);
  Written writes([](const Tensor& x) {
    Tensor y = empty(x.shape());
    for (int64_t i = 0; i < x.numel(); ++i) y.data<float>()[i] = 2 * x.data<float>()[i];
    return y + 1;
  });
  expect_refused_with_equal_results(writes, by_hand);
  Written between([](const Tensor& x) {
    Tensor y = x * 2;
    y.data<float>()[0] = 0;
    return y + 1;
  });
  expect_refused_with_equal_results(between, by_hand);
  Written behind([](const Tensor& x) {
    Tensor y = x * 2;
    y.data<float>()[0] = 0;
    return y;
  });
  expect_refused_with_equal_results(behind, by_hand);
  Written places([](const Tensor& x) {  // its places are computed by a loop of its own
    return gather(x, 1, arange(4).reshape({4, 1}));
  });
  expect_refused(places, input, by_hand);
  Written into_zeros([](const Tensor& x) {
    Tensor y = zeros(x.shape());
    for (int64_t i = 0; i < x.numel(); ++i) y.data<float>()[i] = 2 * x.data<float>()[i];
    return y + 1;
  });
  expect_refused_with_equal_results(into_zeros, by_hand);
  Written adds_to_ones([](const Tensor& x) { return ones(x.shape()).add_(x) * 2; });
  expect_refused(adds_to_ones, input, "constants is changed");
  Written draws([](const Tensor& x) { return dropout(x, 0.5, true); });
  expect_refused(draws, input, "random");
  Written randomizes([](const Tensor& x) { return x + randn({4, 4}); });
  expect_refused(randomizes, input, "random");
  Written labelled(
      [](const Tensor& x) { return cross_entropy(ones({4, 4}), sum(x, {1}).to(DType::kI64)); });
  expect_refused(labelled, [] { return zeros({4, 4}); }, by_hand);
  Written elsewhere(
      [](const Tensor& x) { return std::async(std::launch::async, [&] { return x * 2; }).get(); });
  expect_refused(elsewhere, input, "did not make");
  Written written_elsewhere([](const Tensor& x) {
    Tensor y = empty(x.shape());
    std::async(std::launch::async, [&] { y.copy_(x); }).get();
    return y;
  });
  expect_refused(written_elsewhere, input, "no kernel writes its result");
  Written between_elsewhere([](const Tensor& x) {
    Tensor y = empty(x.shape());
    std::async(std::launch::async, [&] { y.copy_(x); }).get();
    return y + 1;
  });
  expect_refused(between_elsewhere, input, "the same result again");
}

TEST(InferencePlan, RefusesTensorsThatAreNotTheModulesOwn) {
  const auto input = [] { return randn({4, 4}); };
  Tensor kept;
  Written keeps([&](const Tensor& x) {
    kept = x * 2;
    return kept + 1;
  });
  expect_refused(keeps, input, "from before is given up");
  Tensor last = randn({4, 4});
  Written gives_up([&](const Tensor& x) {
    const Tensor y = x + last;
    last = zeros({4, 4});
    return y;
  });
  expect_refused(gives_up, input, "");
  Tensor table = randn({4});  // as a module would that makes it longer when it needs more
  Written looks_up([&](const Tensor& x) { return x + table; });
  expect_refused(looks_up, input, "neither made by it nor a parameter");
  looks_up.register_buffer("table", table);
  expect_planned(looks_up, input);
  const Tensor weight = randn({70, 70});  // read through a copy in another order
  Written multiplies([&](const Tensor& x) { return linear(x, weight); });
  expect_refused(multiplies, [] { return randn({2, 70}); }, "weight that is not the module's");
  Sequential stack{make<Linear>(4, 4)};
  const Tensor own = stack.parameters()[0];
  expect_refused(stack, [&] { return own.detach(); }, "its input is a tensor of the module's");
  const Tensor ring = randn({8, 4});
  Written neighbour([&](const Tensor& x) { return x + ring.narrow(0, 4, 4); });
  expect_refused(neighbour, [&] { return ring.narrow(0, 0, 4); }, "neither made by it");
}

TEST(InferencePlan, FunctionsThatChangeThings) {
  Written in_place([](const Tensor& x) { return Tensor(x).add_(1); });
  Written aside([](const Tensor& x) {
    const Tensor y = x * 2;
    Tensor(x).add_(1);
    return y;
  });
  Tensor counter = zeros({1});
  Written counts([&](const Tensor& x) {
    counter.add_(1);
    return x + counter;
  });
  counts.register_buffer("counter", counter);
  const auto why = [](InferenceSession& session, const Tensor& x) {
    std::string reason;
    EXPECT_EQ(session.plans().plan_for(x, &reason), nullptr);
    return reason;
  };
  for (Written* module : {&in_place, &aside}) {
    module->eval();
    InferenceSession session(*module);
    for (int i = 0; i < 5; ++i) {
      const Tensor x = zeros({2});
      EXPECT_EQ(session(x).data<float>()[0], module == &in_place ? 1 : 0);
      EXPECT_EQ(x.data<float>()[0], 1);
    }
    EXPECT_NE(why(session, zeros({2})).find("changes its input"), std::string::npos);
  }
  counts.eval();
  InferenceSession session(counts);
  for (int i = 0; i < 6; ++i) EXPECT_EQ(session(zeros({2})).data<float>()[0], i + 1);
}

TEST(InferencePlan, FollowsWhatTheModuleConsistsOf) {
  Sequential net{make<Linear>(90, 80), make<Linear>(80, 80)};
  net.eval();
  InferenceSession session(net);
  const Tensor x = randn({2, 90}), weights = randn({3, 80, 90});
  const auto settle = [&](const char* what) {
    for (int i = 0; i < 5; ++i) EXPECT_TRUE(same_bits(session(x), plainly(net, x))) << what;
    EXPECT_NE(session.plans().plan_for(x), nullptr) << what;
  };
  settle("at first");
  auto& first = static_cast<Linear&>(net[0]);
  auto& second = static_cast<Linear&>(net[1]);
  const NoGrad no_grad;
  first.weight.set_data(weights[0]);
  settle("other memory");
  first.weight.set_data(weights[1]);
  settle("another place in it");
  first.weight.set_data(randn({90, 80}).t());
  settle("another order");
  net.to(DType::kF64);
  first.weight.mul_(3);
  net.to(DType::kF32);
  settle("converted and back");
  first.weight.set_data(randn({80, 90}));
  first.weight.set_data(randn({80, 90}));
  settle("twice");
  net.push_back(make<ReLU>());
  net.eval();
  settle("a new child");
  Tensor tied = randn({80, 80});
  second.tie_weight(tied.set_requires_grad());
  settle("a tied weight");
}

TEST(InferencePlan, FunctionsThatCallThemselves) {
  InferenceSession* outer = nullptr;
  Written halves([&](const Tensor& x) {
    return x.size(0) == 1 ? x * 2 : x + (*outer)(x.narrow(0, 0, x.size(0) / 2)).sum();
  });
  halves.eval();
  InferenceSession session(halves);
  outer = &session;
  for (int i = 0; i < 6; ++i) {
    const Tensor x = randn({64, 2});
    const Tensor y = session(x);
    EXPECT_TRUE(same_bits(y, plainly(halves, x))) << i;
  }
}

TEST(InferencePlan, MakingOneTakesNoMoreMemoryThanACall) {
  ModelSpec spec = spec_of("resnet20");
  spec.in_channels = 3;
  const auto model = make_model(spec);
  model->eval();
  const Tensor x = randn({32, 3, 32, 32});
  InferenceSession session(*model);
  std::vector<int64_t> peaks;
  for (int i = 0; i < 4; ++i) {
    reset_peak_memory();
    const int64_t before = memory_stats().live_bytes;
    session(x);
    peaks.push_back(memory_stats().peak_bytes - before);
  }
  EXPECT_NE(session.plans().plan_for(x), nullptr);
  EXPECT_LE(peaks[1], 2 * peaks[0]);
  EXPECT_LE(peaks[3], peaks[0]);
}

TEST(InferencePlan, ChecksTheIndicesOfEachCall) {
  Embedding table(5, 3);
  table.eval();
  InferenceSession session(table);
  const Tensor good = from_vector<int64_t>({0, 4}, {2}), bad = from_vector<int64_t>({0, 5}, {2});
  EXPECT_THROW(session(bad), IndexError);
  for (int i = 0; i < 4; ++i) {
    session(good);
    try {
      session(bad);
      FAIL();
    } catch (const IndexError& e) {
      EXPECT_STREQ(e.what(),
                   "embedding: index 5 (entry 1) is out of range: dim 0 of f32 [5, 3] has 5 "
                   "entries.");
    }
  }
  EXPECT_NE(session.plans().plan_for(good), nullptr);
  EXPECT_TRUE(same_bits(session(good), plainly(table, good)));
}

TEST(InferencePlan, SharesMemoryAndAllocatesOnlyTheResult) {
  Sequential net;
  for (int i = 0; i < 10; ++i) {
    net.push_back(make<Linear>(256, 256));
    net.push_back(make<ReLU>());
  }
  net.eval();
  InferenceSession session(net);
  const Tensor x = randn({4, 256});
  for (int i = 0; i < 4; ++i) session(x);
  const Plan* plan = session.plans().plan_for(x);
  ASSERT_NE(plan, nullptr);
  EXPECT_EQ(plan->kernels(), 10u);             // with their activations
  EXPECT_EQ(plan->bytes(), 2u * 4 * 256 * 4);  // what a layer reads, and what it writes
  const int64_t before = memory_stats().allocations;
  const Tensor y = session(x);
  EXPECT_EQ(memory_stats().allocations - before, 1);
}

TEST(InferencePlan, RowsInParts) {
  const auto model = make_model(spec_of("cnn"));
  model->eval();
  InferenceSession session(*model);
  const Tensor x = randn({37, 1, 28, 28});
  const Tensor whole = plainly(*model, x);
  for (const int64_t rows : {1, 5, 8, 37, 100})
    EXPECT_TRUE(same_bits(session.by_rows(x, rows), whole)) << rows;
  EXPECT_THROW(session.by_rows(x, 0), ConfigError);
  Written sums([](const Tensor& t) { return sum(t); });
  sums.eval();
  InferenceSession not_by_rows(sums);
  EXPECT_THROW(not_by_rows.by_rows(x, 5), ShapeError);
}

TEST(InferencePlan, DecodesTheBitsOfEagerDecoding) {
  ModelSpec spec = spec_of("gpt");
  spec.n_layer = 2, spec.n_head = 2, spec.n_embd = 64, spec.block_size = 24;
  Gpt model(spec), unplanned(spec);
  unplanned.load_state_dict(model.state_dict());
  model.eval(), unplanned.eval();
  unplanned.children()[1].second->register_forward_hook(
      [](Module&, const Tensor&, const Tensor&) { return Tensor(); });
  for (const auto weights :
       {WeightPrecision::kF32, WeightPrecision::kBF16, WeightPrecision::kInt8}) {
    const InferenceMode inference(weights);
    KvCache planned(model), eager(unplanned);
    for (int round = 0; round < 3; ++round) {
      planned.clear(), eager.clear();
      const Tensor prompt = randint(0, 65, {1, 3 + round});
      EXPECT_TRUE(same_bits(model.decode(prompt, planned), unplanned.decode(prompt, eager)));
      for (int i = 0; i < 12; ++i) {
        const Tensor token = randint(0, 65, {1, 1});
        EXPECT_TRUE(same_bits(model.decode(token, planned), unplanned.decode(token, eager)))
            << round << " " << i;
        EXPECT_EQ(planned.length(), eager.length());
      }
      EXPECT_THROW(model.decode(from_vector<int64_t>({65}, {1, 1}), planned), IndexError);
    }
  }
}

TEST(InferencePlan, AnotherModelMayTakeTheCache) {
  ModelSpec spec = spec_of("gpt");
  spec.n_layer = 1, spec.n_head = 2, spec.n_embd = 16, spec.block_size = 24;
  Gpt a(spec), b(spec);
  a.eval(), b.eval();
  const InferenceMode inference;
  KvCache cache(a), fresh(b);
  const Tensor token = from_vector<int64_t>({7}, {1, 1});
  for (int i = 0; i < 4; ++i) a.decode(token, cache);
  cache.clear();
  for (int i = 0; i < 4; ++i)
    EXPECT_TRUE(same_bits(b.decode(token, cache), b.decode(token, fresh)));
}

TEST(InferencePlan, ANewModelWhereAnotherOneLay) {
  ModelSpec spec = spec_of("gpt");
  spec.n_layer = 1, spec.n_head = 2, spec.n_embd = 16, spec.block_size = 24;
  const Tensor token = from_vector<int64_t>({7}, {1, 1});
  std::optional<Gpt> model(spec);
  model->eval();
  const InferenceMode inference;
  KvCache cache(*model);
  for (int i = 0; i < 5; ++i) model->decode(token, cache);
  model.emplace(spec);
  model->eval();
  cache.clear();
  KvCache fresh(*model);
  for (int i = 0; i < 5; ++i)
    EXPECT_TRUE(same_bits(model->decode(token, cache), model->decode(token, fresh))) << i;
  spec.n_layer = 2;
  Gpt deeper(spec);
  EXPECT_THROW(deeper.decode(token, cache), ShapeError);
  spec.n_layer = 1, spec.n_embd = 32;
  Gpt wider(spec);
  EXPECT_THROW(wider.decode(token, cache), ShapeError);
}

}  // namespace
}  // namespace tinytorch::nn
