// What the grade of module 2 is made from.
#include <limits>

#include "modules/harness/exercise.h"
#include "tinytorch/core/autograd.h"
#include "tinytorch/core/error.h"
#include "tinytorch/core/memory_stats.h"
#include "tinytorch/core/random.h"
#include "tinytorch/kernels/cross_entropy.h"
#include "tinytorch/kernels/matmul.h"
#include "tinytorch/kernels/softmax.h"
#include "tinytorch/nn/linear.h"

namespace tinytorch::exercise {

namespace {

constexpr double kRounding = 1e-5;

// C += A B of ragged sizes and strides, and all memory that C lies in.
template <class T>
void product(Input& in, Output& out, void (*fn)(const kernels::MatmulArgs<T>&), int64_t most,
             bool any_b, double tolerance) {
  kernels::MatmulArgs<T> args;
  args.m = in.integer(1, 13), args.n = in.integer(1, most), args.k = in.integer(0, most);
  const int64_t a_gap = in.integer(0, 2), gap = in.integer(0, 3);
  const bool a_turned = in.flag(), b_turned = any_b && in.flag();
  args.accumulate = in.flag();
  const int64_t a_row = (a_turned ? args.m : args.k) + a_gap;
  const int64_t b_row = (b_turned ? args.k : args.n) + gap;
  const auto values = [&](int64_t count) {
    const std::vector<float> list = in.floats(count);
    return std::vector<T>(list.begin(), list.end());
  };
  const std::vector<T> a = values(a_row * (a_turned ? args.k : args.m) + 1);
  const std::vector<T> b = values(b_row * (b_turned ? args.n : args.k) + 1);
  std::vector<T> c = values((args.n + gap) * args.m);
  args.a = a.data(), args.a_rs = a_turned ? 1 : a_row, args.a_cs = a_turned ? a_row : 1;
  args.b = b.data(), args.b_rs = b_turned ? 1 : b_row, args.b_cs = b_turned ? b_row : 1;
  args.c = c.data(), args.ldc = args.n + gap;
  fn(args);
  out.all(c, tolerance);
}

// Square, dense; some of its elements are put out.
void large_product(Input& in, Output& out, void (*fn)(const kernels::MatmulArgs<float>&),
                   int64_t n) {
  const std::vector<float> a = in.floats(n * n), b = in.floats(n * n);
  std::vector<float> c(a.size());
  kernels::MatmulArgs<float> args;
  args.m = args.n = args.k = n;
  args.a = a.data(), args.a_rs = n, args.a_cs = 1;
  args.b = b.data(), args.b_rs = n, args.b_cs = 1;
  args.c = c.data(), args.ldc = n;
  fn(args);
  for (int i = 0; i < 64; ++i)
    out.value(c[static_cast<size_t>(in.integer(0, n * n - 1))], kRounding);
}

Tensor tensor(Input& in, const Shape& shape) {
  return from_vector(in.floats(shape.product()), shape);
}

void put(Output& out, const Tensor& x, double tolerance = kRounding) {
  for (const int64_t size : x.shape()) out.value(static_cast<double>(size));
  out.all(to_vector<float>(x), tolerance);
}

void put_gradient(Output& out, const Tensor& x) {
  out.value(x.grad().defined());
  if (x.grad().defined()) put(out, x.grad());
}

void put(Output& out, const std::string& text) {
  out.value(static_cast<double>(text.size()));
  for (const char c : text) out.value(c);
}

// A module with parameters of its own, y = scale x + shift.
class Part : public nn::Module {
 public:
  explicit Part(double scale, double shift) : scale_(scale), shift_(shift) {}
  Tensor forward(const Tensor& x) override { return x * scale_ + shift_; }
  const char* kind() const override { return "Part"; }

