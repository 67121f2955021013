// softmax and log_softmax along one dimension.
#include "tinytorch/kernels/softmax.h"

#include "tinytorch/ops/common.h"

namespace tinytorch {

namespace {

template <class T>
kernels::SoftmaxArgs<T> rows_of(const Tensor& x, const Tensor& y) {
  const int64_t cols = x.shape().back();
  return {cols ? x.numel() / cols : 0, cols, x.data<T>(), cols, y.data<T>(), cols};
}

// Both forms over the last dimension of a contiguous x; log_form chooses.
Tensor along_last(const Tensor& x, bool log_form) {
  const char* op = log_form ? "log_softmax" : "softmax";
  const Tensor dense = [&] {
    const NoGrad no_grad;
    return x.contiguous();
  }();
  Tensor out = empty(x.shape(), x.dtype());
  with_float(x.dtype(), op, [&](auto type) {
    const auto args = rows_of<decltype(type)>(dense, out);
    log_form ? kernels::log_softmax(args) : kernels::softmax(args);
  });
  if (needs_grad(x))
    set_gradient(
        op, out, {&x},
        [y = Saved::output(out), log_form](GradContext& c) {
          const Tensor out_values = y.get(c), g = c.grad().contiguous();
          if (c.create_graph()) {
            const std::array<int64_t, 1> last = {-1};
            c.set(0, log_form ? g - exp(out_values) * sum(g, last, true)
                              : out_values * (g - sum(g * out_values, last, true)));
            return;
          }
          Tensor dx = empty(g.shape(), g.dtype());
          const int64_t cols = g.shape().back();
          with_float(g.dtype(), "softmax", [&](auto type) {
            using T = decltype(type);
            const kernels::SoftmaxGradArgs<T> args{cols ? g.numel() / cols : 0,
                                                   cols,
                                                   out_values.data<T>(),
                                                   cols,
                                                   g.data<T>(),
                                                   cols,
                                                   dx.data<T>(),
                                                   cols};
            log_form ? kernels::log_softmax_grad(args) : kernels::softmax_grad(args);
          });
          c.set(0, dx);
        },
        Formula::kComposed);
  return out;
}

Tensor along(const Tensor& x, int64_t dim, bool log_form) {
  const int d = normalize_dim(dim, x.dim(), log_form ? "log_softmax" : "softmax");
  if (x.dim() == 0) return along_last(x.reshape({1}), log_form).reshape({});
  if (d == x.dim() - 1) return along_last(x, log_form);
  return along_last(x.transpose(d, -1), log_form).transpose(d, -1);
}

}  // namespace

Tensor softmax(const Tensor& x, int64_t dim) {
  return along(x, dim, false);
}
Tensor log_softmax(const Tensor& x, int64_t dim) {
  return along(x, dim, true);
}

// ---- the table

namespace {

template <Tensor (*fn)(const Tensor&, int64_t)>
std::vector<Sample> samples(SampleMaker& m) {
  const auto along_dim = [](int64_t d) {
    return [d](const std::vector<Tensor>& t) { return fn(t[0], d); };
  };
  return {{"rows of 5", {m.normal({3, 5})}, along_dim(-1)},
          {"dim 0", {m.normal({4, 3})}, along_dim(0)},
          {"middle of 3-d", {m.normal({2, 3, 4})}, along_dim(1)},
          {"rows of 1", {m.normal({3, 1})}, along_dim(-1)},
          {"large values", {m.uniform({2, 4}, 50, 60)}, along_dim(-1)},
          {"empty", {m.normal({0, 4})}, along_dim(-1)},
          {"scalar", {m.normal({})}, along_dim(0)}};
}
Cost cost(const Sample& s, const Tensor& out) {
  return streaming_cost(s, out, 8);
}
std::vector<ErrorCase> errors() {
  return {{"dim", [] { softmax(zeros({2, 3}), 2); }, "dim 2 is out of range"},
          {"integers", [] { softmax(zeros({2}, DType::kI64), 0); }, "no kernel for i64"}};
}

const OpInfo kTable[] = {
    {"softmax", "softmax(x, dim)", "exp(x - max) / sum exp(x - max) along dim", "y (g - sum g y)",
     "its output", "softmax softmax_grad", samples<softmax>, cost, errors},
    {"log_softmax", "log_softmax(x, dim)", "x - log sum exp x along dim", "g - exp(y) sum g",
     "its output", "log_softmax log_softmax_grad", samples<log_softmax>, cost, errors},
};

}  // namespace

std::span<const OpInfo> softmax_ops() {
  return kTable;
}

}  // namespace tinytorch
