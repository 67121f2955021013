// Exercises for the engine and the formulas: small random graphs, ragged shapes.
#include <pthread.h>

#include <algorithm>
#include <cmath>
#include <exception>
#include <functional>
#include <limits>
#include <stdexcept>

#include "modules/harness/exercise.h"
#include "tinytorch/core/autograd.h"
#include "tinytorch/core/memory_stats.h"
#include "tinytorch/core/random.h"
#include "tinytorch/kernels/cross_entropy.h"
#include "tinytorch/kernels/pointwise.h"
#include "tinytorch/ops/ops.h"

namespace tinytorch::exercise {

namespace {

constexpr double kF64 = 1e-9;

Tensor draw(Input& in, const Shape& shape, bool wants = true) {
  Tensor x = from_vector(in.doubles(shape.product()), shape);
  if (wants) x.set_requires_grad();
  return x;
}

std::vector<double> list(const Tensor& x) {
  return x.defined() ? to_vector<double>(x.to(DType::kF64)) : std::vector<double>{};
}

// A random graph over vectors: each value is made of two that came before.
struct Graph {
  std::vector<Tensor> leaves, values;
  Graph(Input& in, int64_t leaf_count, int64_t value_count, bool all_want) {
    const Shape shape = {in.integer(1, 5)};
    for (int64_t i = 0; i < leaf_count; ++i)
      leaves.push_back(draw(in, shape, all_want || i == 0 || in.flag()));
    values = leaves;
    for (int64_t i = 0; i < value_count; ++i) {
      const auto at = [&] {
        return static_cast<size_t>(in.integer(0, static_cast<int64_t>(values.size()) - 1));
      };
      const size_t a = at(), b = at();
      const int64_t kind = in.integer(0, 3);
      values.push_back(kind == 0   ? values[a] + values[b]
                       : kind == 1 ? values[a] * values[b]
                       : kind == 2 ? values[a] - values[b] * 0.5
                                   : tanh(values[a]));
    }
    Tensor last = values.back() + values.front();
    values.push_back(last);
  }
};

// Tensors that fn allocates.
double allocations(const std::function<void()>& fn) {
  const int64_t before = memory_stats().allocations;
  fn();
  return static_cast<double>(memory_stats().allocations - before);
}

// Runs fn on a thread with 128 KiB of stack.
void with_little_stack(const std::function<void()>& fn) {
  struct Call {
    const std::function<void()>& fn;
    std::exception_ptr raised;
  } call{fn, nullptr};
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, size_t{128} << 10);
  pthread_t thread;
  const int failed = pthread_create(
      &thread, &attributes,
      [](void* data) -> void* {
        auto* c = static_cast<Call*>(data);
        try {
          c->fn();
        } catch (...) {
          c->raised = std::current_exception();
        }
        return nullptr;
      },
      &call);
  pthread_attr_destroy(&attributes);
  if (failed) throw std::runtime_error("no thread could be made");
  pthread_join(thread, nullptr);
  if (call.raised) std::rethrow_exception(call.raised);
}

}  // namespace

EXERCISE(record_edges, "4.1") {
  const Graph graph(in, 4, in.integer(1, 8), false);
  graph.values.back().sum().backward();
  for (const Tensor& leaf : graph.leaves) {
    out.value(leaf.requires_grad());
    out.all(list(leaf.grad()), kF64);
  }
}

EXERCISE(record_outputs, "4.1") {
  const Tensor x = draw(in, {in.integer(1, 4)});
  std::vector<Tensor> results(static_cast<size_t>(in.integer(1, 4)));
  {
    const NoGrad no_grad;
    for (size_t i = 0; i < results.size(); ++i) results[i] = x * static_cast<double>(i + 2);
  }
  std::vector<Tensor*> outputs;
  for (Tensor& each : results) outputs.push_back(&each);
  const Tensor* inputs[] = {&x};
  const size_t count = results.size();
  set_gradient("multiples", std::span<Tensor* const>(outputs),
               std::span<const Tensor* const>(inputs), [count](GradContext& c) {
                 Tensor g;
                 for (size_t i = 0; i < count; ++i) {
                   if (!c.grad(static_cast<int>(i)).defined()) continue;
                   const Tensor more = c.grad(static_cast<int>(i)) * static_cast<double>(i + 2);
                   g = g.defined() ? g + more : more;
                 }
                 c.set(0, g);
               });
  const auto used = static_cast<size_t>(in.integer(0, static_cast<int64_t>(count) - 1));
  (results[used] * results.back()).sum().backward();
  out.all(list(x.grad()), kF64);
}

