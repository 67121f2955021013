// Every sample of the op table against PyTorch: output and all gradients, in f64 and f32.
// tests/golden/make_golden.py made the values.
#include <gtest/gtest.h>

#include <cmath>

#include "tinytorch/core/autograd.h"
#include "tinytorch/data/safetensors.h"
#include "tinytorch/ops/op.h"
#include "tinytorch/ops/ops.h"

namespace tinytorch {
namespace {

const data::TensorFile& golden() {
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

TEST(GoldenOps, OutputsAndGradientsEqualPyTorch) {
  int64_t checked = 0;
  for (const OpInfo* op : all_ops()) {
    if (std::string(op->name) == "dropout") continue;  // other random numbers
    SampleMaker maker;
    for (const Sample& sample : op->samples(maker)) {
      const std::string key = std::string(op->name) + ": " + sample.label;
      const Tensor* out = golden().find(key + "|out");
      if (!out) {
        ADD_FAILURE() << key << " has no reference: run tests/golden/make_golden.py";
        continue;
      }
      for (const DType dtype : {DType::kF64, DType::kF32}) {
        const double tolerance = dtype == DType::kF64 ? 1e-11 : 2e-5;
        std::vector<Tensor> inputs, wanted;
        for (const Tensor& t : sample.inputs) {
          inputs.push_back(is_floating(t.dtype()) ? t.to(dtype).clone().set_requires_grad() : t);
          if (inputs.back().requires_grad()) wanted.push_back(inputs.back());
        }
        const Tensor result = sample.run(inputs);
        expect_close(result.detach(), *out, tolerance, key);
        ++checked;
        if (!result.requires_grad()) continue;
        const std::vector<Tensor> g = grad({result}, wanted, {pattern(result.shape(), dtype)});
        for (size_t i = 0; i < g.size(); ++i) {
          const Tensor* reference = golden().find(key + "|grad" + std::to_string(i));
          ASSERT_NE(reference, nullptr) << key << ": PyTorch has no gradient " << i;
          expect_close(g[i], *reference, tolerance, key + " gradient " + std::to_string(i));
        }
      }
    }
  }
  EXPECT_GT(checked, 200);
}

}  // namespace
}  // namespace tinytorch
