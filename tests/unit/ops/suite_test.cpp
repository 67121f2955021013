// The suite that follows from the op table: every operation on every sample, in all the ways that
// have nothing to do with its formula. The formulas' own references are PyTorch's values
// (tests/unit/golden) and the numerical gradient here.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <set>

#include "tinytorch/core/autograd.h"
#include "tinytorch/core/parallel.h"
#include "tinytorch/kernels/registry.h"
#include "tinytorch/kernels/simd/isa.h"
#include "tinytorch/ops/math.h"
#include "tinytorch/ops/op.h"
#include "tinytorch/ops/ops.h"
#include "tinytorch/ops/plan.h"

namespace tinytorch {
namespace {

using Inputs = std::vector<Tensor>;

std::string at(const OpInfo& op, const Sample& sample) {
  return std::string(op.name) + ": " + sample.label;
}

// Calls check(op, sample) for every sample of every operation.
template <class Check>
void for_each_sample(Check check) {
  for (const OpInfo* op : all_ops()) {
    SampleMaker maker;
    for (const Sample& sample : op->samples(maker)) {
      SCOPED_TRACE(at(*op, sample));
      try {
        check(*op, sample);
      } catch (const std::exception& e) {
        ADD_FAILURE() << e.what();
      }
    }
  }
}

Inputs convert(const Inputs& inputs, DType dtype, bool with_grad) {
  Inputs out;
  for (const Tensor& t : inputs) {
    Tensor c = is_floating(t.dtype()) ? t.to(dtype).clone() : t;
    if (with_grad && is_floating(t.dtype())) c.set_requires_grad();
    out.push_back(c);
  }
  return out;
}

// The same values in memory with gaps and another order of dimensions.
Tensor scattered(const Tensor& x) {
  const NoGrad no_grad;
  if (x.dim() == 0) return x;
  Shape reversed;
  for (int i = x.dim() - 1; i >= 0; --i) reversed.push_back(x.shape()[i]);
  reversed[0] *= 2;
  Tensor wide = full(reversed, 77, x.dtype());
  Tensor view = wide.slice(0, 0, reversed[0], 2);
  for (int i = 0, j = x.dim() - 1; i < j; ++i, --j) view = view.transpose(i, j);
  view.copy_(x);
  return view;
}

// Largest |a - b| over the largest |b| (at least 1); NaN and infinity must agree.
double difference(const Tensor& a, const Tensor& b) {
  const Tensor x = a.to(DType::kF64).contiguous(), y = b.to(DType::kF64).contiguous();
  double scale = 1, worst = 0;
  for (int64_t i = 0; i < y.numel(); ++i) {
    const double u = x.data<double>()[i], v = y.data<double>()[i];
    if (std::isfinite(v)) scale = std::max(scale, std::abs(v));
    if (u == v || (std::isnan(u) && std::isnan(v))) continue;
    worst = std::isfinite(u - v) ? std::max(worst, std::abs(u - v)) : HUGE_VAL;
  }
  return worst / scale;
}

bool same_bits(const Tensor& a, const Tensor& b) {
  if (a.shape() != b.shape() || a.dtype() != b.dtype()) return false;
  const Tensor x = a.contiguous(), y = b.contiguous();
  return x.numel() == 0 || std::memcmp(x.raw_data(), y.raw_data(),
                                       static_cast<size_t>(x.numel()) * item_size(x.dtype())) == 0;
}

// Output and gradients of all floating inputs, for an output gradient of fixed pattern.
Inputs forward_and_gradients(const Sample& sample, const Inputs& inputs,
                             bool create_graph = false) {
  Inputs result = {sample.run(inputs)};
  if (!result[0].requires_grad()) return result;
  Tensor g = empty(result[0].shape(), result[0].dtype());
  g.fill_(0);
  for (int64_t i = 0; i < g.numel(); ++i) {
    const double v = 0.25 + static_cast<double>(i * 7 % 11) / 8;
    if (g.dtype() == DType::kF64) g.data<double>()[i] = v;
    if (g.dtype() == DType::kF32) g.data<float>()[i] = static_cast<float>(v);
  }
  Inputs wanted;
  for (const Tensor& t : inputs)
    if (t.requires_grad()) wanted.push_back(t);
  for (Tensor& d : grad({result[0]}, wanted, {g}, false, create_graph)) result.push_back(d);
  return result;
}

bool has_gradient(const OpInfo& op) {
  return std::strncmp(op.gradient, "none", 4) != 0;
}
// Whether this call has one: not on integers alone.
bool has_gradient(const OpInfo& op, const Sample& sample) {
  return has_gradient(op) && std::any_of(sample.inputs.begin(), sample.inputs.end(),
                                         [](const Tensor& t) { return is_floating(t.dtype()); });
}

TEST(OpSuite, EveryOperationIsDescribed) {
  std::set<std::string> names;
  for (const OpInfo* op : all_ops()) {
    SCOPED_TRACE(op->name);
    EXPECT_TRUE(names.insert(op->name).second) << "named twice";
    SampleMaker maker;
    EXPECT_FALSE(op->samples(maker).empty());
    EXPECT_GT(std::strlen(op->doc), 1u);
    EXPECT_GT(std::strlen(op->gradient), 0u);
    EXPECT_GT(std::strlen(op->saves), 0u);
    std::string list = op->kernels;
    for (size_t begin = 0; begin < list.size();) {
      const size_t end = std::min(list.find(' ', begin), list.size());
      EXPECT_NE(kernels::find_kernel(list.substr(begin, end - begin)), nullptr)
          << list.substr(begin, end - begin);
      begin = end + 1;
    }
  }
  EXPECT_GE(names.size(), 40u);
}

TEST(OpSuite, GradientsEqualCentralDifferencesInF64) {
  for_each_sample([](const OpInfo& op, const Sample& sample) {
    if (!has_gradient(op, sample)) return;
    const Inputs inputs = convert(sample.inputs, DType::kF64, true);
    const GradCheck check =
        grad_check([&](const Inputs& in) { return sample.run(in); }, inputs, 1e-6, op.tolerance);
    EXPECT_TRUE(check.ok) << check.message;
  });
}

// What a call gives: its bits, or its error.
struct Outcome {
  Tensor value;
  std::string error;
  template <class Fn>
  explicit Outcome(Fn fn) {
    try {
      value = fn();
    } catch (const Error& e) {
      error = e.what();
    }
  }
  bool operator==(const Outcome& o) const {
    return error == o.error && (!error.empty() || same_bits(value, o.value));
  }
};

// A plan is made of calls with one input and meets others: whatever an operation decides or reads
// by itself, not by kernels, must not be in it. Each input in turn is what changes.
TEST(OpSuite, PlansGiveTheBitsOfTheOperation) {
  const NoGrad no_grad;
  int planned = 0, refused = 0;
  const auto check = [&](const Sample& sample, size_t changing, const Tensor& first,
                         const std::vector<Tensor>& others) {
    const auto run = [&](const Tensor& x) {
      Inputs inputs = sample.inputs;
      inputs[changing] = x;
      return sample.run(inputs);
    };
    PlannedCalls calls;
    const WatchedTensors known(sample.inputs);
    for (int i = 0; i < 3; ++i) Outcome([&] { return calls(run, first.clone(), known); });
    ++(calls.plan_for(first) ? planned : refused);
    for (const Tensor& x : others) {
      const Outcome expected([&] { return run(x.clone()); }), again([&] { return run(x.clone()); });
      if (!(expected == again)) return;  // random numbers
      const Outcome got([&] { return calls(run, x.clone(), known); });
      EXPECT_TRUE(got == expected) << "input " << changing << " " << got.error << expected.error;
    }
  };
  for_each_sample([&](const OpInfo&, const Sample& sample) {
    for (size_t k = 0; k < sample.inputs.size(); ++k) {
      const Tensor x = sample.inputs[k].contiguous();
      const Tensor turned = x.reshape({-1})
                                .index_select(0, arange(x.numel()) * -1 + (x.numel() - 1))
                                .reshape(x.shape());
      const Tensor nothing = zeros(x.shape(), x.dtype());
      check(sample, k, x, {turned, nothing, x});
      check(sample, k, nothing, {x, turned, nothing});
      check(sample, k, turned, {x, nothing, turned});
    }
  });
  EXPECT_GT(planned, 3 * refused) << planned << " planned, " << refused << " refused";
}

// The gradients of sum(output * weights) as one vector, differentiable by the inputs and, the last
// of `in`, by the weights. What is cut off counts as constant, which the numbers would show.
Tensor flat_gradients(const Sample& sample, const Inputs& in) {
  const GradMode recording(true);  // also where the numerical check calls without grad mode
  const Inputs inputs(in.begin(), in.end() - 1);
  Inputs wanted, parts = {sum(in.back()).reshape({1}) * 0};
  for (const Tensor& t : inputs)
    if (t.requires_grad()) wanted.push_back(t);
  for (const Tensor& g : grad({sample.run(inputs)}, wanted, {in.back()}, true, true))
    if (g.defined()) parts.push_back(g.reshape({g.numel()}));
  return cat(parts);
}

TEST(OpSuite, SecondGradientsEqualCentralDifferencesInF64) {
  for_each_sample([](const OpInfo& op, const Sample& sample) {
    if (!has_gradient(op, sample)) return;
    Inputs inputs = convert(sample.inputs, DType::kF64, true);
    const Tensor out = sample.run(inputs);
    if (out.numel() == 0) return;
    Tensor weights = empty(out.shape(), DType::kF64);
    for (int64_t i = 0; i < out.numel(); ++i)
      weights.data<double>()[i] = 0.5 + static_cast<double>(i * 5 % 13) / 8;
    inputs.push_back(weights.set_requires_grad());
    if (!op.double_backward) {
      EXPECT_THROW(flat_gradients(sample, inputs), GradError) << "it has one: say so in the table";
      return;
    }
    const GradCheck check = grad_check([&](const Inputs& in) { return flat_gradients(sample, in); },
                                       inputs, 1e-6, 10 * op.tolerance);
    EXPECT_TRUE(check.ok) << check.message;
  });
}

// Many operations have two formulas: a kernel, and differentiable operations where a graph of the
// gradient is asked for. They say the same.
TEST(OpSuite, GradientsAreTheSameWithAGraphOfTheirOwn) {
  for_each_sample([](const OpInfo& op, const Sample& sample) {
    if (!has_gradient(op, sample) || !op.double_backward) return;
    const Inputs inputs = convert(sample.inputs, DType::kF64, true);
    const Inputs plain = forward_and_gradients(sample, inputs);
    const Inputs again = forward_and_gradients(sample, inputs, true);
    for (size_t i = 0; i < plain.size(); ++i) {
      ASSERT_EQ(again[i].defined(), plain[i].defined()) << i;
      if (plain[i].defined()) {
        EXPECT_LT(difference(again[i].detach(), plain[i].detach()), 1e-12) << i;
      }
    }
  });
}

TEST(OpSuite, OperationsWithoutGradientGiveNone) {
  for_each_sample([](const OpInfo& op, const Sample& sample) {
    if (has_gradient(op)) return;
    EXPECT_FALSE(sample.run(convert(sample.inputs, DType::kF32, true)).requires_grad());
  });
}

TEST(OpSuite, F32AgreesWithF64) {
  for_each_sample([](const OpInfo&, const Sample& sample) {
    const Inputs fast = forward_and_gradients(sample, convert(sample.inputs, DType::kF32, true));
    const Inputs exact = forward_and_gradients(sample, convert(sample.inputs, DType::kF64, true));
    ASSERT_EQ(fast.size(), exact.size());
    for (size_t i = 0; i < fast.size(); ++i) {
      ASSERT_EQ(fast[i].defined(), exact[i].defined()) << i;
      if (fast[i].defined()) {
        EXPECT_LT(difference(fast[i], exact[i]), 3e-5) << (i ? "gradient " : "output ") << i;
      }
    }
  });
}

TEST(OpSuite, EveryKernelVariantAgreesWithLoops) {
  for_each_sample([](const OpInfo& op, const Sample& sample) {
    const std::string list = op.kernels;
    const auto run = [&](const char* variant) {
      std::vector<std::unique_ptr<kernels::KernelOverride>> chosen;
      for (size_t begin = 0; begin < list.size();) {
        const size_t end = std::min(list.find(' ', begin), list.size());
        const std::string name = list.substr(begin, end - begin);
        const kernels::KernelBase* kernel = kernels::find_kernel(name);
        if (kernel && kernel->find(variant) >= 0)
          chosen.push_back(std::make_unique<kernels::KernelOverride>(name, variant));
        begin = end + 1;
      }
      return forward_and_gradients(sample, convert(sample.inputs, DType::kF32, true));
    };
    const Inputs loops = run("loops");
    for (const char* variant : {"tiled", "simd"}) {
      const Inputs other = run(variant);
      for (size_t i = 0; i < loops.size(); ++i)
        if (loops[i].defined()) {
          EXPECT_LT(difference(other[i], loops[i]), 3e-5) << variant << " " << i;
        }
    }
  });
}

TEST(OpSuite, StridesChangeNoValue) {
  for_each_sample([](const OpInfo&, const Sample& sample) {
    const Inputs plain = convert(sample.inputs, DType::kF32, true);
    Inputs wild;
    for (const Tensor& t : sample.inputs) {
      wild.push_back(scattered(t));
      if (is_floating(t.dtype())) wild.back().set_requires_grad();
    }
    const Inputs a = forward_and_gradients(sample, plain), b = forward_and_gradients(sample, wild);
    ASSERT_EQ(a[0].shape(), b[0].shape());
    // dropout numbers its mask by memory order: strides that are dense in another order move it
    for (size_t i = 0; i < a.size(); ++i)
      if (a[i].defined()) {
        EXPECT_LT(difference(b[i], a[i]), 2e-6) << i;
      }
  });
}

TEST(OpSuite, BitsDoNotDependOnThreads) {
  const int before = num_threads();
  for_each_sample([](const OpInfo&, const Sample& sample) {
    Inputs reference;
    for (const int threads : {1, 2, 3}) {
      set_num_threads(threads);
      const Inputs result =
          forward_and_gradients(sample, convert(sample.inputs, DType::kF32, true));
      if (threads == 1) reference = result;
      for (size_t i = 0; i < result.size(); ++i)
        if (result[i].defined()) {
          EXPECT_TRUE(same_bits(result[i], reference[i])) << threads << " threads, " << i;
        }
    }
  });
  set_num_threads(before);
}

TEST(OpSuite, BitsDoNotDependOnTheVectorWidth) {
  if (!kernels::set_isa("avx512") || !kernels::set_isa("avx2"))
    GTEST_SKIP() << "needs AVX-512 and AVX2";
  for_each_sample([](const OpInfo&, const Sample& sample) {
    kernels::set_isa("avx512");
    const Inputs wide = forward_and_gradients(sample, convert(sample.inputs, DType::kF32, true));
    kernels::set_isa("avx2");
    const Inputs narrow = forward_and_gradients(sample, convert(sample.inputs, DType::kF32, true));
    for (size_t i = 0; i < wide.size(); ++i)
      if (wide[i].defined()) {
        EXPECT_TRUE(same_bits(wide[i], narrow[i])) << i;
      }
  });
  kernels::set_isa(nullptr);
}

// Of two zeros the second one, as x86's instruction has it.
TEST(OpSuite, MaximumAndMinimumOfZerosHaveTheSameSignOnEveryTarget) {
  const Tensor positive = zeros({33}), negative = -positive;
  for (const char* isa : {"avx512", "avx2", "scalar"}) {
    if (!kernels::set_isa(isa)) continue;
    for (const bool largest : {true, false}) {
      const auto pick = [&](const Tensor& a, const Tensor& b) {
        return largest ? maximum(a, b) : minimum(a, b);
      };
      EXPECT_TRUE(same_bits(pick(positive, negative), negative)) << isa;
      EXPECT_TRUE(same_bits(pick(negative, positive), positive)) << isa;
    }
  }
  kernels::set_isa(nullptr);
}

TEST(OpSuite, InputsAreNotChanged) {
  for_each_sample([](const OpInfo&, const Sample& sample) {
    const Inputs inputs = convert(sample.inputs, DType::kF32, true);
    Inputs before;
    for (const Tensor& t : inputs) before.push_back(t.detach().clone());
    forward_and_gradients(sample, inputs);
    for (size_t i = 0; i < inputs.size(); ++i) EXPECT_TRUE(same_bits(inputs[i], before[i])) << i;
  });
}

TEST(OpSuite, GradientsHaveTheInputsShapeAndDtype) {
  for_each_sample([](const OpInfo& op, const Sample& sample) {
    if (!has_gradient(op)) return;
    const Inputs inputs = convert(sample.inputs, DType::kF32, true);
    const Inputs result = forward_and_gradients(sample, inputs);
    size_t g = 1;
    for (const Tensor& t : inputs)
      if (t.requires_grad()) {
        ASSERT_LT(g, result.size());
        ASSERT_TRUE(result[g].defined()) << "cut graph";
        EXPECT_EQ(result[g].shape(), t.shape());
        EXPECT_EQ(result[g++].dtype(), t.dtype());
      }
  });
}

TEST(OpSuite, ErrorsSayWhatIsWrong) {
  for (const OpInfo* op : all_ops()) {
    if (!op->errors) continue;
    for (const ErrorCase& c : op->errors()) {
      SCOPED_TRACE(std::string(op->name) + ": " + c.label);
      try {
        c.run();
        ADD_FAILURE() << "no error";
      } catch (const Error& e) {
        EXPECT_NE(std::string(e.what()).find(c.expected), std::string::npos) << e.what();
      }
    }
  }
}

TEST(OpSuite, CostsArePositiveWhereWorkIsDone) {
  for_each_sample([](const OpInfo& op, const Sample& sample) {
    const Tensor out = sample.run(convert(sample.inputs, DType::kF32, false));
    const Cost cost = op.cost(sample, out);
    EXPECT_GE(cost.flops, 0);
    EXPECT_GE(cost.bytes, 0);
    if (*op.kernels && out.numel() > 0) {
      EXPECT_GT(cost.bytes, 0);
    }
  });
}

}  // namespace
}  // namespace tinytorch
