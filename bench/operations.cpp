// Single operations at the sizes by which frameworks are compared: `tito bench --operations`.
#include "bench/workloads.h"

#include "tinytorch/core/autograd.h"
#include "tinytorch/core/random.h"
#include "tinytorch/ops/inference.h"
#include "tinytorch/ops/ops.h"

namespace tinytorch::bench {

namespace {

using Run = std::function<void()>;

// Calls op(a, b) without a graph.
template <class Op>
Run on(const Tensor& a, const Tensor& b, Op op) {
  return [a, b, op] {
    const NoGrad no_grad;
    op(a, b);
  };
}

// A product of an m x k and a k x n matrix; each may lie transposed in memory.
Workload product(const char* id, const char* name, int64_t m, int64_t k, int64_t n,
                 bool a_transposed = false, bool b_transposed = false) {
  const auto size = [](int64_t x) { return static_cast<double>(x); };
  return {id, name, 2 * size(m) * size(k) * size(n), 4 * size(m * k + k * n + m * n), 0, [=] {
            const Tensor a = a_transposed ? randn({k, m}).t() : randn({m, k});
            const Tensor b = b_transposed ? randn({n, k}).t() : randn({k, n});
            return on(a, b, [](const Tensor& x, const Tensor& y) { return matmul(x, y); });
          }};
}

// An operation on tensors of 64 K numbers. Its limit is what it has to read and write.
template <class Op>
Workload on_64k(const char* id, const char* name, const Shape& shape, double tensors, Op op) {
  return {id, name, 0, 4 * 65536 * tensors, 0, [=] {
            return on(randn(shape), randn(shape), op); }};
}

// Images as layers hand them on, and as PyTorch's faster variant gets them: channels last.
Run convolution(bool backward) {
  const auto images = [] { return randn({16, 32, 32, 64}).permute({0, 3, 1, 2}); };
  Tensor x = images(), w = randn({64, 64, 3, 3});
  ConvOptions options;
  options.padding[0] = options.padding[1] = 1;
  if (!backward)
    return on(x, w, [=](const Tensor& a, const Tensor& b) { conv2d(a, b, {}, options); });
  x.set_requires_grad(), w.set_requires_grad();
  const Tensor g = images();
  return [=] {
    Tensor in = x, weight = w;
    in.set_grad(Tensor()), weight.set_grad(Tensor());
    conv2d(in, weight, {}, options).backward(g);
  };
}

Run vocabulary_loss() {
  Tensor logits = randn({4096, 50257});
  logits.set_requires_grad();
  const Tensor target = randint(0, 50257, {4096});
  return [=] {
    Tensor x = logits;
    x.set_grad(Tensor());
    cross_entropy(x, target).backward();
  };
}

constexpr double kConv = 2.0 * 16 * 32 * 32 * 64 * 64 * 9, kImages = 4.0 * 16 * 64 * 32 * 32;

std::vector<Workload> make_operations() {
  const auto unary = [](auto op) { return [op](const Tensor& a, const Tensor&) { return op(a); }; };
  return {
      product("gemm512", "product of two 512 x 512", 512, 512, 512),
      product("gemm1024", "product of two 1024 x 1024", 1024, 1024, 1024),
      product("gemm2048", "product of two 2048 x 2048", 2048, 2048, 2048),
      product("skinny", "product of 64 x 784 and 784 x 512", 64, 784, 512),
      product("skinny_bt", "the same, the second transposed: a layer forward", 64, 784, 512, false,
              true),
      product("skinny_at", "product of 784 x 64, transposed, and 64 x 512: a weight's gradient",
              784, 64, 512, true),
      product("narrow", "product of 64 x 512 and 512 x 10", 64, 512, 10),
      product("narrow_bt", "the same, the second transposed", 64, 512, 10, false, true),
      product("inner10", "product of 64 x 10 and 10 x 512", 64, 10, 512),
      {"conv", "convolution 64 to 64, 3 x 3, on 16 x 64 x 32 x 32", kConv, 2 * kImages, 0,
       [] { return convolution(false); }},
      {"conv_train", "the same with its gradients", 3 * kConv, 5 * kImages, 0,
       [] { return convolution(true); }},
      on_64k("add", "sum of two tensors of 64 K", {65536}, 3,
             [](const Tensor& a, const Tensor& b) { return a + b; }),
      on_64k("exp", "exp of 64 K", {65536}, 2, unary([](const Tensor& x) { return exp(x); })),
      on_64k("gelu", "GELU of 64 K", {65536}, 2, unary([](const Tensor& x) { return gelu(x); })),
      on_64k("softmax", "softmax of 1024 rows of 64", {1024, 64}, 2,
             unary([](const Tensor& x) { return softmax(x, 1); })),
      on_64k("layer_norm", "layer norm of 1024 rows of 64", {1024, 64}, 2,
             unary([](const Tensor& x) { return layer_norm(x, {64}); })),
      on_64k("sum", "sum of 64 K", {65536}, 1, unary([](const Tensor& x) { return sum(x); })),
      {"transpose", "copy of 4096 x 4096, transposed", 0, 2 * 4 * 4096.0 * 4096, 0,
       [=] {
         return on(randn({4096, 4096}), Tensor(),
                   unary([](const Tensor& x) { return x.t().contiguous(); }));
       }},
      {"vocabulary", "cross-entropy of 4096 x 50257 and its gradient", 0, 3 * 4 * 4096.0 * 50257, 0,
       vocabulary_loss},
  };
}

}  // namespace

const std::vector<Workload>& operations() {
  static const std::vector<Workload> all = make_operations();
  return all;
}

}  // namespace tinytorch::bench
