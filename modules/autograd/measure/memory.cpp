// What a training step holds, and what it costs to hold less.
#include <functional>

#include "modules/harness/measure.h"
#include "tinytorch/core/autograd.h"
#include "tinytorch/core/memory_stats.h"
#include "tinytorch/nn/linear.h"
#include "tinytorch/ops/ops.h"

namespace tinytorch::measure {

namespace {

Spread exactly(double value) {
  return {value, value, value};
}

// exp n times; the factor keeps the numbers small and saves nothing.
Tensor chain(Tensor x, int n) {
  for (int i = 0; i < n; ++i) x = exp(x) * 0.3;
  return x;
}

Tensor chain_of_checkpoints(Tensor x, int parts, int n) {
  for (int i = 0; i < parts; ++i) x = checkpoint([n](const Tensor& t) { return chain(t, n); }, x);
  return x;
}

// The peak of live memory while fn runs, above what lived before, in tensors of `bytes`.
double peak(int64_t bytes, const std::function<void()>& fn) {
  const int64_t before = memory_stats().live_bytes;
  reset_peak_memory();
  fn();
  return static_cast<double>(memory_stats().peak_bytes - before) / static_cast<double>(bytes);
}

constexpr int64_t kSizes[] = {16 << 10, 256 << 10, 2 << 20, 8 << 20};

}  // namespace

MEASUREMENT(what_is_alive) {
  nn::Mlp model({784, 512, 512, 512, 10});
  double mib = 0;
  for (const int64_t batch : {16, 64, 128, 256}) {
    const Tensor x = rand({batch, 784});
    const int64_t before = memory_stats().live_bytes;
    const Tensor y = model(x);
    mib = static_cast<double>(memory_stats().live_bytes - before) / (1 << 20);
    report.point("with a graph", static_cast<double>(batch), exactly(mib));
    const NoGrad no_grad;
    const int64_t again = memory_stats().live_bytes;
    const Tensor z = model(x);
    report.point("without", static_cast<double>(batch),
                 exactly(static_cast<double>(memory_stats().live_bytes - again) / (1 << 20)));
  }
  report.answer("peak_activation_bytes", mib);
}

MEASUREMENT(freeing) {
  double ratio = 0;
  for (const int64_t bytes : kSizes) {
    const Tensor x = zeros({bytes / 4}).set_requires_grad();
    const double freed = peak(bytes, [&] { chain(x, 16).sum().backward(); });
    std::vector<Tensor> gradients;  // held, as if no slot were ever emptied
    const double kept = peak(bytes, [&] {
      Tensor y = x;
      for (int i = 0; i < 16; ++i) {
        y = exp(y) * 0.3;
        y.register_hook([&](const Tensor& g) {
          gradients.push_back(g);
          return Tensor();
        });
      }
      y.sum().backward({}, true);
    });
    report.point("nothing is let go", static_cast<double>(bytes), exactly(kept));
    report.point("as soon as possible", static_cast<double>(bytes), exactly(freed));
    ratio = kept / freed;
  }
  report.answer("freeing_saves", ratio);
}

MEASUREMENT(recomputing) {
  double share = 0, times = 0;
  for (const int64_t bytes : kSizes) {
    const Tensor x = zeros({bytes / 4}).set_requires_grad();
    const auto plain = [&] { chain(x, 16).sum().backward(); };
    const auto again = [&] { chain_of_checkpoints(x, 4, 4).sum().backward(); };
    Tensor(x).set_grad(Tensor());
    const double most = peak(bytes, plain);
    Tensor(x).set_grad(Tensor());
    share = 100 * peak(bytes, again) / most;
    const int repeats = bytes > (4 << 20) ? 3 : bytes > (1 << 20) ? 5 : 15;
    const Stats a = measure_ns(plain, repeats), b = measure_ns(again, repeats);
    report.point("all values kept", static_cast<double>(bytes), scaled(a, 1e-6));
    report.point("4 checkpoints", static_cast<double>(bytes), scaled(b, 1e-6));
    times = b.median / a.median;
  }
  report.answer("recompute_memory", share);
  report.answer("recompute_time", times);
}

// One number a node: what is measured is the graph.
MEASUREMENT(walk) {
  for (const int64_t nodes : {10, 100, 1000, 10'000, 100'000}) {
    const Tensor x = ones({1}).set_requires_grad();
    Tensor y = x;
    for (int64_t i = 0; i < nodes; ++i) y = neg(y);
    const Tensor g = ones({1});
    const Stats s = measure_ns([&] { y.backward(g, true); }, nodes > 10'000 ? 5 : 21);
    report.point("backward", static_cast<double>(nodes),
                 scaled(s, 1.0 / static_cast<double>(nodes)));
    const Stats f = measure_ns(
        [&] {
          Tensor z = x;
          for (int64_t i = 0; i < nodes; ++i) z = neg(z);
        },
        nodes > 10'000 ? 5 : 21);
    report.point("forward and its end", static_cast<double>(nodes),
                 scaled(f, 1.0 / static_cast<double>(nodes)));
  }
}

}  // namespace tinytorch::measure
