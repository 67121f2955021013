// The one list of all operations, and what their samples are made of.
#include <algorithm>
#include <cmath>

#include "tinytorch/ops/op.h"

namespace tinytorch {

#define TINYTORCH_OPS(name) std::span<const OpInfo> name##_ops();
#include "tinytorch/ops/op_table.inc"
#undef TINYTORCH_OPS

std::span<const OpInfo* const> all_ops() {
  static const std::vector<const OpInfo*> ops = [] {
    std::vector<const OpInfo*> list;
    for (const auto family : {
#define TINYTORCH_OPS(name) name##_ops,
#include "tinytorch/ops/op_table.inc"
#undef TINYTORCH_OPS
         })
      for (const OpInfo& op : family()) list.push_back(&op);
    return list;
  }();
  return ops;
}

Cost streaming_cost(const Sample& sample, const Tensor& out, double flops_per_element) {
  Cost cost;
  cost.flops = flops_per_element * static_cast<double>(out.numel());
  const auto bytes = [](const Tensor& t) {
    return static_cast<double>(t.numel()) * item_size(t.dtype());
  };
  for (const Tensor& t : sample.inputs) cost.bytes += bytes(t);
  cost.bytes += bytes(out);
  return cost;
}

// ---- samples: splitmix64 (Steele, Lea, Flood 2014), so that they need no generator of the library

double SampleMaker::next() {
  uint64_t z = state_ += 0x9e3779b97f4a7c15ull;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
  return static_cast<double>((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

Tensor SampleMaker::uniform(const Shape& shape, double low, double high) {
  Tensor t = empty(shape);
  for (int64_t i = 0; i < t.numel(); ++i)
    t.data<float>()[i] = static_cast<float>(low + (high - low) * next());
  return t;
}

Tensor SampleMaker::normal(const Shape& shape) {  // sum of twelve uniforms: near enough
  Tensor t = empty(shape);
  for (int64_t i = 0; i < t.numel(); ++i) {
    double sum = -6;
    for (int k = 0; k < 12; ++k) sum += next();
    t.data<float>()[i] = static_cast<float>(sum);
  }
  return t;
}

Tensor SampleMaker::distinct(const Shape& shape) {
  const int64_t n = shape.product();
  const int64_t half = n / 2;
  std::vector<float> values(static_cast<size_t>(n));
  for (int64_t i = 0; i < n; ++i)  // 0.03 apart, half below zero, none at zero
    values[static_cast<size_t>(i)] = (static_cast<float>(i - half) + 0.5f) * 0.03f;
  for (int64_t i = n - 1; i > 0; --i)
    std::swap(values[static_cast<size_t>(i)],
              values[static_cast<size_t>(next() * static_cast<double>(i + 1))]);
  return from_vector(values, shape);
}

Tensor SampleMaker::indices(const Shape& shape, int64_t below) {
  Tensor t = empty(shape, DType::kI64);
  for (int64_t i = 0; i < t.numel(); ++i)
    t.data<int64_t>()[i] = static_cast<int64_t>(next() * static_cast<double>(below));
  return t;
}

Tensor SampleMaker::mask(const Shape& shape) {
  Tensor t = empty(shape, DType::kBool);
  for (int64_t i = 0; i < t.numel(); ++i) t.data<bool>()[i] = next() < 0.5;
  return t;
}

}  // namespace tinytorch
