// Every sample of the op table against PyTorch: output and all gradients, in f64 and f32.
// tests/golden/make_golden.py made the values.
#include <gtest/gtest.h>

#include <cmath>

#include "tests/golden/random_cases.h"
#include "tinytorch/core/autograd.h"
#include "tinytorch/data/safetensors.h"
#include "tinytorch/ops/op.h"
#include "tinytorch/ops/ops.h"

namespace tinytorch {
namespace {

const data::TensorFile& stored() {
  static const data::TensorFile file =
      data::read_safetensors(TINYTORCH_SOURCE_DIR "/tests/golden/ops.safetensors");
  return file;
}

Tensor pattern(const Shape& shape, DType dtype) {
  Tensor g = empty(shape, DType::kF64);
  for (int64_t i = 0; i < g.numel(); ++i)
    g.data<double>()[i] = 0.25 + static_cast<double>(i * 7 % 11) / 8;
  return g.to(dtype);
}

void expect_close(const Tensor& ours, const Tensor& reference, double tolerance,
                  const std::string& what) {
  ASSERT_EQ(ours.shape(), reference.shape()) << what;
  const Tensor a = ours.to(DType::kF64).contiguous(), b = reference.to(DType::kF64).contiguous();
  double scale = 1;
  for (int64_t i = 0; i < b.numel(); ++i) scale = std::max(scale, std::abs(b.data<double>()[i]));
  for (int64_t i = 0; i < b.numel(); ++i) {
    const double x = a.data<double>()[i], y = b.data<double>()[i];
    if (std::isnan(x) && std::isnan(y)) continue;
    ASSERT_LE(std::abs(x - y), tolerance * scale)
        << what << " at " << i << ": " << x << " instead of " << y;
  }
}

// Output and gradients of run(inputs) against those stored under `key`. `lay_out` gives each input
// another place in memory; gradients are those of the plain inputs behind it.
template <class Run, class LayOut>
void compare(const std::string& key, const std::vector<Tensor>& inputs, const Run& run, DType dtype,
             LayOut lay_out) {
  const Tensor* out = stored().find(key + "|out");
  if (!out) {
    ADD_FAILURE() << key << " has no reference: run tests/golden/make_golden.py";
    return;
  }
  const double tolerance = dtype == DType::kF64 ? 1e-11 : 2e-5;
  std::vector<Tensor> arguments, wanted;
  for (const Tensor& t : inputs) {
    const Tensor leaf = is_floating(t.dtype()) ? t.to(dtype).clone().set_requires_grad() : t;
    if (leaf.requires_grad()) wanted.push_back(leaf);
    arguments.push_back(lay_out(leaf));
  }
  const Tensor result = run(arguments);
  expect_close(result.detach(), *out, tolerance, key);
  if (!result.requires_grad()) return;
  const std::vector<Tensor> g = grad({result}, wanted, {pattern(result.shape(), dtype)});
  for (size_t i = 0; i < g.size(); ++i) {
    const Tensor* reference = stored().find(key + "|grad" + std::to_string(i));
    if (!reference && !g[i].defined()) continue;  // both have none: a weight of a loss
    ASSERT_NE(reference, nullptr) << key << ": PyTorch has no gradient " << i;
    ASSERT_TRUE(g[i].defined()) << key << ": no gradient " << i;
    expect_close(g[i], *reference, tolerance, key + " gradient " + std::to_string(i));
  }
}

Tensor as_it_is(const Tensor& x) {
  return x;
}
// The same values with gaps between them and the dimensions in reverse order in memory.
Tensor with_gaps(const Tensor& x) {
  Tensor t = x;
  for (int i = 0; i < x.dim() / 2; ++i) t = t.transpose(i, x.dim() - 1 - i);
  t = stack({t, t}, -1).select(-1, 1);
  for (int i = 0; i < x.dim() / 2; ++i) t = t.transpose(i, x.dim() - 1 - i);
  return t;
}
// A part in the middle of a larger tensor.
Tensor sliced(const Tensor& x) {
  if (x.dim() == 0) return x;
  return cat({x, x, x}, 0).narrow(0, x.size(0), x.size(0));
}

TEST(GoldenOps, OutputsAndGradientsEqualPyTorch) {
  int64_t checked = 0;
  for (const OpInfo* op : all_ops()) {
    if (std::string(op->name) == "dropout") continue;  // other random numbers
    SampleMaker maker;
    for (const Sample& sample : op->samples(maker))
      for (const DType dtype : {DType::kF64, DType::kF32}) {
        const std::string key = std::string(op->name) + ": " + sample.label;
        compare(key, sample.inputs, sample.run, dtype, as_it_is);
        ++checked;
      }
  }
  EXPECT_GT(checked, 200);
}

TEST(GoldenOps, RandomShapesStridesAndBroadcastsEqualPyTorch) {
  const std::vector<golden::RandomCase> cases = golden::random_cases();
  EXPECT_GT(cases.size(), 150u);
  for (const golden::RandomCase& c : cases)
    for (const DType dtype : {DType::kF64, DType::kF32}) {
      SCOPED_TRACE(c.python + (dtype == DType::kF64 ? ", f64" : ", f32"));
      try {
        compare(c.name, c.inputs, c.run, dtype, as_it_is);
        compare(c.name, c.inputs, c.run, dtype, with_gaps);
        compare(c.name, c.inputs, c.run, dtype, sliced);
      } catch (const Error& e) {
        ADD_FAILURE() << c.name << ": " << e.what();
      }
    }
}

}  // namespace
}  // namespace tinytorch