 private:
  double scale_, shift_;
};

std::shared_ptr<Part> part(Input& in) {
  const double scale = static_cast<double>(in.integer(-3, 3));
  return std::make_shared<Part>(scale, static_cast<double>(in.integer(-9, 9)));
}

std::string name(Input& in, int64_t number) {
  std::string text = std::to_string(number);
  text.push_back(static_cast<char>('a' + in.integer(0, 25)));
  return text;
}

// A random tree: parameters, some shared, and children of children.
void grow(Input& in, nn::Module& module, int depth, std::vector<Tensor>& known) {
  const int64_t parameters = in.integer(0, 2), children = depth > 0 ? in.integer(0, 3) : 0;
  for (int64_t i = 0; i < parameters; ++i) {
    const bool old = !known.empty() && in.flag() && in.flag();
    const size_t which = known.empty() ? 0 : static_cast<size_t>(in.integer(0, 99)) % known.size();
    known.push_back(module.register_parameter(name(in, i), old ? known[which] : tensor(in, {1})));
  }
  for (int64_t i = 0; i < children; ++i) {
    const auto child = part(in);
    grow(in, *child, depth - 1, known);
    module.register_module(name(in, 10 + i), child);
  }
}

}  // namespace

EXERCISE(matmul_ijk, "2.1") {
  product<float>(in, out, kernels::loops::matmul_ijk<float>, 21, true, 0);
}
EXERCISE(matmul_ijk_of_doubles, "2.1") {
  product<double>(in, out, kernels::loops::matmul_ijk<double>, 21, true, 0);
}
EXERCISE(matmul_ikj, "2.2") {
  product<float>(in, out, kernels::loops::matmul_ikj<float>, 40, false, 0);
}
EXERCISE(matmul_blocked, "2.3") {
  product<float>(in, out, kernels::loops::matmul_blocked<float>, 60, false, 0);
}
EXERCISE(matmul_blocked_of_large, "2.3") {
  product<float>(in, out, kernels::loops::matmul_blocked<float>, 600, false, 0);
}

SPEED(matmul_ikj_of_192, "2.2") {
  large_product(in, out, kernels::loops::matmul_ikj<float>, 192);
}
SPEED(matmul_blocked_of_320, "2.3") {
  large_product(in, out, kernels::loops::matmul_blocked<float>, 320);
}

EXERCISE(softmax, "2.4") {
  for (int i = 0; i < 4; ++i) {
    const int64_t rows = in.integer(1, 4), cols = in.integer(1, 30), gap = in.integer(0, 3);
    const auto scale = static_cast<float>(in.flag() ? in.integer(1, 5) : in.integer(100, 5000));
    std::vector<float> x = in.floats(rows * (cols + gap));
    const float shift = scale * static_cast<float>(in.integer(-3, 1));
    for (float& value : x) value = value * scale + shift;
    std::vector<float> y(x.size(), 5);
    const bool in_place = in.flag();
    float* to = in_place ? x.data() : y.data();
    kernels::loops::softmax(
        kernels::SoftmaxArgs<float>{rows, cols, x.data(), cols + gap, to, cols + gap});
    out.all(in_place ? x : y, kRounding);
  }
}

EXERCISE(cross_entropy, "2.5") {
  for (int i = 0; i < 3; ++i) {
    const int64_t rows = in.integer(1, 5), classes = in.integer(1, 30);
    const auto scale = static_cast<float>(in.flag() ? in.integer(1, 5) : in.integer(100, 5000));
    std::vector<float> x = in.floats(rows * classes);
    for (float& value : x) value *= scale;
    std::vector<int64_t> target;
    for (int64_t r = 0; r < rows; ++r) target.push_back(in.integer(0, classes - 1));
    std::vector<float> loss(static_cast<size_t>(rows)), stats(static_cast<size_t>(2 * rows));
    kernels::CrossEntropyArgs<float> args;
    args.rows = rows, args.classes = classes;
    args.logits = x.data(), args.logits_stride = classes;
    args.target = target.data();
    args.label_smoothing = in.flag() ? static_cast<float>(in.integer(1, 9)) / 10 : 0;
    if (args.label_smoothing == 0 && classes > 1 && in.flag())  // a class that cannot be
      x[static_cast<size_t>((target[0] + 1) % classes)] = -std::numeric_limits<float>::infinity();
    args.loss = loss.data(), args.stats = stats.data();
    kernels::loops::cross_entropy(args);
    out.all(loss, kRounding);
    out.all(stats, kRounding);
  }
}

EXERCISE(registration, "2.6") {
  Part module(1, 0);
  const int64_t count = in.integer(1, 5);
  std::vector<Tensor> values;
  for (int64_t i = 0; i < count; ++i) {
    const Tensor value = tensor(in, {in.integer(1, 4)});
    values.push_back(value);
    const int64_t before = memory_stats().allocations;
    const Tensor given = module.register_parameter(name(in, i), value);
    out.value(static_cast<double>(memory_stats().allocations - before));
    out.value(given.is_same(value));
    out.value(value.requires_grad());
    const auto child = part(in);
    module.register_module(name(in, 10 + i), child);
    try {
      matmul((*child)(zeros({2, 3})), zeros({2, 3}));
    } catch (const ShapeError& error) {
      put(out, error.what());
    }
    child->register_forward_hook(
        [](nn::Module&, const Tensor&, const Tensor&) -> Tensor { throw ShapeError("hook: no."); });
    try {
      (*child)(zeros({1}));
    } catch (const ShapeError& error) {
      put(out, error.what());
    }
  }
  for (const auto& [known, tensor] : module.named_parameters()) {
    put(out, known);
    put(out, tensor, 0);
    for (const Tensor& value : values) out.value(tensor.is_same(value));
  }
  for (const auto& [known, child] : module.children()) {
    put(out, known);
    put(out, child->forward(ones({2})), 0);
  }
}

EXERCISE(tree, "2.7") {
  Part net(1, 0);
  std::vector<Tensor> known;
  grow(in, net, 3, known);
  const nn::NamedTensors parameters = net.named_parameters();
  out.value(static_cast<double>(parameters.size()));
  for (const auto& [path, tensor] : parameters) {
    put(out, path);
    put(out, tensor, 0);
  }
  for (const auto& [path, tensor] : net.state_dict()) put(out, path);
  put(out, net.str());
  net.eval();
  const std::function<void(const nn::Module&)> modes = [&](const nn::Module& module) {
    out.value(module.training());
    for (const auto& [path, child] : module.children()) modes(*child);
  };
  modes(net);
  net.train();
  modes(net);
}

EXERCISE(sequential, "2.8") {
  nn::Sequential net;
  const int64_t count = in.integer(0, 6);
  for (int64_t i = 0; i < count; ++i) {
    const auto child = part(in);
    if (in.flag())
      child->register_forward_hook(
          [](nn::Module&, const Tensor&, const Tensor& y) { return y * 2 - 1; });
    net.push_back(child);
  }
  const Tensor x = tensor(in, {in.integer(1, 6)});
  const int64_t before = memory_stats().allocations;
  const Tensor y = net.forward(x);
  out.value(static_cast<double>(memory_stats().allocations - before));
  put(out, y, 0);
}

// Children that are run once more than they should be, and whose result is dropped.
EXERCISE(sequential_calls, "2.8") {
  nn::Sequential net;
  int calls = 0;
  const int64_t count = in.integer(0, 6);
  for (int64_t i = 0; i < count; ++i) {
    const auto child = part(in);
    child->register_forward_hook([&calls](nn::Module&, const Tensor&, const Tensor& y) {
      ++calls;
      return y;
    });
    net.push_back(child);
  }
  net.forward(tensor(in, {in.integer(1, 6)}));
  out.value(calls);
}

EXERCISE(initial_values, "2.9") {
  manual_seed(static_cast<uint64_t>(in.integer(0, 1 << 20)));
  const int64_t from = in.integer(1, 40), to = in.integer(1, 40);
  const nn::Linear first(from, to, in.flag()), second(to, from);
  for (const nn::Linear* layer : {&first, &second})
    for (const Tensor& p : layer->parameters()) put(out, p, 1e-7);
}

EXERCISE(linear, "2.10") {
  manual_seed(1);
  const int64_t from = in.integer(1, 12), to = in.integer(1, 12);
  nn::Linear layer(from, to, in.flag());
  Shape shape = in.shape(0, 2, 4);
  shape.push_back(from);
  Tensor x = tensor(in, shape);
  x.set_requires_grad();
  const auto fused = static_cast<Fused>(in.integer(0, 3));
  const Tensor y = layer.forward(x, fused);
  put(out, y);
  (y * tensor(in, y.shape())).sum().backward();
  put_gradient(out, x);
  for (const Tensor& p : layer.parameters()) put_gradient(out, p);
}

EXERCISE(mlp, "2.11") {
  manual_seed(2);
  const bool images = in.flag();
  std::vector<int64_t> sizes = {images ? 3 * 2 * 2 : in.integer(1, 9)};
  const int64_t layers = in.integer(1, 4);
  for (int64_t i = 0; i < layers; ++i) sizes.push_back(in.integer(1, 9));
  nn::Mlp net(sizes);
  put(out, net.str());
  const int64_t batch = in.integer(1, 5);
  const Tensor x = images ? tensor(in, {batch, 3, 2, 2}) : tensor(in, {batch, sizes[0]});
  const Tensor y = net.forward(x);
  put(out, y);
  (y * tensor(in, y.shape())).sum().backward();
  put(out, net.forward(images ? tensor(in, {3, 12}) : tensor(in, {sizes[0]})));
  for (const auto& [path, p] : net.named_parameters()) {
    put(out, path);
    put_gradient(out, p);
  }
}

}  // namespace tinytorch::exercise
