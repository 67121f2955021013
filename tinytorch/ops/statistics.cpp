// Reductions composed of others: standard deviation, norms, log-sum-exp.
#include "tinytorch/ops/statistics.h"

#include <cmath>
#include <limits>

#include "tinytorch/ops/common.h"
#include "tinytorch/ops/math.h"
#include "tinytorch/ops/reduction.h"

namespace tinytorch {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

Tensor zero_of(const Tensor& x) {
  return scalar_tensor(0, x.dtype());
}
// fn(x), but `value` with gradient 0 where x is 0: for an fn whose slope is infinite there.
template <class Fn>
Tensor with_value_at_zero(double value, const Tensor& x, Fn fn) {
  const Tensor at_zero = eq(x, 0);
  return where(at_zero, scalar_tensor(value, x.dtype()),
               fn(where(at_zero, scalar_tensor(1, x.dtype()), x)));
}

Tensor power_norm(const Tensor& x, double p, std::span<const int64_t> dims, bool keepdim) {
  if (p == 0)  // x * 0: for a gradient, 0 everywhere
    return sum(where(ne(x, 0), scalar_tensor(1, x.dtype()), x * 0), dims, keepdim);
  if (p == 1) return sum(abs(x), dims, keepdim);
  if (p == 2)
    return with_value_at_zero(0, sum(square(x), dims, keepdim),
                              [](const Tensor& s) { return sqrt(s); });
  if (p == kInfinity) return amax(abs(x), dims, keepdim);
  if (p == -kInfinity) return amin(abs(x), dims, keepdim);
  const auto to_p = [p](const Tensor& t) { return pow(t, p); };
  const Tensor terms =
      p < 1 ? with_value_at_zero(p > 0 ? 0 : kInfinity, abs(x), to_p) : to_p(abs(x));
  return with_value_at_zero(0, sum(terms, dims, keepdim),
                            [p](const Tensor& s) { return pow(s, 1 / p); });
}

}  // namespace

Tensor std(const Tensor& x, std::span<const int64_t> dims, bool unbiased, bool keepdim) {
  require_floating(x, "std");
  if (x.dtype() == DType::kBF16)
    return std(x.to(DType::kF32), dims, unbiased, keepdim).to(DType::kBF16);
  resolve_dims(x, dims, "std");  // for an error under our own name
  return with_value_at_zero(0, var(x, dims, unbiased, keepdim),
                            [](const Tensor& v) { return sqrt(v); });
}

Tensor norm(const Tensor& x, double p, std::span<const int64_t> dims, bool keepdim) {
  require_floating(x, "norm");
  if (x.dtype() == DType::kBF16) return norm(x.to(DType::kF32), p, dims, keepdim).to(DType::kBF16);
  if (std::isnan(p)) raise<ConfigError>("norm: p is not a number. Hint: 2 gives the length.");
  const DimList list = resolve_dims(x, dims, "norm");
  if (std::isinf(p) && count_of(x, list) == 0)
    raise<ShapeError>("norm: {} is empty along the dims: there is no {} value.", describe(x),
                      p > 0 ? "largest" : "smallest");
  return power_norm(x, p, dims, keepdim);
}

