// Smallest and largest values and where they are: what max and argmax of reduce.cpp leave out.
#include "tinytorch/ops/common.h"
#include "tinytorch/ops/reduction.h"
#include "tinytorch/ops/statistics.h"

namespace tinytorch {

namespace {

Tensor shared(const Tensor& x, std::span<const int64_t> dims, bool keepdim, Extreme which,
              const char* op) {
  const DimList list = resolve_dims(x, dims, op);
  Tensor out = extreme_dims(x, list, keepdim, which, op).first;
  if (needs_grad(x)) record_shared(op, out, x, list, keepdim);
  return out;
}

Tensor position(const Tensor& x, Extreme which, const char* op) {
  const NoGrad no_grad;
  const Tensor row = x.reshape({x.numel()});
  return extreme_dims(row, resolve_dims(row, {}, op), false, which, op).second;
}

}  // namespace

Tensor min(const Tensor& x) {
  return shared(x, {}, false, Extreme::kSmallest, "min");
}
std::pair<Tensor, Tensor> min(const Tensor& x, int64_t dim, bool keepdim) {
  const int64_t one[] = {dim};
  const DimList list = resolve_dims(x, one, "min");
  auto [out, index] = extreme_dims(x, list, keepdim, Extreme::kSmallest, "min");
  if (needs_grad(x)) record_picked("min", out, x, index, list, keepdim);
  return {out, index};
}

Tensor argmin(const Tensor& x, int64_t dim, bool keepdim) {
  const int64_t one[] = {dim};
  return extreme_dims(x, resolve_dims(x, one, "argmin"), keepdim, Extreme::kSmallest, "argmin")
      .second;
}
Tensor argmin(const Tensor& x) {
  return position(x, Extreme::kSmallest, "argmin");
}
Tensor argmax(const Tensor& x) {
  return position(x, Extreme::kLargest, "argmax");
}

Tensor amax(const Tensor& x, std::span<const int64_t> dims, bool keepdim) {
  return shared(x, dims, keepdim, Extreme::kLargest, "amax");
}
Tensor amin(const Tensor& x, std::span<const int64_t> dims, bool keepdim) {
  return shared(x, dims, keepdim, Extreme::kSmallest, "amin");
}

// ---- the table

namespace {

using Inputs = const std::vector<Tensor>&;
using ReduceFn = Tensor (*)(const Tensor&, std::span<const int64_t>, bool);

template <ReduceFn fn>
std::vector<Sample> samples(SampleMaker& m) {
  const auto over = [](std::vector<int64_t> dims, bool keepdim) {
    return [dims = std::move(dims), keepdim](Inputs t) { return fn(t[0], dims, keepdim); };
  };
  return {{"all", {m.distinct({3, 4})}, over({}, false)},
          {"last", {m.distinct({3, 11})}, over({-1}, false)},
          {"first, keepdim", {m.distinct({5, 4})}, over({0}, true)},
          {"outer two of four", {m.distinct({2, 3, 2, 2})}, over({0, 2}, false)},
          {"image",
           {m.distinct({2, 3, 4, 2}).contiguous(MemoryFormat::kChannelsLast)},
           over({-2, -1}, true)},
          {"scalar", {m.distinct({})}, over({}, false)},
          {"no rows", {m.distinct({0, 3})}, over({1}, false)},
          {"integers", {m.indices({3, 5}, 9)}, over({1}, false)}};
}
std::vector<Sample> min_samples(SampleMaker& m) {
  return {{"all", {m.distinct({3, 4})}, [](Inputs t) { return min(t[0]); }},
          {"dim 1", {m.distinct({3, 5})}, [](Inputs t) { return min(t[0], 1).first; }},
          {"dim 0, keepdim",
           {m.distinct({3, 2, 2})},
           [](Inputs t) { return min(t[0], 0, true).first; }},
          {"scalar", {m.distinct({})}, [](Inputs t) { return min(t[0], -1).first; }},
          {"indices", {m.indices({4, 9}, 100)}, [](Inputs t) { return min(t[0], 1).first; }}};
}
std::vector<Sample> argmin_samples(SampleMaker& m) {
  return {{"last", {m.distinct({4, 9})}, [](Inputs t) { return argmin(t[0], -1); }},
          {"dim 0, keepdim", {m.distinct({4, 3})}, [](Inputs t) { return argmin(t[0], 0, true); }},
          {"all", {m.distinct({3, 5})}, [](Inputs t) { return argmin(t[0]); }},
          {"all, largest", {m.distinct({3, 5})}, [](Inputs t) { return argmax(t[0]); }}};
}
Cost cost(const Sample& s, const Tensor& out) {
  Cost c = streaming_cost(s, out);
  c.flops = static_cast<double>(s.inputs[0].numel());
  return c;
}
std::vector<ErrorCase> min_errors() {
  return {{"empty", [] { min(zeros({2, 0}), 1); },
           "min: dim 1 of f32 [2, 0] is empty: there is no minimum"},
          {"nothing", [] { min(zeros({0})); }, "there is no minimum"}};
}
std::vector<ErrorCase> argmin_errors() {
  return {{"dim", [] { argmin(zeros({2, 3}), 2); }, "argmin: dim 2 is out of range"},
          {"nothing", [] { argmin(zeros({0})); }, "there is no minimum"}};
}
std::vector<ErrorCase> amax_errors() {
  return {{"dim", [] { amax(zeros({2, 3}), {2}); }, "amax: dim 2 is out of range"},
          {"twice", [] { amax(zeros({2, 3}), {1, -1}); }, "amax: dim -1 is named twice"},
          {"empty", [] { amin(zeros({2, 0})); }, "amin: dim 1 of f32 [2, 0] is empty"}};
}

const OpInfo kTable[] = {
    {"min", "min(x), min(x, dim, keepdim)", "smallest value, and where it is",
     "g at the minimum; shared by equals in min(x)", "the index; for min(x): x", "max", min_samples,
     cost, min_errors},
    {"argmin", "argmin(x, dim, keepdim), argmin(x), argmax(x)", "index of the first smallest value",
     "none: an index", "nothing", "max", argmin_samples, cost, argmin_errors},
    {"amax", "amax(x, dims, keepdim)", "largest value over dims", "g / count at the maxima",
     "x, its output", "max", samples<amax>, cost, amax_errors},
    {"amin", "amin(x, dims, keepdim)", "smallest value over dims", "g / count at the minima",
     "x, its output", "max", samples<amin>, cost, amax_errors},
};

}  // namespace

std::span<const OpInfo> extreme_values_ops() {
  return kTable;
}

}  // namespace tinytorch