EXERCISE(order_of_a_graph, "4.2") {
  for (int number = 0; number < 3; ++number) {
    const Graph graph(in, 2, in.integer(3, 12), true);
    std::vector<Tensor> roots, gradients;
    const int64_t count = in.integer(1, 3);
    for (int64_t i = 0; i < count; ++i) {
      const Tensor& root = graph.values[static_cast<size_t>(
          in.integer(2, static_cast<int64_t>(graph.values.size()) - 1))];
      roots.push_back(root);
      gradients.push_back(draw(in, root.shape(), false));
    }
    for (int run = 0; run < 2; ++run)
      for (const Tensor& g : grad(roots, graph.leaves, gradients, true)) out.all(list(g), kF64);
  }
}

EXERCISE(order_of_a_deep_graph, "4.2") {
  const Tensor x = draw(in, {1});
  Tensor y = x;
  const int64_t depth = in.integer(20, 40);
  for (int64_t i = 0; i < depth; ++i) y = y * 0.5 + y * 0.5;
  y.backward(ones({1}, DType::kF64));
  out.all(list(x.grad()), kF64);
  Tensor z = x;
  for (int i = 0; i < 8'000; ++i) z = z + x;
  with_little_stack([&] { out.all(list(grad({z}, {x}, {ones({1}, DType::kF64)})[0]), kF64); });
}

EXERCISE(accumulate_uses, "4.3") {
  const Tensor x = draw(in, {in.integer(1, 5)}), w = draw(in, x.shape());
  const Tensor a = x * 2, b = w * 3;
  Tensor y = a + b;
  const int64_t uses = in.integer(1, 6);
  for (int64_t i = 0; i < uses; ++i) {
    const int64_t kind = in.integer(0, 3);
    y = kind == 0   ? (y + b * in.doubles(1)[0]) + (a + b.view(b.shape()))
        : kind == 1 ? y + a.sum()
        : kind == 2 ? (a + b) + y * in.doubles(1)[0]
                    : y + b;
  }
  const Tensor g = draw(in, y.shape(), false);
  y.backward(g);
  out.all(list(x.grad()), kF64);
  out.all(list(w.grad()), kF64);
  out.all(list(g));
}

// One gradient that two values get, the second of them by way of a view.
EXERCISE(accumulate_views, "4.3") {
  const Shape shape = {in.integer(1, 5)};
  const Tensor x = draw(in, shape), w = draw(in, shape);
  const Tensor a = x * 2, b = w * 3;
  const Tensor left = a * in.doubles(1)[0] + b * in.doubles(1)[0];
  (left + (a + b.view(shape))).backward(draw(in, shape, false));
  out.all(list(x.grad()), kF64);
  out.all(list(w.grad()), kF64);
}

// Each further use of a value costs its own gradient and no more.
EXERCISE(accumulate_in_place, "4.3") {
  const Tensor x = draw(in, {in.integer(1, 5)});
  const Tensor h = x * 2;
  Tensor y = h * 3;
  const int64_t uses = in.integer(2, 12);
  for (int64_t i = 0; i < uses; ++i) y = y + h * in.doubles(1)[0];
  const Tensor g = draw(in, y.shape(), false);
  out.value(allocations([&] { y.backward(g); }));
  out.all(list(x.grad()), kF64);
}

// What a sum sends is one number that every element shares.
EXERCISE(accumulate_expanded, "4.3") {
  const Tensor x = draw(in, {in.integer(2, 5)}), z = draw(in, x.shape());
  const Tensor factors = draw(in, x.shape(), false);
  const Tensor h = x * 1, k = z * 1;
  (h.sum() + (h * factors).sum()).backward();
  ((k * factors).sum() + k.sum()).backward();
  out.all(list(x.grad()), kF64);
  out.all(list(z.grad()), kF64);
}

// A step of a chain makes its own gradient and no more.
EXERCISE(run_moves_results, "4.4") {
  const Tensor x = draw(in, {in.integer(1, 5)});
  Tensor y = x;
  const int64_t length = in.integer(2, 12);
  for (int64_t i = 0; i < length; ++i) y = y * in.doubles(1)[0];
  const Tensor g = draw(in, x.shape(), false);
  out.value(allocations([&] { y.backward(g); }));
  out.all(list(x.grad()), kF64);
}

// Results of a node with several, used in any way.
EXERCISE(run_several_outputs, "4.4") {
  const Tensor x = draw(in, {in.integer(1, 4)});
  Tensor results[3];
  {
    const NoGrad no_grad;
    for (int i = 0; i < 3; ++i) results[i] = x * (i + 2);
  }
  Tensor* outputs[] = {&results[0], &results[1], &results[2]};
  const Tensor* inputs[] = {&x};
  set_gradient("multiples", std::span<Tensor* const>(outputs),
               std::span<const Tensor* const>(inputs), [](GradContext& c) {
                 Tensor g;
                 for (int i = 0; i < 3; ++i) {
                   if (!c.grad(i).defined()) continue;
                   const Tensor more = c.grad(i) * (i + 2);
                   g = g.defined() ? g + more : more;
                 }
                 c.set(0, g);
               });
  Tensor y = results[in.integer(1, 2)] * in.doubles(1)[0];
  const int64_t more = in.integer(0, 3);
  for (int64_t i = 0; i < more; ++i) y = y + results[in.integer(0, 2)] * in.doubles(1)[0];
  y.backward(draw(in, x.shape(), false));
  out.all(list(x.grad()), kF64);
}

EXERCISE(run_and_let_go, "4.4") {
  const Tensor x = draw(in, {in.integer(1, 6)});
  const Tensor c = draw(in, x.shape(), false);
  const Tensor h = x * c, k = exp(h);
  const Tensor y = (k * h + c * h).sum();
  const int64_t more = in.integer(0, 2);
  for (int64_t i = 0; i < more; ++i) {
    y.backward({}, true);
    out.value(h.use_count());
    out.all(list(x.grad()), kF64);
  }
  y.backward();
  out.value(h.use_count());
  out.value(k.storage().use_count());
  out.all(list(x.grad()), kF64);
  bool raised = false;
  try {
    y.backward();
  } catch (const GradError&) {
    raised = true;
  }
  out.value(raised);
}

EXERCISE(checkpoint_of_a_part, "4.5") {
  manual_seed(static_cast<uint64_t>(in.integer(1, 1000)));
  for (int part = 0; part < 3; ++part) {
    const bool wants = in.flag();
    const Tensor x = draw(in, {in.integer(1, 9)}, wants), w = draw(in, x.shape());
    const double p = in.flag() ? 0.5 : 0;
    const auto fn = [&](const Tensor& t) { return dropout(tanh(t * w), p) * t; };
    const Tensor y = checkpoint(fn, in.flag() ? x * 2 : x);
    out.all(list(y), kF64);
    const Tensor more = rand({3});
    out.all(list(more));
    (y * draw(in, x.shape(), false)).sum().backward();
    out.all(list(x.grad()), kF64);
    out.all(list(w.grad()), kF64);
    out.all(list(rand({3})));
  }
}

// In tensors that the forward leaves behind.
EXERCISE(checkpoint_keeps_little, "4.5") {
  const int64_t bytes = 4096 * in.integer(1, 4);
  const Tensor x = zeros({bytes / 4}).set_requires_grad();
  const int64_t inside = in.integer(4, 9);
  const int64_t before = memory_stats().live_bytes;
  const Tensor y = checkpoint(
      [&](const Tensor& t) {
        Tensor inner = t;
        for (int64_t i = 0; i < inside; ++i) inner = inner.exp() * 0.1;
        return inner;
      },
      x);
  out.value(static_cast<double>((memory_stats().live_bytes - before + bytes / 2) / bytes));
}

EXERCISE(check_of_gradients, "4.6") {
  const Tensor whole = draw(in, {in.integer(3, 5), in.integer(3, 5)}, false);
  const Tensor some = in.flag() ? whole.t() : whole;
  const Tensor x = some.narrow(0, 1, some.shape()[0] - 1).set_requires_grad();
  const Tensor z = draw(in, {in.integer(1, 3)});
  const std::vector<double> before = list(whole);
  const int64_t at = in.integer(0, x.numel() - 1);
  const double factor = in.flag() ? 1 : 1.25;
  const auto fn = [&](const std::vector<Tensor>& t) {
    Tensor y;
    {
      const NoGrad no_grad;
      y = t[0] * t[0] + 2;
    }
    if (grad_enabled())
      set_gradient("square", y, {&t[0]}, [&](GradContext& c) {
        Tensor g = (x * c.grad() * 2 + 0).contiguous().clone();
        g.data<double>()[at] = (g.data<double>()[at] + (factor == 1 ? 0 : 1)) * factor;
        c.set(0, g);
      });
    return y.sum() + tanh(t[1]).sum();
  };
  const GradCheck r = grad_check(fn, {x, z}, 1e-5, 1e-5);
  out.value(r.ok);
  out.value(r.worst, 1e-4);
  for (const char c : r.message.substr(0, r.message.find(':'))) out.value(c);
  out.all(list(whole));
  out.value(list(whole) == before);
}

// With steps so large that a difference which is not central shows.
EXERCISE(check_of_cubes, "4.6") {
  const Tensor x = draw(in, {in.integer(2, 6)});
  const double step = 1e-4 * static_cast<double>(in.integer(2, 20));
  const auto fn = [](const std::vector<Tensor>& t) { return t[0] * t[0] * t[0]; };
  const GradCheck r = grad_check(fn, {x}, step, 1e-5);
  out.value(r.ok);
  out.value(r.worst, 1e-8);
}

EXERCISE(check_of_nans, "4.6") {
  const Tensor x = draw(in, {in.integer(1, 3), in.integer(1, 3)});
  const int64_t at = in.integer(0, x.numel() - 1);
  const auto fn = [&](const std::vector<Tensor>& t) {
    Tensor y;
    {
      const NoGrad no_grad;
      y = t[0] + 2;
    }
    if (grad_enabled())
      set_gradient("shift", y, {&t[0]}, [&](GradContext& c) {
        Tensor g = c.grad().contiguous().clone();
        g.data<double>()[at] = std::numeric_limits<double>::quiet_NaN();
        c.set(0, g);
      });
    return y;
  };
  const GradCheck r = grad_check(fn, {x}, 1e-5, 1e-5);
  out.value(r.ok);
  for (const char c : r.message.substr(0, r.message.find(':'))) out.value(c);
}

EXERCISE(broadcast_shapes_of_two, "4.7") {
  const Shape full = in.shape(1, 3, 4);
  const auto part = [&] {
    Shape s = full;
    for (int d = 0; d < s.rank(); ++d)
      if (in.flag()) s[d] = 1;
    while (s.rank() > 0 && in.flag()) s.erase(0);
    return s;
  };
  const Tensor a = draw(in, part()), b = draw(in, part()), c = draw(in, part());
  const Tensor y = a * b.expand(full) + c;
  y.backward(draw(in, y.shape(), false));
  for (const Tensor& t : {a, b, c}) out.all(list(t.grad()), kF64);
}

EXERCISE(sums_and_views, "4.7") {
  const Shape shape = in.shape(2, 3, 4);
  const Tensor x = draw(in, shape);
  const auto d = in.integer(0, shape.rank() - 1);
  const bool keep = in.flag();
  const Tensor s = x.sum({d}, keep);
  const Tensor v = x.transpose(0, 1).reshape({shape.product()}).view({1, shape.product()});
  s.backward(draw(in, s.shape(), false));
  out.all(list(x.grad()), kF64);
  v.t().backward(draw(in, {shape.product(), 1}, false));
  out.all(list(x.grad()), kF64);
  x.sum().backward(draw(in, {}, false));
  out.all(list(x.grad()), kF64);
}

// A gradient with strides of its own, for which no view may do.
EXERCISE(view_of_a_strided_gradient, "4.7") {
  const int64_t rows = in.integer(2, 5), cols = in.integer(2, 5);
  const Tensor x = draw(in, {rows * cols});
  x.view({rows, cols}).t().backward(draw(in, {cols, rows}, false));
  out.all(list(x.grad()), kF64);
}

// What arrives at an input of a sum and of a view, and whether it was written out for that.
EXERCISE(gradients_that_are_views, "4.7") {
  const Shape shape = {in.integer(2, 5), in.integer(2, 5)};
  const Tensor x = draw(in, shape);
  Tensor seen;
  x.register_hook([&](const Tensor& arrived) {
    seen = arrived;
    return Tensor();
  });
  const auto arrives = [&](const Tensor& y) {
    const Tensor g = draw(in, y.shape(), false);
    y.backward(g);
    out.value(seen.raw_data() == g.raw_data());
    out.all(list(seen));
  };
  arrives(x.sum({0}, in.flag()));
  arrives(x.sum({1}, in.flag()));
  arrives(x.sum());
  arrives(x.view({shape.product()}));
}

EXERCISE(products, "4.8") {
  const int64_t m = in.integer(1, 5), k = in.integer(1, 5), n = in.integer(1, 5);
  const int64_t batch = in.integer(0, 2);
  const Tensor a = draw(in, batch ? Shape{batch, m, k} : Shape{m, k});
  const Tensor b = draw(in, batch ? Shape{batch, k, n} : Shape{k, n});
  const Tensor y = matmul(a, b);
  const Tensor g = draw(in, y.shape(), false);
  const auto first = grad({y}, {a, b}, {g}, true, true);
  for (const Tensor& t : first) out.all(list(t), kF64);
  const Tensor squares = (first[0] * first[0]).sum() + (first[1] * first[1]).sum();
  for (const Tensor& t : grad({squares}, {a, b})) out.all(list(t), kF64);
}

// Its two results are all that a backward of a product makes.
EXERCISE(products_without_copies, "4.8") {
  const int64_t m = in.integer(1, 5), k = in.integer(1, 5), n = in.integer(1, 5);
  const Tensor a = draw(in, {m, k}), b = draw(in, {k, n});
  const Tensor y = matmul(a, b);
  const Tensor g = draw(in, y.shape(), false);
  out.value(allocations([&] { y.backward(g); }));
  out.all(list(a.grad()), kF64);
  out.all(list(b.grad()), kF64);
}

EXERCISE(relu_rows, "4.9") {
  const int64_t n = in.integer(0, 9);
  std::vector<double> g = in.doubles(2 * n), y = in.doubles(3 * n), dx = in.doubles(n);
  for (double& v : y) v = v < 0 ? 0 : v;
  char* const operands[] = {reinterpret_cast<char*>(dx.data()), reinterpret_cast<char*>(g.data()),
                            reinterpret_cast<char*>(y.data())};
  const int64_t steps[] = {8, in.integer(0, 2) * 8, in.integer(0, 3) * 8};
  kernels::loops::relu_grad_row<double>(operands, steps, n, nullptr);
  out.all(dx);
}

EXERCISE(losses, "4.9") {
  const int64_t rows = in.integer(1, 4), classes = in.integer(1, 6);
  Tensor logits = draw(in, {rows, classes}, false) * (in.flag() ? 1 : 8000);
  logits.set_requires_grad();
  std::vector<int64_t> target;
  for (int64_t r = 0; r < rows; ++r) target.push_back(in.integer(-1, classes - 1));
  const double smoothing = in.flag() ? 0 : 0.1;
  const Tensor loss =
      cross_entropy(logits, from_vector(target, {rows}), Reduction::kNone, -1, smoothing);
  loss.backward(draw(in, {rows}, false));
  out.all(list(logits.grad()), kF64);
}

// The gradient over the logits or beside them.
EXERCISE(loss_rows, "4.9") {
  kernels::CrossEntropyGradArgs<double> args;
  args.rows = in.integer(1, 3), args.classes = in.integer(2, 6);
  std::vector<double> x = in.doubles(args.rows * args.classes), beside = x, stats;
  std::vector<int64_t> target;
  for (int64_t r = 0; r < args.rows; ++r) {
    const double* row = x.data() + r * args.classes;
    double max = row[0], sum = 0;
    for (int64_t c = 1; c < args.classes; ++c) max = std::max(max, row[c]);
    for (int64_t c = 0; c < args.classes; ++c) sum += std::exp(row[c] - max);
    stats.insert(stats.end(), {max, sum});
    target.push_back(in.integer(0, args.classes - 1));
  }
  const bool in_place = in.flag();
  args.logits = x.data(), args.logits_stride = args.dlogits_stride = args.classes;
  args.stats = stats.data(), args.target = target.data();
  args.label_smoothing = in.flag() ? 0.1 : 0;
  args.scale = in.doubles(1)[0];
  args.dlogits = in_place ? x.data() : beside.data();
  kernels::loops::cross_entropy_grad(args);
  out.all(in_place ? x : beside, kF64);
}

}  // namespace tinytorch::exercise
