// Products and running sums.
#include "tinytorch/kernels/call.h"
#include "tinytorch/kernels/cumsum.h"
#include "tinytorch/ops/common.h"
#include "tinytorch/ops/statistics.h"

namespace tinytorch {

namespace {

// x with dim d multiplied up to size 1: the first half times the second, until one is left. The
// gradients of the products are the right ones with zeros, too: nothing is ever divided.
Tensor multiplied(Tensor x, int d) {
  int64_t n = x.shape()[d];
  if (n == 0) {
    const int64_t one[] = {d};
    return sum(x, one, true) + 1;
  }
  Tensor odd;  // the product of those that had no partner
  for (; n > 1; n /= 2) {
    if (n % 2 != 0) {
      const Tensor last = x.narrow(d, n - 1, 1);
      odd = odd.defined() ? odd * last : last;
    }
    x = x.narrow(d, 0, n / 2) * x.narrow(d, n / 2, n / 2);
  }
  return odd.defined() ? x * odd : x;
}

// What products and sums are computed in.
DType wide_type(DType dtype) {
  return !is_floating(dtype) ? DType::kI64 : dtype == DType::kBF16 ? DType::kF32 : dtype;
}
DType result_of(DType dtype) {
  return is_floating(dtype) ? dtype : DType::kI64;
}

Tensor running_sum(const Tensor& x, int d, bool reverse) {
  const Tensor dense = [&] {
    const NoGrad no_grad;
    return x.contiguous();
  }();
  Tensor out = empty(x.shape(), x.dtype());
  const auto run = [&](auto type) {
    using T = decltype(type);
    kernels::CumsumArgs<T> args{1, x.shape()[d], 1, dense.data<T>(), out.data<T>(), reverse};
    for (int i = 0; i < d; ++i) args.outer *= x.shape()[i];
    for (int i = d + 1; i < x.dim(); ++i) args.inner *= x.shape()[i];
    kernels::call(kernels::cumsum<T>, args);
  };
  x.dtype() == DType::kI64 ? run(int64_t{}) : with_float(x.dtype(), "cumsum", run);
  if (needs_grad(x))
    set_gradient(
        "cumsum", out, {&x},
        [d, reverse](GradContext& c) { c.set(0, running_sum(c.grad(), d, !reverse)); },
        Formula::kComposed);
  return out;
}

}  // namespace

Tensor prod(const Tensor& x) {
  const Tensor row = x.to(wide_type(x.dtype())).reshape({x.numel()});
  return multiplied(row, 0).reshape({}).to(result_of(x.dtype()));
}
Tensor prod(const Tensor& x, int64_t dim, bool keepdim) {
  const int d = normalize_dim(dim, x.dim(), "prod");
  if (x.dim() == 0) return prod(x);
  const Tensor y = multiplied(x.to(wide_type(x.dtype())), d).to(result_of(x.dtype()));
  return keepdim ? y : y.squeeze(d);
}

Tensor cumsum(const Tensor& x, int64_t dim) {
  const int d = normalize_dim(dim, x.dim(), "cumsum");
  const Tensor wide = x.to(wide_type(x.dtype()));
  if (x.dim() == 0)
    return running_sum(wide.reshape({1}), 0, false).reshape({}).to(result_of(x.dtype()));
  return running_sum(wide, d, false).to(result_of(x.dtype()));
}

// ---- the table

namespace {

using Inputs = const std::vector<Tensor>&;

std::vector<Sample> prod_samples(SampleMaker& m) {
  const auto over = [](int64_t d, bool keepdim) {
    return [d, keepdim](Inputs t) { return prod(t[0], d, keepdim); };
  };
  const auto all = [](Inputs t) { return prod(t[0]); };
  return {
      {"all", {m.uniform({3, 5}, -2, 2)}, all},
      {"last", {m.uniform({3, 7}, -2, 2)}, over(-1, false)},
      {"first, keepdim", {m.uniform({6, 2}, -2, 2)}, over(0, true)},
      {"middle", {m.uniform({2, 3, 4}, -2, 2)}, over(1, false)},
      {"of one", {m.uniform({3, 1}, -2, 2)}, over(1, false)},
      {"no zero, one, two", {Tensor::of({1, 2, 3, 4, 0, 6, 0, 8, 0}, Shape{3, 3})}, over(1, false)},
      {"scalar", {m.uniform({}, -2, 2)}, over(0, false)},
      {"of nothing", {m.normal({2, 0})}, over(1, false)},
      {"empty", {m.normal({0, 3})}, over(1, false)},
      {"integers", {m.indices({3, 5}, 9)}, over(1, false)},
      {"truth values", {m.mask({3, 2})}, over(1, false)}};
}
std::vector<Sample> cumsum_samples(SampleMaker& m) {
  const auto along = [](int64_t d) { return [d](Inputs t) { return cumsum(t[0], d); }; };
  return {
      {"vector", {m.normal({13})}, along(0)},
      {"last", {m.normal({3, 5})}, along(-1)},
      {"first", {m.normal({5, 3})}, along(0)},
      {"middle", {m.normal({2, 3, 5})}, along(1)},
      {"channels_last", {m.normal({2, 3, 2, 2}).contiguous(MemoryFormat::kChannelsLast)}, along(1)},
      {"scalar", {m.normal({})}, along(0)},
      {"empty", {m.normal({2, 0})}, along(1)},
      {"integers", {m.indices({3, 5}, 9)}, along(1)},
      {"truth values", {m.mask({3, 5})}, along(1)}};
}
Cost cost(const Sample& s, const Tensor& out) {
  Cost c = streaming_cost(s, out);
  c.flops = static_cast<double>(s.inputs[0].numel());
  return c;
}
std::vector<ErrorCase> prod_errors() {
  return {{"dim", [] { prod(zeros({2, 3}), 2); }, "prod: dim 2 is out of range"}};
}
std::vector<ErrorCase> cumsum_errors() {
  return {{"dim", [] { cumsum(zeros({2, 3}), -3); }, "cumsum: dim -3 is out of range"}};
}

const OpInfo kTable[] = {
    {"prod", "prod(x), prod(x, dim, keepdim)", "product; integers give i64",
     "g times the product of the others", "the halves of each step", "pointwise", prod_samples,
     cost, prod_errors},
    {"cumsum", "cumsum(x, dim)", "running sums; integers give i64",
     "running sums of g from the end", "nothing", "", cumsum_samples, cost, cumsum_errors},
};

}  // namespace

std::span<const OpInfo> accumulate_ops() {
  return kTable;
}

}  // namespace tinytorch