Tensor logsumexp(const Tensor& x, std::span<const int64_t> dims, bool keepdim) {
  require_floating(x, "logsumexp");
  if (x.dtype() == DType::kBF16)
    return logsumexp(x.to(DType::kF32), dims, keepdim).to(DType::kBF16);
  const DimList list = resolve_dims(x, dims, "logsumexp");
  const auto whole = [list, shape = x.shape(), keepdim](const Tensor& reduced) {
    return gradients::sum(reduced, shape, list.span(), keepdim);
  };
  Tensor out = [&] {
    const NoGrad no_grad;
    if (count_of(x, list) == 0) return log(sum(x, dims, keepdim));  // log 0
    Tensor shift = extreme_dims(x, list, keepdim, Extreme::kLargest, "logsumexp").first;
    shift = where(eq(abs(shift), kInfinity), zero_of(x), shift);  // infinity - infinity is none
    return log(sum(exp(x - whole(shift)), dims, keepdim)) + shift;
  }();
  if (needs_grad(x))
    set_gradient(
        "logsumexp", out, {&x},
        [x = Saved(x), y = Saved::output(out), whole](GradContext& c) {
          c.set(0, whole(c.grad()) * exp(x.get(c) - whole(y.get(c))));
        },
        Formula::kComposed);
  return out;
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
  return {{"all", {m.normal({3, 4})}, over({}, false)},
          {"last", {m.normal({3, 11})}, over({-1}, false)},
          {"first, keepdim", {m.normal({5, 4})}, over({0}, true)},
          {"outer two of four", {m.normal({2, 3, 2, 2})}, over({0, 2}, false)},
          {"no rows", {m.normal({0, 3})}, over({1}, false)}};
}
Tensor std_plain(const Tensor& x, std::span<const int64_t> dims, bool keepdim) {
  return std(x, dims, true, keepdim);
}
Tensor norm_plain(const Tensor& x, std::span<const int64_t> dims, bool keepdim) {
  return norm(x, 2, dims, keepdim);
}
std::vector<Sample> std_samples(SampleMaker& m) {
  std::vector<Sample> list = samples<std_plain>(m);
  list.push_back({"biased", {m.normal({4, 3})}, [](Inputs t) { return std(t[0], {0}, false); }});
  return list;
}
template <int kTimes10>
Tensor norm_of(Inputs t) {
  return norm(t[0], kTimes10 / 10.0, {1});
}
std::vector<Sample> norm_samples(SampleMaker& m) {
  std::vector<Sample> list = samples<norm_plain>(m);
  list.push_back({"p 1", {m.distinct({3, 5})}, norm_of<10>});
  list.push_back({"p 3", {m.distinct({3, 5})}, norm_of<30>});
  list.push_back({"p 1.5", {m.distinct({3, 5})}, norm_of<15>});
  list.push_back({"p 0.5", {m.uniform({3, 5}, 0.5, 1)}, norm_of<5>});
  list.push_back({"p -1", {m.uniform({3, 5}, 0.5, 1)}, norm_of<-10>});
  list.push_back({"p 0", {m.distinct({3, 5})}, norm_of<0>});
  list.push_back(
      {"p inf", {m.distinct({3, 5}) + 0.004}, [](Inputs t) { return norm(t[0], kInfinity, {1}); }});
  list.push_back({"p -inf", {m.distinct({3, 5}) + 0.004}, [](Inputs t) {
                    return norm(t[0], -kInfinity, {0}, true);
                  }});
  list.push_back({"scalar", {m.uniform({}, 0.5, 1)}, [](Inputs t) { return norm(t[0]); }});
  return list;
}
std::vector<Sample> logsumexp_samples(SampleMaker& m) {
  std::vector<Sample> list = samples<logsumexp>(m);
  list.push_back(
      {"large", {m.uniform({2, 5}, 900, 903)}, [](Inputs t) { return logsumexp(t[0], {1}); }});
  list.push_back({"scalar", {m.normal({})}, [](Inputs t) { return logsumexp(t[0]); }});
  return list;
}
template <int flops>
Cost cost(const Sample& s, const Tensor& out) {
  Cost c = streaming_cost(s, out);
  c.flops = flops * static_cast<double>(s.inputs[0].numel());
  return c;
}
std::vector<ErrorCase> std_errors() {
  return {{"dim", [] { std(zeros({2, 3}), {2}); }, "std: dim 2 is out of range"},
          {"integers", [] { std(zeros({2}, DType::kI64)); },
           "std: i64 [2] is not of a floating dtype"}};
}
std::vector<ErrorCase> norm_errors() {
  return {{"dim", [] { norm(zeros({2, 3}), 2, {2}); }, "norm: dim 2 is out of range"},
          {"integers", [] { norm(zeros({2}, DType::kI64)); }, "is not of a floating dtype"},
          {"p", [] { norm(zeros({2}), std::nan("")); }, "norm: p is not a number"},
          {"empty", [] { norm(zeros({2, 0}), kInfinity, {1}); }, "there is no largest value"}};
}
std::vector<ErrorCase> logsumexp_errors() {
  return {{"dim", [] { logsumexp(zeros({2, 3}), {2}); }, "logsumexp: dim 2 is out of range"},
          {"integers", [] { logsumexp(zeros({2}, DType::kI64)); }, "is not of a floating dtype"}};
}

const OpInfo kTable[] = {
    {"std", "std(x, dims, unbiased, keepdim)", "sqrt(sum (x - mean)^2 / (count - 1))",
     "g (x - mean) / ((count - 1) y), 0 where y is 0", "x, the variance",
     "sum_squared_deviation sum pointwise", std_samples, cost<4>, std_errors, 1e-5},
    {"norm", "norm(x, p, dims, keepdim)", "(sum |x|^p)^(1/p)",
     "g sign(x) (|x| / y)^(p - 1), 0 where y is 0", "x, |x| (but for p 2), the sum",
     "sum max pointwise", norm_samples, cost<2>, norm_errors, 1e-5},
    {"logsumexp", "logsumexp(x, dims, keepdim)", "log sum e^x over dims", "g e^(x - y)",
     "x, its output", "sum max pointwise", logsumexp_samples, cost<12>, logsumexp_errors, 1e-5},
};

}  // namespace

std::span<const OpInfo> statistics_ops() {
  return kTable;
}

}  // namespace tinytorch
